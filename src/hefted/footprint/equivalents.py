"""What a figure feels like: one or two equivalents, by arithmetic wherever physics has one.

>>> felt(Quantity(17, 'J'))
['a 9 W lamp for 1.9 s', 'lifting a 1 kg bag 1.7 m']
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from hefted.footprint.tables import source
from hefted.quantities import Quantity, Source

_KWH = 3.6e6  # J


class Equivalent(NamedTuple):
    """A way to tell energy (J) or carbon (g CO2e), and the range in which it can be felt.

    Attributes:
        least: The smallest amount that is told this way.
        most: The amount at which the next one takes over.
        phrase: What is told, with {} where the figure goes.
        each: The amount that stands for one of what is counted.
        form: Writes the figure.
        source: Key of the source it rests on.
    """

    least: float
    most: float
    phrase: str
    each: float
    form: Callable[[float], str]
    source: str


def _seconds(number: float) -> str:
    return Quantity(number, 's').rounded


def _metres(number: float) -> str:
    for scale, unit in ((1e3, 'km'), (1.0, 'm'), (1e-2, 'cm')):
        if number >= 0.995 * scale:
            return f'{_digits(number / scale)} {unit}'
    return f'{_digits(number / 1e-3)} mm'


def _digits(number: float) -> str:
    return Quantity(float(f'{number:.1e}'), '1').rounded


_ENERGY = (
    Equivalent(0.01, 9 * 86_400, 'a 9 W lamp for {}', 9, _seconds, 'physics'),
    # E = m g h, with g = 9.81 m/s2: a bag up to the height of a house, a person up to that of a tower.
    Equivalent(0.001, 100, 'lifting a 1 kg bag {}', 9.81, _metres, 'physics'),
    Equivalent(100, 80e3, 'lifting a 70 kg person {}', 70 * 9.81, _metres, 'physics'),
    # 4,186 J/kg/K from 20 to 100 degrees, from a cup on. The least that physics asks; a kettle takes more.
    Equivalent(80e3, 0.5 * _KWH, 'bringing {} L of water to the boil', 4186 * 80, _digits, 'physics'),
    Equivalent(0.5 * _KWH, math.inf, '{} charges of a phone', 0.015 * _KWH, _digits, 'iea-phone'),
)

_FLIGHTS = '{} passengers flown from New York to San Francisco and back'

_CARBON = (
    # 0.393 kg a mile of 1,609.344 m.
    Equivalent(0.24, 900e3, '{} in an average petrol car', 393 / 1609.344, _metres, 'epa-car'),
    Equivalent(900e3, math.inf, _FLIGHTS, 899.9e3, _digits, 'strubell-flight'),
)


def felt(energy: Quantity, carbon: Quantity | None = None) -> list[str]:
    """Tell energy, and carbon where there is enough of it, as things a person can feel.

    Args:
        energy: Any energy.
        carbon: Any CO2e; None or under a metre's drive is passed over.

    Returns:
        One or two short phrases, none for what is too small to be felt.

    Example:
        >>> felt(Quantity(2, 'kWh'), Quantity(760, 'g CO2e'))
        ['130 charges of a phone', '3.1 km in an average petrol car']
    """
    return [each.phrase.format(each.form(amount / each.each)) for each, amount in _fitting(energy, carbon)]


def felt_sources(energy: Quantity, carbon: Quantity | None = None) -> list[Source]:
    """Tell what the phrases of `felt` rest on, in the same order.

    Example:
        >>> felt_sources(Quantity(17, 'J'))[0].key
        'physics'
    """
    return [source(equivalent.source) for equivalent, _ in _fitting(energy, carbon)]


def _fitting(energy: Quantity, carbon: Quantity | None) -> list[tuple[Equivalent, float]]:
    joules = energy.to('J').value
    of_energy = [(each, joules) for each in _ENERGY if each.least <= joules < each.most]
    grams = carbon.to('g CO2e').value if carbon is not None else 0.0
    of_carbon = [(each, grams) for each in _CARBON if each.least <= grams < each.most]
    # A drive says more than the lamp does: where there is one, one phrase for the energy is enough.
    return [*of_energy[-1:], *of_carbon] if of_carbon else of_energy
