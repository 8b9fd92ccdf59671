"""What the house around a machine adds: its energy (PUE) and the water that cools it (WUE).

- A cloud's region that publishes its year has that: modelled, for a run is at some hour and in some hall.
- A cloud that publishes a mean of its fleet has that elsewhere, with the spread of its regions.
- Any other server, or a virtual machine of unknown house, has the mean of a survey: assumed, and as wide as the
  industry (PUE 1.1 to 1.9).
- A laptop or a desktop stands in no such house: 1 and 0, exactly, by definition.

Sources: Amazon's fact sheets (2025), Google's Environmental Report (2025), Microsoft's data centre pages (2022 to
fiscal 2025), Uptime Institute's survey (2024), LBNL's report (2024). All are the operators' own figures. PUE and
WUE are those of The Green Grid: both per kWh of the machines' (IT) energy.
"""

from __future__ import annotations

from hefted.footprint.place import Place
from hefted.footprint.tables import cited, table, world
from hefted.metering.machine import Machine
from hefted.quantities import Quantity, Source

_NO_HOUSE = Source('no facility', 'By definition: a personal computer stands in no data centre', None, None, 'fact')

# Of the overhead: one year against the next, summer against winter, one hall against another. From 2024 to 2025 the
# overheads that 34 regions of two clouds published moved by up to 1.43 times in nine of ten (eu-central-1: 1.35, 1.24).
_OVERHEAD_RATIO = 1.45
# Of the water: most is used on the hottest days. From 2024 to 2025 that of 16 regions moved by up to 3 times in nine
# of ten.
_WATER_RATIO = 3.0


def pue(place: Place, machine: Machine) -> Quantity:
    """Tell the power usage effectiveness: the facility's energy over that of its machines, '1'.

    Args:
        place: Where it runs.
        machine: On what.

    Example:
        >>> str(pue(Place.of('aws:us-west-2'), Machine()))
        '1.12 (1.08 to 1.17, modelled)'
        >>> str(pue(Place.of('FR'), Machine('laptop')))
        '1.0'
    """
    if _at_home(place, machine):
        return Quantity(1.0, '1', sources=(_NO_HOUSE,))
    found = _disclosed('pue', place, machine)
    if found is None:
        return world_pue()
    row, others = found
    value = float(row['pue'])
    low, high = (1 + (value - 1) * ratio for ratio in (1 / _OVERHEAD_RATIO, _OVERHEAD_RATIO))
    low, high = min(low, *others), max(high, *others)
    return Quantity.between(value, low, high, '1', source=cited(row, f'pue:{row["key"]}'))


def world_pue() -> Quantity:
    """The power usage effectiveness of a data centre that is not known: a survey's mean, and where single ones lie.

    Example:
        >>> str(world_pue())
        '1.6 (1.1 to 1.9, assumed)'
    """
    return world('pue', 'pue:world', '1')


def wue(place: Place, machine: Machine) -> Quantity:
    """Tell the water usage effectiveness: water that cools, in 'L/kWh' of the machines' energy.

    Args:
        place: Where it runs.
        machine: On what.

    Example:
        >>> str(wue(Place.of('aws:ap-southeast-1'), Machine()))
        '1.7 L/kWh (0.6 to 5.0, modelled)'
    """
    if _at_home(place, machine):
        return Quantity(0.0, 'L/kWh', sources=(_NO_HOUSE,))
    found = _disclosed('wue_l_per_kwh', place, machine)
    if found is None:
        return world('wue_l_per_kwh', 'wue:world', 'L/kWh')
    row, others = found
    value = float(row['wue_l_per_kwh'])
    low, high = min(value / _WATER_RATIO, *others), max(value * _WATER_RATIO, *others)
    return Quantity.between(value, low, high, 'L/kWh', source=cited(row, f'wue:{row["key"]}'))


def _at_home(place: Place, machine: Machine) -> bool:
    """Whether it stands in no data centre; where a cloud or a house is named, it does."""
    housed = place.cloud_region or place.datacentre or machine.provider
    return machine.kind in ('laptop', 'desktop') and not housed


def _disclosed(column: str, place: Place, machine: Machine) -> tuple[dict[str, str], tuple[float, ...]] | None:
    """The row of the region, or else of its provider with the figures of all its regions; None where nobody told."""
    rows = table('facility')
    region = place.cloud_region or ''
    provider = region.partition(':')[0] or machine.provider or ''
    if region in rows and rows[region][column]:
        value = float(rows[region][column])
        return rows[region], (value, value)
    if provider not in rows or not rows[provider][column]:
        return None
    others = (float(row[column]) for key, row in rows.items() if key.startswith(f'{provider}:') and row[column])
    value = float(rows[provider][column])
    return rows[provider], (value, *others, value)
