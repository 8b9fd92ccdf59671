"""`Budget`: the most that may be spent of one quantity or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

from hefted.budget.written import UNITS, amounts, checked, limited, wrong
from hefted.errors import ArgumentError, unknown_name
from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.budget.covering import Covering


class Budget:
    """The most that a training may spend, of energy, carbon, water, minerals, money or time.

    What counts is the central figure of the receipt, from the process's start (of its first run) to the run's end.
    Where one quantity is said twice, the stricter holds. `with Budget('1 Wh') as rest:` is a budget over all runs that
    begin in the block (see `hefted.budget.covering`): each `fit` there gets what is left, and `rest.left` tells it.

    Args:
        *said: Amounts as people write them, such as '5 Wh', '20 g' (of CO2e), '$3', '10 min', '1 L'; several in one
            text, '5 Wh, 10 min'; or quantities, budgets, lists and dictionaries of such.
        energy: Such as '5 Wh' or '50 J', at the machine.
        carbon: Such as '20 g CO2e'.
        cost: Such as '$3'; it takes a price (HEFTED_PRICE or HEFTED_INSTANCE).
        duration: Such as '10 min' or '1h30'.
        water: Such as '1 L'.
        minerals: Such as '3 mg Sb eq'.

    Attributes:
        limits: The most by quantity, such as {'energy': Quantity(5, 'Wh')}.

    Raises:
        ArgumentError: If an amount has no unit, or one that is not known, or is not a finite number above 0.

    Example:
        >>> Budget('5Wh', cost='$3')
        Budget(energy='5 Wh', cost='3 USD')
        >>> Budget.of(['0.5 kWh', {'duration': '1h30'}])
        Budget(energy='0.5 kWh', duration='90 min')
        >>> print(Budget('20 gCO2eq, 1 L'))
        20 g CO2e, 1 L
        >>> Budget(5)
        Traceback (most recent call last):
        hefted.errors.ArgumentError: budget: expected an amount with its unit, such as '5 Wh', '20 g CO2e', '1 L', \
'3 mg Sb eq', '$3' or '10 min', received 5. 5 of what? Write its unit behind it: '5 Wh'.
    """

    __slots__ = ('limits',)

    def __init__(
        self,
        *said: Any,
        energy: Any = None,
        carbon: Any = None,
        cost: Any = None,
        duration: Any = None,
        water: Any = None,
        minerals: Any = None,
    ) -> None:
        named = {
            'energy': energy, 'carbon': carbon, 'water': water, 'minerals': minerals, 'cost': cost,
            'duration': duration,
        }  # fmt: skip
        found: dict[str, Quantity] = {}
        given = [(None, each) for each in said] + [(name, each) for name, each in named.items() if each is not None]
        for of, value in given:
            for name, most in _read(value, of):
                if name not in found or most.to(UNITS[name]).value < found[name].to(UNITS[name]).value:
                    found[name] = most
        if not found:
            raise wrong(said[0] if len(said) == 1 else said, None, 'It limits nothing: leave it out.')
        self.limits = {name: found[name] for name in UNITS if name in found}

    @classmethod
    def of(cls, said: Any) -> Budget:
        """Read a budget however it is written; one that is a budget already is itself.

        Raises:
            ArgumentError: As the class does.

        Example:
            >>> Budget.of('50 J') == Budget(energy=Quantity(50, 'J'))
            True
        """
        return said if isinstance(said, Budget) else cls(said)

    def most(self, name: str) -> float:
        """The most of a quantity in the unit that it is counted in: J, g CO2e, L, kg Sb eq, USD or s."""
        return self.limits[name].to(UNITS[name]).value

    def __enter__(self) -> Covering:
        from hefted.budget import covering

        return covering.opened(self)

    def __exit__(self, *_: object) -> None:
        from hefted.budget import covering

        covering.closed(self)

    def to_json(self) -> dict[str, str]:
        """Write it as plain data, which `Budget.of` reads."""
        return {name: written(most) for name, most in self.limits.items()}

    def __str__(self) -> str:
        return ', '.join(self.to_json().values())

    def __repr__(self) -> str:
        return f'Budget({", ".join(f"{name}={most!r}" for name, most in self.to_json().items())})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Budget) and self._counted() == other._counted()

    def __hash__(self) -> int:
        return hash(tuple(self._counted().items()))

    def _counted(self) -> dict[str, float]:
        return {name: self.most(name) for name in self.limits}


def written(most: Quantity) -> str:
    """An amount as it was meant: '5 Wh', '0.5 kWh', '3 USD'.

    Example:
        >>> written(Quantity(0.5, 'kWh'))
        '0.5 kWh'
    """
    return f'{most.value:.10g} {most.unit}'


def _read(value: Any, of: str | None) -> Iterator[tuple[str, Quantity]]:
    """What a value limits, and how much."""
    if isinstance(value, str):
        yield from amounts(value, of)
    elif isinstance(value, Quantity):
        yield _checked(value, of)
    elif isinstance(value, Budget):
        yield from (pair for pair in value.limits.items() if of in (None, pair[0]))
    elif isinstance(value, Mapping):
        for name, most in cast(Mapping[Any, Any], value).items():
            if name not in UNITS:
                raise unknown_name('quantity in budget', name, UNITS)
            yield from _read(most, str(name))
    elif isinstance(value, timedelta):
        yield _checked(Quantity(value.total_seconds(), 's'), of)
    elif isinstance(value, Real) and not isinstance(value, bool):
        checked(float(value), value, of)
        raise wrong(value, of, f'{float(value):g} of what? Write its unit behind it: {_with_unit(float(value), of)}.')
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for each in cast(Iterable[Any], value):
            yield from _read(each, of)
    else:
        raise wrong(value, of)


def _with_unit(value: float, of: str | None) -> str:
    unit = {None: 'Wh', 'energy': 'Wh', 'duration': 'min', 'minerals': 'mg Sb eq'}.get(of) or UNITS[of or 'energy']
    return f"'{value:g} {unit}'"


def _checked(value: Quantity, of: str | None) -> tuple[str, Quantity]:
    name = limited(value)
    if name is None or of not in (None, name):
        raise ArgumentError(
            f'budget: expected a quantity of {of or "energy, carbon, water, minerals, cost or duration"}, '
            f"received {value!r}. Such as Quantity(5, 'Wh')."
        )
    checked(value.value, value, of)
    return name, value
