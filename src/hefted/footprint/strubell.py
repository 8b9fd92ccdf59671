"""Table 3 of Strubell, Ganesh and McCallum, Energy and Policy Considerations for Deep Learning in NLP (2019).

The paper made the price of training known: "training BERT on GPU is roughly equivalent to a trans-American flight".
Each of its rows that has a power follows from its own constants (equations 1 and 2):

    kWh  = 1.58 x hours x kW          1.58: mean PUE of data centres, Uptime Institute 2018
    CO2e = 0.954 lb/kWh x kWh         0.954: the mean of the USA, EPA eGRID 2018

    >>> bert = next(row for row in rows() if row.model == 'BERT base')
    >>> round(bert.kwh), round(bert.pounds)
    (1507, 1438)
"""

from __future__ import annotations

from typing import NamedTuple

from hefted.footprint import facility, grid
from hefted.footprint.place import Place
from hefted.footprint.tables import table
from hefted.quantities import Quantity

PUE = 1.58
POUNDS_PER_KWH = 0.954
DOLLARS = 0.74, 2.48  # a V100 and hour, preemptible and on demand, in Google's cloud of 2019: by Table 3's two ends
FLIGHT_POUNDS = 1984  # one passenger, New York to San Francisco and back: its Table 1


class Row(NamedTuple):
    """A row of the table: what is printed, and what its power and its hours come to.

    Attributes:
        model: What was trained.
        hardware: As printed, such as 'V100x64'.
        devices: How many.
        power_w: W of all devices, host and memory, as the paper has it.
        hours_printed: h, rounded.
        hours: h, as the paper computed with them.
        kwh_printed: kWh with PUE, as printed.
        pounds_printed: lb CO2e, as printed.
    """

    model: str
    hardware: str
    devices: int
    power_w: float
    hours_printed: float
    hours: float
    kwh_printed: float
    pounds_printed: float

    @property
    def kwh(self) -> float:
        """KWh with the paper's PUE, from power and hours."""
        return PUE * self.hours * self.power_w / 1000

    @property
    def pounds(self) -> float:
        """Lb CO2e by the paper's factor."""
        return POUNDS_PER_KWH * self.kwh

    @property
    def dollars(self) -> tuple[float, float]:
        """USD of V100s rented for its hours: the least and the most, as the paper has them."""
        low, high = (self.devices * self.hours * each for each in DOLLARS)
        return low, high

    def energy_today(self) -> Quantity:
        """The same power and hours in a data centre of today's mean PUE, in kWh."""
        return Quantity(self.hours * self.power_w / 1000, 'kWh') * pue_today()

    def carbon_today(self, place: Place) -> Quantity:
        """Its carbon today at a place, in kg CO2e."""
        return (self.energy_today() * grid.intensity(place)).to('kg CO2e')


def pue_today() -> Quantity:
    """The mean of data centres that a run of an unknown house is priced by, and where single ones lie."""
    return facility.world_pue()


def rows() -> list[Row]:
    """The rows that have a power: those trained on GPUs (the paper gives none for TPUs)."""
    numbers = ('devices', 'power_w', 'hours_printed', 'hours', 'kwh_pue_printed', 'co2e_lb_printed')
    found: list[Row] = []
    for row in table('strubell_2019').values():
        devices, *others = (float(row[name]) for name in numbers)
        found.append(Row(row['model'], row['hardware'], int(devices), *others))
    return found


HISTORY = (
    'The 79 hours printed for BERT are 79.2 (3.3 days on four DGX-2H): with 79 the table would say 1,503 kWh.',
    (
        'Nobody measured a V100: the paper ran each model on one Titan X (ELMo on three GTX 1080 Ti) for a day at most '
        "and scaled it. BERT's 12,041.51 W are 64 times 188.1 W."
    ),
    (
        'Weeks later the maker of the GPUs trained the larger BERT (340 M parameters) on the same four DGX-2H in 15.35 '
        'hours: a fifth of the time, for three times the model.'
    ),
    (
        f'A passenger from New York to San Francisco and back is {FLIGHT_POUNDS:,} lb in its Table 1, so BERT was 0.72 '
        'of that: more than one way, less than the return.'
    ),
    (
        "The search's 626,155 lb (NAS) were read from another task than the one that was run: Patterson et al. (2021) "
        'put it at about 3.2 t CO2e, 88 times less.'
    ),
)
"""What was in the paper's small print, or became known since (NVIDIA's DeepLearningExamples, 2019; Patterson, 2021)."""
