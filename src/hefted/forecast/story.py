"""What it took to train BERT: as published in 2019, what that left out, and what it takes today, as figures.

Published figures are quantities without an interval, with the paper as their source; what Hefted says of the same run
follows from model and machine alone (`hefted.forecast.recipes`), and never from the hours that were published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hefted.footprint import strubell
from hefted.footprint.place import Place
from hefted.footprint.tables import source
from hefted.forecast.analytic import forecast_recipe
from hefted.forecast.forecast import Forecast
from hefted.forecast.here import forecast_here
from hefted.forecast.machines import THIS_MACHINE
from hefted.forecast.recipes import LAMB_LARGE, MODERN_BASE, NVIDIA, ORIGINAL_BASE, ORIGINAL_LARGE, Recipe
from hefted.quantities import Quantity, Source, total

POUND = 0.45359237  # kg
THEN = '4 x DGX-2H'
TODAY = ('8 x A100-80GB', '8 x H100', '8 x H200', '8 x B200', 'this machine')
_AMERICA = 'US'  # where the paper's factor is of

TABLE = source('strubell-table-3')
_TITAN = Source('titan-x', f'{TABLE.title}, section 2: read on one NVIDIA Titan X', 2019, TABLE.url, 'fact')

OFF = (
    'The 79 hours printed are 79.2 (3.3 days on four DGX-2H); with 79 the table would say 1,503 kWh.',
    'Nobody measured a V100: one Titan X was read for a day at most, and multiplied by 64.',
    (
        'Which BERT took 79.2 hours is not certain: the paper takes it for the base model. Weeks later the maker of '
        'the GPUs trained the large one, three times the size, on as many of the same machines in 15.35 hours, by a '
        'recipe of its own with twice the tokens.'
    ),
    (
        'The authors of BERT spoke of 40 passes over the text. Nine tenths of the steps had 128 tokens and not 512: '
        'it was 13. Their 96 hours on 16 TPU chips are of that recipe.'
    ),
    (
        'A flight from New York to San Francisco and back is 1,984 lb of CO2e a passenger in the same paper: BERT was '
        '0.72 of that, more than one way (0.5) and less than both (1). It is a seat, not a plane: '
        'the paper says "a passenger".'
    ),
)
"""What is known to be off in the published figures, or in how they are retold."""


class Earlier(NamedTuple):
    """A modern training that was published, told beside what is forecast.

    Attributes:
        name: Of it.
        told: What it took, in words.
        url: Where.
    """

    name: str
    told: str
    url: str


EARLIER = (
    Earlier(
        'MosaicBERT, 2023',
        '1.13 h on 8 A100 of 80 GB, about $20, to a mean of 79.6 on GLUE',
        'https://arxiv.org/abs/2312.17482',
    ),
    Earlier(
        '24hBERT, 2021', '24 h on 8 GPUs of 12 GB, $50 where others paid $2,000', 'https://arxiv.org/abs/2104.07705'
    ),
    Earlier('Crammed BERT, 2022', '24 h on one GPU of a desktop', 'https://arxiv.org/abs/2212.14034'),
)


class Printed(NamedTuple):
    """The published figures, each beside what its own constants come to.

    Attributes:
        power: W of 64 GPUs, processors and memory.
        duration: h.
        energy: kWh with the facility's share.
        carbon: kg CO2e.
        least: USD, preemptible.
        most: USD, on demand.
        flights: Of a passenger's round trip from New York to San Francisco.
        energy_again: kWh by its formula.
        pounds_again: lb CO2e by its formula.
    """

    power: Quantity
    duration: Quantity
    energy: Quantity
    carbon: Quantity
    least: Quantity
    most: Quantity
    flights: Quantity
    energy_again: float
    pounds_again: float


class Apart(NamedTuple):
    """Why the published carbon is so many times that of a training today, as factors whose product that is.

    Attributes:
        figure: The published figure over what its own work takes on its own machines, by the forecast.
        tokens: Tokens of that work over those of today's.
        rest: Machines, place, and what is counted: the published figure holds no making of hardware.
    """

    figure: Quantity
    tokens: float
    rest: Quantity


class Told(NamedTuple):
    """One training on one machine.

    Attributes:
        name: Of the recipe.
        forecast: What it takes.
        cost: USD; of V100s at the paper's prices.
        published: Hours that were published; None where none were.
    """

    name: str
    forecast: Forecast
    cost: Quantity | None = None
    published: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All of it.

    Attributes:
        printed: The published figures.
        watts: W that the same 64 V100s draw, by component, while they train it.
        drawn: kWh of that over the published hours, with the paper's own PUE.
        then: The recipes of 2018 and 2019, from model and machine alone.
        now: The modern recipe, by machine and place.
    """

    printed: Printed
    watts: dict[str, Quantity]
    drawn: Quantity
    then: tuple[Told, ...]
    now: tuple[Told, ...]

    @property
    def wall(self) -> Quantity:
        """W of all components together."""
        return total(list(self.watts.values()))

    @property
    def drawn_carbon(self) -> Quantity:
        """Kg CO2e of what they drew, by the paper's factor."""
        return Quantity(self.drawn.value, 'kg CO2e', 'assumed', self.drawn.errors, self.drawn.sources) * (
            strubell.POUNDS_PER_KWH * POUND
        )

    @property
    def least(self) -> Told:
        """The modern training with the least carbon."""
        return min(self.now, key=lambda told: _grams(told.forecast))

    def times(self, told: Told) -> Quantity | None:
        """How many times a training's carbon the published one is; None where it is not known."""
        carbon = told.forecast.footprint.carbon
        return None if carbon is None or carbon.low <= 0 else self.printed.carbon.to('g CO2e') / carbon.to('g CO2e')

    def apart(self, told: Told) -> Apart | None:
        """What those times are made of; None where they are not known."""
        times, base = self.times(told), self.then[0]
        figure = self.times(base)
        if times is None or figure is None:
            return None
        tokens = float(base.forecast.plan.tokens or 0) / float(told.forecast.plan.tokens or 1)
        return Apart(figure, tokens, times / figure / tokens)

    def flights(self, told: Told) -> Quantity | None:
        """A training's carbon in passengers flown from New York to San Francisco and back."""
        carbon = told.forecast.footprint.carbon
        return None if carbon is None else carbon.to('kg CO2e') / _flight()

    def to_json(self) -> dict[str, Any]:
        """Every figure with its interval, errors and sources."""
        printed = self.printed._asdict()
        return {
            'schema': 1,
            'published': {
                name: each.to_json() if isinstance(each, Quantity) else each for name, each in printed.items()
            },
            'off': list(OFF),
            'drawn': {
                'watts': {name: each.to_json() for name, each in self.watts.items()},
                'energy': self.drawn.to_json(),
            },
            'then': [self._told(each) for each in self.then],
            'now': [self._told(each) for each in self.now],
            'published_since': [each._asdict() for each in EARLIER],
        }

    def _told(self, told: Told) -> dict[str, Any]:
        flights, times, apart = self.flights(told), self.times(told), self.apart(told)
        return {
            'recipe': told.name,
            'published': told.published and told.published.to_json(),
            'forecast': told.forecast.to_json(),
            'cost': told.cost and told.cost.to_json(),
            'flights': flights and flights.to_json(),
            'published_over_this': times and times.to_json(),
            'of_which': apart
            and {'figure': apart.figure.to_json(), 'tokens': apart.tokens, 'rest': apart.rest.to_json()},
        }


