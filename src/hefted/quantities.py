"""A figure that says what it is: value, 90 % interval, unit, basis and sources.

Each error is kept as a signed shift of the value by the source that causes it. Shifts of one source add
linearly, so ten thousand ticks of one model are as uncertain, relatively, as one; shifts of different sources
combine in quadrature.

    >>> model = Source('cpu-model', 'Watts by microarchitecture', 2024)
    >>> power = Quantity.between(11.3, 9.3, 14.0, 'W', source=model)
    >>> str(power * Quantity(1.5, 's'))
    '17 J (14 to 21, modelled)'
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from hefted import units
from hefted.errors import ArgumentError, unknown_name

Basis = Literal['measured', 'modelled', 'assumed']
_BASES: tuple[Basis, ...] = get_args(Basis)  # from the strongest to the weakest
_FINEST, _COARSEST = -12, 15  # decimal places that are written out
_LEAST_DOLLARS = 0.001
_WHOLE = 1 + 1e-12  # all of a value, but for the last digits of arithmetic


class Source(NamedTuple):  # a tuple: a frozen dataclass costs every start 0.8 ms more
    """Where a figure comes from.

    Attributes:
        key: A short name that stands for the same thing everywhere; errors with the same key are one error.
        title: The paper, standard, table or instrument.
        year: The year of the data, None if not stated.
        url: Where it can be read.
        licence: The licence or standing of the data, such as 'CC-BY-4.0' or 'fact'.
    """

    key: str
    title: str
    year: int | None = None
    url: str | None = None
    licence: str | None = None


class Error(NamedTuple):
    """How far a value shifts, in its own unit, when one source stands at its 90 % low or high.

    Attributes:
        source: The source's key.
        down: The shift when the source stands low (positive where the value falls as the source rises).
        up: The shift when the source stands high.
    """

    source: str
    down: float
    up: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit, its basis, the errors it carries and the sources it rests on.

    Args:
        value: The central figure, in `unit`.
        unit: Such as 'J', 'g CO2e', 'g CO2e/kWh' or '1' (see `hefted.units`).
        basis: 'measured' by an instrument, 'modelled' from something measured, or 'assumed'.
        errors: One for each source that makes the value uncertain; none means exact.
        sources: What the figure rests on.

    Raises:
        ArgumentError: If the value is not finite, or the unit or basis is not known.
    """

    value: float
    unit: str
    basis: Basis = 'measured'
    errors: tuple[Error, ...] = ()
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, 'value', float(self.value))
        if not math.isfinite(self.value):
            raise ArgumentError(
                f'value: expected a finite number of {self.unit}, received {self.value}. '
                f'What is unknown is None, not a quantity.'
            )
        if self.basis not in _BASES:
            raise unknown_name('basis', self.basis, _BASES)
        units.parse(self.unit)
        if len({error.source for error in self.errors}) < len(self.errors):
            object.__setattr__(self, 'errors', _summed((error, 1.0) for error in self.errors))

    @classmethod
    def between(
        cls, value: float, low: float, high: float, unit: str, *, basis: Basis = 'modelled', source: Source
    ) -> Quantity:
        """Make a quantity from one source's 90 % interval.

        Raises:
            ArgumentError: If not low <= value <= high.

        Example:
            >>> Quantity.between(1.5, 1.1, 2.0, '1', source=Source('pue', 'Survey of PUE', 2024)).high
            2.0
        """
        if not low <= value <= high:
            raise ArgumentError(f'value: expected low <= value <= high, received {low}, {value}, {high}.')
        errors = () if low == high else (Error(source.key, low - value, high - value),)
        return cls(value, unit, basis, errors, (source,))

    @property
    def low(self) -> float:
        """The low end of the 90 % interval, in `unit`."""
        return self._end([min(error.down, error.up, 0.0) for error in self.errors])

    @property
    def high(self) -> float:
        """The high end of the 90 % interval, in `unit`."""
        return self._end([max(error.down, error.up, 0.0) for error in self.errors])

    def _end(self, shifts: list[float]) -> float:
        """Combine the shifts of different sources, towards one side, in quadrature."""
        if len(shifts) <= 1:
            return self.value + sum(shifts)
        side = sum(shifts)  # all of one sign
        # In logarithms wherever they exist: factors multiply, and what is positive stays so.
        if self.value > 0 and all(min(error.down, error.up) >= -_WHOLE * self.value for error in self.errors):
            ratios = [shift / self.value for shift in shifts]
            if min(ratios) <= _WHOLE - 2:  # one source alone may make nothing of it, such as cooling without water
                return 0.0
            width = math.hypot(*map(math.log1p, ratios))
            return self.value * math.exp(math.copysign(width, side))
        return self.value + math.copysign(math.hypot(*shifts), side)

    def __add__(self, other: object) -> Quantity:
        if not isinstance(other, Quantity):
            return NotImplemented
        return _combined([(self, 1.0), (other, 1.0)])

    def __radd__(self, other: object) -> Quantity:
        # So that the built-in sum(), which starts from 0, works.
        return self if other == 0 else NotImplemented

    def __sub__(self, other: object) -> Quantity:
        if not isinstance(other, Quantity):
            return NotImplemented
        return _combined([(self, 1.0), (other, -1.0)])

    def __mul__(self, other: object) -> Quantity:
        if isinstance(other, Quantity):
            return _multiplied(self, other, 1)
        return self._scaled(float(other), self.unit) if isinstance(other, int | float) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Quantity:
        if isinstance(other, Quantity):
            return _multiplied(self, other, -1)
        return self._scaled(1.0 / other, self.unit) if isinstance(other, int | float) else NotImplemented

    def _scaled(self, factor: float, unit: str) -> Quantity:
        return Quantity(self.value * factor, unit, self.basis, _scaled(self.errors, factor), self.sources)

    def to(self, unit: str) -> Quantity:
        """Tell the same in another unit.

        Raises:
            ArgumentError: If the unit does not measure the same thing.

        Example:
            >>> Quantity(7200, 'J').to('Wh').value
            2.0
        """
        return self if unit == self.unit else self._scaled(units.conversion(self.unit, unit), unit)

    @property
    def rounded(self) -> str:
        """The value alone, in the unit and to the digits that suit it: '17 J', '1.2 Wh', '1.0 mg CO2e'."""
        shown = self.to(units.readable(self.value, self.unit))
        return _with_unit(_number(shown.value, _place(shown)), shown.unit)

    def __str__(self) -> str:
        if self.low == self.high:
            return self.rounded if self.basis == 'measured' else f'{self.rounded} ({self.basis})'
        shown = self.to(units.readable(self.value, self.unit))
        low, high = (_number(end, _place_of(end, shown)) for end in (shown.low, shown.high))
        return f'{self.rounded} ({low} to {high}, {self.basis})'

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data: errors and sources whole, and low and high for those who want no more."""
        return {
            'value': self.value,
            'low': self.low,
            'high': self.high,
            'unit': self.unit,
            'basis': self.basis,
            'errors': [error._asdict() for error in self.errors],
            'sources': [source._asdict() for source in self.sources],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Quantity:
        """Read what `to_json` wrote; low and high follow from the errors, unknown keys are passed over.

        Example:
            >>> Quantity.from_json(Quantity(17.0, 'J').to_json())
            Quantity(value=17.0, unit='J', basis='measured', errors=(), sources=())
        """
        errors = (Error(e['source'], float(e['down']), float(e['up'])) for e in data.get('errors', ()))
        sources = (
            Source(s['key'], s['title'], s.get('year'), s.get('url'), s.get('licence')) for s in data.get('sources', ())
        )
        return cls(data['value'], data['unit'], data['basis'], tuple(errors), tuple(sources))


def parted(quantity: Quantity) -> tuple[str, str]:
    """A figure, and its interval and basis, as two cells of a table tell them.

    Example:
        >>> parted(Quantity.between(17, 14, 21, 'J', source=Source('s', 'A model')))
        ('17 J', '14 to 21, modelled')
        >>> parted(Quantity(2e-8, 'USD', 'assumed'))
        ('under 0.001 USD', 'assumed')
    """
    if quantity.unit == 'USD' and 0 < abs(quantity.value) < _LEAST_DOLLARS:  # beyond all digits that a price has
        return f'under {_LEAST_DOLLARS:g} USD', quantity.basis
    value, _, interval = str(quantity).partition(' (')
    return value, interval.removesuffix(')') or quantity.basis


def total(quantities: Iterable[Quantity]) -> Quantity:
    """Add many quantities of one dimension, in the unit of the first.

    Raises:
        ArgumentError: If there are none (the sum of nothing is unknown, not 0), or their dimensions differ.

    Example:
        >>> str(total([Quantity(9, 'J'), Quantity(8, 'J')]))
        '17 J'
    """
    return _combined([(quantity, 1.0) for quantity in quantities])


def _combined(terms: Sequence[tuple[Quantity, float]]) -> Quantity:
    """Add quantities, each with its sign, in the unit of the first."""
    if not terms:
        raise ArgumentError('quantities: expected at least one, received none. What is unknown is None, not 0.')
    unit = terms[0][0].unit
    value = 0.0
    errors: list[tuple[Error, float]] = []
    for quantity, sign in terms:
        factor = sign * units.conversion(quantity.unit, unit)
        value += quantity.value * factor
        errors += ((error, factor) for error in quantity.errors)
    parts = [quantity for quantity, _ in terms]
    # What is 0 without doubt takes nothing from what the others are worth.
    counted = [part for part in parts if part.value or any(e.down or e.up for e in part.errors)] or parts
    return Quantity(value, unit, _weakest(counted), _summed(errors), _sources(parts))


def _multiplied(left: Quantity, right: Quantity, sign: int) -> Quantity:
    """Multiply (sign 1) or divide (sign -1): each source shifts both factors at once, exactly."""
    if sign < 0 and any(right.value * (right.value + shift) <= 0 for e in right.errors for shift in (e.down, e.up)):
        raise ArgumentError(f'divisor: expected one whose interval is clear of 0, received {right}.')
    unit, scale = units.product(left.unit, right.unit, sign)
    both = (left, right)
    if not right.errors:  # what is exact only scales the other's shifts
        errors = _scaled(left.errors, right.value**sign * scale)
    elif not left.errors and sign > 0:
        errors = _scaled(right.errors, left.value * scale)
    else:
        errors = _scaled(_shifted(left, right, sign), scale)
    return Quantity(left.value * right.value**sign * scale, unit, _weakest(both), errors, _sources(both))


def _scaled(errors: Iterable[Error], factor: float) -> tuple[Error, ...]:
    return tuple(Error(error.source, error.down * factor, error.up * factor) for error in errors)


def _shifted(left: Quantity, right: Quantity, sign: int) -> list[Error]:
    """How far a product or a quotient shifts by each source; what cancels is left out."""
    value = left.value * right.value**sign
    mine, theirs = ({error.source: error for error in quantity.errors} for quantity in (left, right))
    errors: list[Error] = []
    for source in {**mine, **theirs}:
        one, two = (side.get(source, Error(source, 0.0, 0.0)) for side in (mine, theirs))
        down = (left.value + one.down) * (right.value + two.down) ** sign - value
        up = (left.value + one.up) * (right.value + two.up) ** sign - value
        if down or up:
            errors.append(Error(source, down, up))
    return errors


def _summed(terms: Iterable[tuple[Error, float]]) -> tuple[Error, ...]:
    """Add scaled errors source by source; what cancels is left out."""
    shifts: dict[str, tuple[float, float]] = {}
    for error, factor in terms:
        down, up = shifts.get(error.source, (0.0, 0.0))
        shifts[error.source] = (down + error.down * factor, up + error.up * factor)
    return tuple(Error(source, down, up) for source, (down, up) in shifts.items() if down or up)


def _weakest(quantities: Iterable[Quantity]) -> Basis:
    return _BASES[max(_BASES.index(quantity.basis) for quantity in quantities)]


def _sources(quantities: Iterable[Quantity]) -> tuple[Source, ...]:
    return tuple({source.key: source for quantity in quantities for source in quantity.sources}.values())


def _place(quantity: Quantity) -> int:
    """The decimal place that is told: two significant digits, more where the interval is narrower.

    Above 100, what has no interval is told whole: nobody gains by reading 247 s as 250 s.
    """
    if quantity.value == 0:
        return 0
    leading = _leading(float(f'{quantity.value:.1e}'))
    width = max(quantity.high - quantity.value, quantity.value - quantity.low)
    if width <= 0:
        return min(leading - 1, 0)
    return max(min(leading - 1, _leading(width)), leading - 3)


def _place_of(end: float, quantity: Quantity) -> int:
    """The decimal place that an end of the interval is told to: the value's, but of a far one no more than two digits.

    Example:
        >>> wide = Quantity.between(57, 33, 102, 'J', source=Source('s', 'A model'))
        >>> near = Quantity.between(98, 94, 103, 'J', source=Source('s', 'A model'))
        >>> str(wide), str(near)
        ('57 J (33 to 100, modelled)', '98 J (94 to 103, modelled)')
    """
    place = _place(quantity)
    return max(place, _leading(end) - 1) if abs(end) >= 1.5 * abs(quantity.value) > 0 else place


def _leading(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _number(value: float, place: int) -> str:
    """Write a value to a decimal place, or to its own first digit where it would vanish there.

    Beyond every unit of its ladder it is told in powers of ten: a row of noughts is not read.
    """
    if value and abs(value) < 0.5 * 10.0**place:
        place = _leading(value)
    if value and (place < _FINEST or _leading(value) > _COARSEST):
        digits = min(_leading(value) - place, 1 if place == 0 else 3)
        return f'{value:.{digits}e}'
    return f'{round(value, -place):,.{max(-place, 0)}f}'


def _with_unit(number: str, unit: str) -> str:
    return number if unit == '1' else f'{number} {unit}'
