"""Amounts as people write them: '5Wh', '0.5 kWh', '20 g CO2eq', '$3', '1h30', '1 L'."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from hefted import units
from hefted.errors import ArgumentError, did_you_mean
from hefted.quantities import Quantity

UNITS = {'energy': 'J', 'carbon': 'g CO2e', 'water': 'L', 'minerals': 'kg Sb eq', 'cost': 'USD', 'duration': 's'}
"""What can be limited, and the unit that it is counted in."""

FORMS = {
    'energy': "'5 Wh'", 'carbon': "'20 g CO2e'", 'water': "'1 L'", 'minerals': "'3 mg Sb eq'", 'cost': "'$3'",
    'duration': "'10 min'",
}  # fmt: skip

_NUMBER = r'[-+]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)?\.?\d*(?:e[-+]?\d+)?'
_AMOUNT = re.compile(rf'([-+]?(?:nan|infinity|inf)\b|{_NUMBER})\s*(\D.*)?', re.IGNORECASE)
_PARTS = re.compile(r'\s*(?:(?<=\D),|,(?=\s)|;|\band\b)\s*')
_DAYS, _HOURS, _MINUTES, _SECONDS = r'd(?:ays?)?', r'h(?:rs?|ours?)?', r'm(?:ins?|inutes?)?', r's(?:ecs?|econds?)?'
_CLOCK = re.compile(
    rf'(?:(\d+)\s*{_DAYS})?\s*(?:(\d+)\s*{_HOURS})?\s*(?:(\d+)\s*(?:{_MINUTES}|$))?\s*(?:(\d+)\s*{_SECONDS})?',
    re.IGNORECASE,
)
_ONE_TIME = re.compile(
    rf'(\d\s*(?:{_DAYS}|{_HOURS}|{_MINUTES}))\s+and\s+(?=\d+\s*(?:{_HOURS}|{_MINUTES}|{_SECONDS})\b)', re.IGNORECASE
)
_OTHER_MONEY = re.compile(r'[€£¥₹]|\b(?:eur|euros?|gbp|pounds?|jpy|yen|cny|chf|inr|cad|aud)\b', re.IGNORECASE)
_DOLLARS = re.compile(r'us\s*\$|\$|\busd\b|\bdollars?\b', re.IGNORECASE)

_EXACT = ('mJ', 'J', 'kJ', 'MJ', 'mWh', 'Wh', 'kWh', 'MWh', 'GWh')
_SCALED = {'mWh': 1e-3, 'GWh': 1e9}  # written right, and told in a unit that figures have
_WORDS = {
    'joule': 'J', 'joules': 'J', 'kilojoules': 'kJ', 'watt-hours': 'Wh', 'watt hours': 'Wh', 'kilowatt-hours': 'kWh',
    'ms': 'ms', 's': 's', 'sec': 's', 'secs': 's', 'second': 's', 'seconds': 's', 'm': 'min', 'min': 'min',
    'mins': 'min', 'minute': 'min', 'minutes': 'min', 'h': 'h', 'hr': 'h', 'hrs': 'h', 'hour': 'h', 'hours': 'h',
    'd': 'd', 'day': 'd', 'days': 'd',
    'l': 'L', 'litre': 'L', 'litres': 'L', 'liter': 'L', 'liters': 'L', 'ml': 'mL', 'µl': 'µL', 'ul': 'µL',
    'm3': 'm3', 'm³': 'm3', 'usd': 'USD',
}  # fmt: skip
_MASSES = {
    'ng': 'ng', 'µg': 'µg', 'ug': 'µg', 'mg': 'mg', 'g': 'g', 'gram': 'g', 'grams': 'g', 'kg': 'kg', 't': 't',
    'tonne': 't', 'tonnes': 't', 'ton': 't', 'tons': 't',
}  # fmt: skip
_OF_WHAT = re.compile(r'\s*(?:of\s+)?(co2|sb)[\s-]*(?:e|eq|equiv)?\.?$')


def amounts(said: str, of: str | None = None) -> Iterator[tuple[str, Quantity]]:
    """Read one amount or several, such as '5 Wh, 10 min'.

    Args:
        said: What is written.
        of: What it is an amount of, where that is known, such as 'carbon'.

    Yields:
        What it limits, and how much.

    Raises:
        ArgumentError: If it cannot be read, has no unit, or is not a finite number above 0.

    Example:
        >>> [(name, str(most)) for name, most in amounts('5Wh and 20 gCO2eq')]
        [('energy', '5.0 Wh'), ('carbon', '20 g CO2e')]
        >>> [f'{most.value} {most.unit}' for _, most in amounts('1h30')]
        ['90.0 min']
    """
    written = _ONE_TIME.sub(r'\1 ', said.strip().replace('\u03bc', '\u00b5'))  # a Greek mu is how some write a micro
    parts = [part for part in _PARTS.split(written) if part]
    if not parts:
        raise wrong(said, of)
    for part in parts:
        yield _amount(part, of)


def wrong(received: object, of: str | None = None, why: str = '') -> ArgumentError:
    """The error for what is no amount."""
    name = 'budget' if of is None else f'budget, {of}'
    form = FORMS[of] if of else f"an amount with its unit, such as {', '.join(list(FORMS.values())[:-1])} or '10 min'"
    told = f' {why}' if why else ' Write a number above 0 and its unit.'
    return ArgumentError(f'{name}: expected {form}, received {received!r}.{told}')


def checked(value: float, received: object, of: str | None = None) -> float:
    """A number that a budget can be.

    Raises:
        ArgumentError: If it is not finite or not above 0.
    """
    if not math.isfinite(value):
        raise wrong(received, of, 'It must be finite: leave the budget out where there is no limit.')
    if value <= 0:
        raise wrong(received, of, 'It must be above 0: nothing runs on less.')
    return value


def limited(quantity: Quantity) -> str | None:
    """What a quantity is of, such as 'energy'; None for what no budget limits."""
    powers = units.parse(quantity.unit)[1]
    return next((name for name, unit in UNITS.items() if units.parse(unit)[1] == powers), None)


def _amount(said: str, of: str | None) -> tuple[str, Quantity]:
    if _OTHER_MONEY.search(said):
        raise wrong(said, of, 'Prices here are in US dollars, and exchange rates change daily: write it in dollars.')
    if _DOLLARS.search(said):
        said = f'{_DOLLARS.sub("", said, count=1).strip()} USD'
    lasts = _by_the_clock(said)
    if lasts is not None:
        return _of('duration', Quantity(checked(lasts, said, of) / 60, 'min'), said, of)
    found = _AMOUNT.fullmatch(said)
    if found is None or not re.search(r'\d|nan|inf', found[1], re.IGNORECASE):
        raise wrong(said, of)
    value, unit = _number(found[1], said, of), (found[2] or '').strip()
    if not unit:
        raise wrong(said, of, f'{said} of what? Write its unit behind it{_as_in(found[1], of)}.')
    name, quantity = _with_unit(checked(value, said, of), unit, said, of)
    return _of(name, quantity, said, of)


def _number(written: str, said: str, of: str | None) -> float:
    try:
        return float(written.replace(',', ''))
    except ValueError as error:
        raise wrong(said, of) from error


def _as_in(number: str, of: str | None) -> str:
    example = (FORMS[of] if of else FORMS['energy']).strip("'")
    unit = example.lstrip('0123456789. ')
    return f": '{number} {unit}'" if not unit.startswith('$') else f": '${number}'"


def _by_the_clock(said: str) -> float | None:
    """Seconds of '1h30', '1 h 30 min', '1d 2h'; None for what is not of two such parts or more."""
    found = _CLOCK.fullmatch(said.strip())
    parts = list(found.groups()) if found else []
    if sum(part is not None for part in parts) < 2 or (parts[1] is None and said.strip()[-1].isdigit()):
        return None
    return float(sum(int(part or 0) * seconds for part, seconds in zip(parts, (86400, 3600, 60, 1), strict=True)))


def _with_unit(value: float, unit: str, said: str, of: str | None) -> tuple[str, Quantity]:
    quantity = _mass(value, unit, of) or _energy(value, unit)
    if quantity is None and unit.lower() in _WORDS:
        quantity = Quantity(value, _WORDS[unit.lower()])
    if quantity is None and ',' in unit:
        raise wrong(said, of, 'Write decimals with a point.')
    if quantity is None:
        raise wrong(said, of, f'Unknown unit: {unit!r}. {_near(unit)}')
    return limited(quantity) or '', quantity


def _energy(value: float, unit: str) -> Quantity | None:
    """An amount of energy; None for what is none, or is two: 'mwh' may be a thousandth or a million."""
    near = [each for each in _EXACT if each.lower() == unit.replace(' ', '').lower()]
    found = next((each for each in near if each == unit), near[0] if len(near) == 1 else '')
    if found in _SCALED:
        return Quantity(value * _SCALED[found], 'Wh')
    return Quantity(value, found) if found else None


def _mass(value: float, unit: str, of: str | None) -> Quantity | None:
    """An amount of carbon, or of minerals where that is said; None for what is no mass."""
    if unit.startswith('Mg'):  # a tonne, or a milligram that was written wrong
        return None
    low = unit.lower().replace('₂', '2')
    found = _OF_WHAT.search(low)
    mass = _MASSES.get((low[: found.start()] if found else low).strip())
    if mass is None:
        return None
    substance = 'Sb eq' if (found[1] == 'sb' if found else of == 'minerals') else 'CO2e'
    if (mass, substance) == ('ng', 'CO2e'):
        value, mass = value * 1e-3, 'µg'
    if (mass, substance) == ('t', 'Sb eq'):
        value, mass = value * 1e3, 'kg'
    return Quantity(value, f'{mass} {substance}')


def _near(received: str) -> str:
    like = [each for each in _EXACT if each.lower() == received.lower()]
    if like:
        return f'Did you mean {" or ".join(map(repr, like))}?'
    hint = did_you_mean(received, [*_EXACT, 'g CO2e', 'kg CO2e', 'mg Sb eq', 'USD', *_WORDS])
    return hint or 'Units are J, kJ, Wh, kWh, MWh, g CO2e, kg CO2e, USD, s, min, h, mL, L and mg Sb eq.'


def _of(name: str, quantity: Quantity, said: str, of: str | None) -> tuple[str, Quantity]:
    if of is not None and name != of:
        raise wrong(said, of, f'{said!r} is {name}: write Budget({name}={said!r}), or an amount of {of}.')
    return name, quantity


def significant(value: float) -> str:
    """A value to three digits, never in powers of ten where people would not write it so.

    Example:
        >>> significant(1750.4), significant(49.23), significant(0.00123)
        ('1,750', '49.2', '0.00123')
    """
    return f'{float(f"{value:.3g}"):,.10g}'