def story(
    on: Sequence[str] = TODAY,
    places: Sequence[Place | str | None] = (None,),
    *,
    forecast: Callable[[Recipe, str, Place | str | None], Forecast] | None = None,
) -> Story:
    """Tell it.

    Args:
        on: Machines of today; 'this machine' is the one that asks.
        places: Where they stand; None for what the settings say.
        forecast: Forecasts a recipe on a machine at a place; by the catalogue, or this machine's own, if None.

    Raises:
        ArgumentError: If a machine or a place is not known.

    Example:
        >>> told = story(['8 x H100'], ['FR'])
        >>> round(told.printed.energy_again, 1), round(told.printed.pounds_again, 1)
        (1506.8, 1437.5)
        >>> told.wall.low > told.printed.power.value
        True
    """
    price = forecast or _forecast
    base = price(ORIGINAL_BASE, THEN, _AMERICA)
    watts = {
        name: (joules / base.duration).to('W') for name, joules in base.footprint.components.items() if joules.value
    }
    printed = _printed()
    drawn = total(list(watts.values())).to('kW') * printed.duration * strubell.PUE
    large, lamb = (price(recipe, THEN, _AMERICA) for recipe in (ORIGINAL_LARGE, LAMB_LARGE))
    tpus = price(ORIGINAL_BASE.computed_in('bfloat16'), '16 x TPU v2', _AMERICA)
    then = (
        Told(ORIGINAL_BASE.name, base, _rented(base), printed.duration),
        Told(ORIGINAL_LARGE.name, large, _rented(large)),
        Told(LAMB_LARGE.name, lamb, _rented(lamb), Quantity(15.35, 'h', 'measured', (), (NVIDIA,))),
        Told(ORIGINAL_BASE.name, tpus, None, Quantity(96, 'h', 'measured', (), (TABLE,))),
    )
    now = [price(MODERN_BASE, each, place) for place in _once(places) for each in _once(on)]
    told = tuple(Told(MODERN_BASE.name, each, each.footprint.cost) for each in now)
    return Story(printed, watts, drawn.to('kWh'), then, told)


def _rented(forecast: Forecast) -> Quantity:
    """USD of V100s for so long, at the paper's prices: on demand, and down to preemptible ones."""
    low, high = strubell.DOLLARS
    price = Quantity.between(high, low, high, 'USD/h', basis='assumed', source=TABLE)
    return (price * forecast.duration.to('h')).to('USD') * float(forecast.plan.devices)


def _forecast(recipe: Recipe, on: str, place: Place | str | None) -> Forecast:
    here = on.strip().lower() in THIS_MACHINE
    return forecast_here(recipe, place) if here else forecast_recipe(recipe, on, place)


def _printed() -> Printed:
    row = next(row for row in strubell.rows() if row.model == 'BERT base')
    least, most = row.dollars
    return Printed(
        Quantity(row.power_w, 'W', 'modelled', (), (_TITAN,)),
        Quantity(row.hours, 'h', 'measured', (), (TABLE,)),
        _published(row.kwh_printed, 'kWh'),
        _published(row.pounds_printed * POUND, 'kg CO2e'),
        _published(least, 'USD'),
        _published(most, 'USD'),
        _published(row.pounds_printed / strubell.FLIGHT_POUNDS, '1'),
        row.kwh,
        row.pounds,
    )


def _published(value: float, unit: str) -> Quantity:
    return Quantity(value, unit, 'modelled', (), (TABLE,))


def _flight() -> Quantity:
    """Carbon of one passenger, New York to San Francisco and back."""
    return Quantity(strubell.FLIGHT_POUNDS * POUND, 'kg CO2e', 'modelled', (), (source('strubell-flight'),))


def _once(given: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(given))


def _grams(forecast: Forecast) -> float:
    carbon = forecast.footprint.carbon
    return float('inf') if carbon is None else carbon.to('g CO2e').value
