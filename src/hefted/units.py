"""The units that quantities are written in: what they measure, how they convert, which one reads best.

A unit is an atom ('J', 'kWh', 'g CO2e', '1'), atoms joined by '·', or a quotient ('g CO2e/kWh', 'W/1').
Inside, a unit is a scale and the powers of seven things that are never converted into one another.
"""

from __future__ import annotations

import math
from functools import lru_cache

from hefted.errors import ArgumentError, unknown_name

Powers = tuple[int, ...]

# Energy in J, time in s, climate effect in g CO2e, water in L, minerals in kg Sb eq, money in USD, data in B.
_BASE = ('J', 's', 'g CO2e', 'L', 'kg Sb eq', 'USD', 'B')
_NONE: Powers = (0,) * len(_BASE)


def _power(**powers: int) -> Powers:
    names = ('energy', 'time', 'climate', 'water', 'minerals', 'money', 'data')
    return tuple(powers.get(name, 0) for name in names)


_ENERGY = _power(energy=1)
_POWER = _power(energy=1, time=-1)
_TIME = _power(time=1)
_CLIMATE = _power(climate=1)
_WATER = _power(water=1)
_MINERALS = _power(minerals=1)
_DATA = _power(data=1)

_ATOMS: dict[str, tuple[float, Powers]] = {
    '1': (1.0, _NONE),
    'mJ': (1e-3, _ENERGY),
    'J': (1.0, _ENERGY),
    'kJ': (1e3, _ENERGY),
    'MJ': (1e6, _ENERGY),
    'Wh': (3.6e3, _ENERGY),
    'kWh': (3.6e6, _ENERGY),
    'MWh': (3.6e9, _ENERGY),
    'mW': (1e-3, _POWER),
    'W': (1.0, _POWER),
    'kW': (1e3, _POWER),
    'ms': (1e-3, _TIME),
    's': (1.0, _TIME),
    'min': (60.0, _TIME),
    'h': (3.6e3, _TIME),
    'd': (8.64e4, _TIME),
    'µg CO2e': (1e-6, _CLIMATE),
    'mg CO2e': (1e-3, _CLIMATE),
    'g CO2e': (1.0, _CLIMATE),
    'kg CO2e': (1e3, _CLIMATE),
    't CO2e': (1e6, _CLIMATE),
    'µL': (1e-6, _WATER),
    'mL': (1e-3, _WATER),
    'L': (1.0, _WATER),
    'm3': (1e3, _WATER),
    'ng Sb eq': (1e-12, _MINERALS),
    'µg Sb eq': (1e-9, _MINERALS),
    'mg Sb eq': (1e-6, _MINERALS),
    'g Sb eq': (1e-3, _MINERALS),
    'kg Sb eq': (1.0, _MINERALS),
    'USD': (1.0, _power(money=1)),
    'B': (1.0, _DATA),
    'kB': (1e3, _DATA),
    'MB': (1e6, _DATA),
    'GB': (1e9, _DATA),
    'TB': (1e12, _DATA),
}

# The units a person is told a figure in, smallest first. Energy passes from joules to watt-hours at 1 Wh.
_LADDERS: dict[Powers, tuple[str, ...]] = {
    _ENERGY: ('mJ', 'J', 'Wh', 'kWh', 'MWh'),
    _POWER: ('mW', 'W', 'kW'),
    _TIME: ('ms', 's', 'min', 'h', 'd'),
    _CLIMATE: ('µg CO2e', 'mg CO2e', 'g CO2e', 'kg CO2e', 't CO2e'),
    _WATER: ('µL', 'mL', 'L', 'm3'),
    _MINERALS: ('ng Sb eq', 'µg Sb eq', 'mg Sb eq', 'g Sb eq', 'kg Sb eq'),
    _DATA: ('B', 'kB', 'MB', 'GB', 'TB'),
}


@lru_cache(maxsize=256)
def parse(unit: str) -> tuple[float, Powers]:
    """Read a unit.

    Args:
        unit: Such as 'kWh' or 'g CO2e/kWh'.

    Returns:
        How many base units it is, and the powers of the base units.

    Raises:
        UnknownNameError: If a part of it is not a unit known here.

    Example:
        >>> parse('kWh')[0]
        3600000.0
    """
    scale, powers = 1.0, _NONE
    for sign, side in zip((1, -1), unit.split('/', 1), strict=False):
        for atom in side.split('·'):
            if atom not in _ATOMS:
                raise unknown_name('unit', atom, _ATOMS)
            factor, atom_powers = _ATOMS[atom]
            scale *= factor**sign
            powers = tuple(a + sign * b for a, b in zip(powers, atom_powers, strict=True))
    return scale, powers


def conversion(received: str, wanted: str) -> float:
    """Tell how many of one unit make one of another.

    Raises:
        ArgumentError: If the two do not measure the same thing.

    Example:
        >>> conversion('Wh', 'J')
        3600.0
    """
    if received == wanted:
        return 1.0
    (from_scale, from_powers), (to_scale, to_powers) = parse(received), parse(wanted)
    if from_powers != to_powers:
        raise ArgumentError(
            f"unit: expected one that measures the same as '{wanted}', received '{received}'. "
            f'Add or convert only like to like; multiply by a factor to go from one to the other.'
        )
    return from_scale / to_scale


@lru_cache(maxsize=256)
def product(left: str, right: str, sign: int = 1) -> tuple[str, float]:
    """Multiply (sign 1) or divide (sign -1) two units.

    Returns:
        The unit of the result, and the factor that brings a plain product of values into it.

    Example:
        >>> product('J', 'g CO2e/kWh')[0]
        'g CO2e'
        >>> product('J', 's', -1)
        ('W', 1.0)
    """
    if right == '1':
        return left.removesuffix('/1'), 1.0
    if left == '1' and sign == 1:
        return right.removesuffix('/1'), 1.0
    (left_scale, left_powers), (right_scale, right_powers) = parse(left), parse(right)
    unit = _name(tuple(a + sign * b for a, b in zip(left_powers, right_powers, strict=True)))
    return unit, left_scale * right_scale**sign / parse(unit)[0]


def _name(powers: Powers) -> str:
    """Write base powers as a unit; what is divided by is told per kWh and per hour, as factors are."""
    energy, time, *_ = powers
    above: list[str] = []
    if energy >= 1 and time <= -1:  # energy by time is power
        above, powers = ['W'], (energy - 1, time + 1, *powers[2:])
    per = {'J': 'kWh', 's': 'h'}
    above += [name for name, power in zip(_BASE, powers, strict=True) for _ in range(power)]
    below = [per.get(name, name) for name, power in zip(_BASE, powers, strict=True) for _ in range(-power)]
    return '·'.join(above or ['1']) + ('/' + '·'.join(below) if below else '')


def readable(value: float, unit: str) -> str:
    """Choose the unit in which a value is best told: the largest in which it is at least 1.

    Example:
        >>> readable(4300, 'J'), readable(0.0098, 'J'), readable(17, 'J')
        ('Wh', 'mJ', 'J')
    """
    scale, powers = parse(unit)
    ladder = _LADDERS.get(powers)
    if ladder is None or value == 0 or not math.isfinite(value):
        return unit
    # 0.995: what rounds to 1.0 of the larger unit is told in it, not as 1000 of the smaller.
    fitting = [rung for rung in ladder if abs(value) * scale >= 0.995 * _ATOMS[rung][0]]
    return fitting[-1] if fitting else ladder[0]
