"""Values lent to variables while a step is traced, and what else holds within one."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import jax

if TYPE_CHECKING:
    from hefted.variables import Array, Variable


class Local(threading.local):
    scope: Scope | None = None
    autocast: str | None = None
    bytes_left: float = math.inf  # that new variables may take


local = Local()


class Scope:
    """Values lent to variables, until the `with` block ends."""

    def __init__(self, variables: Iterable[Variable], values: Iterable[Array]) -> None:
        self._values: dict[int, Array] = {id(v): x for v, x in zip(variables, values, strict=True)}
        self._outer: Scope | None = None
        self.added: list[tuple[Any, Array]] = []  # whose, and what
        self.lent: list[Variable] = []  # beside those given, while the scope lasts

    def __enter__(self) -> Self:
        self._outer, local.scope = local.scope, self
        return self

    def __exit__(self, *_: object) -> None:
        local.scope, self._outer = self._outer, None

    def values(self, variables: Iterable[Variable]) -> list[Array]:
        """The values that the variables have in this scope now."""
        return [self.get(v) for v in variables]

    def find(self, variable: Variable) -> Scope | None:
        """The innermost scope, from this one outwards, that lends the variable a value."""
        if id(variable) in self._values or self._lends_around(variable):
            return self
        return self._outer.find(variable) if self._outer else None  # which may lend any variable

    def _lends_around(self, variable: Variable) -> bool:
        """Whether the stack that a variable is a part of is lent, or all the parts of a stack."""
        if variable.stack is not None:
            return id(variable.stack) in self._values
        return bool(variable.parts) and all(id(part) in self._values for part in variable.parts)

    def all_losses(self) -> list[tuple[Any, Array]]:
        """Losses added in this scope and in those around it."""
        return (self._outer.all_losses() if self._outer else []) + self.added

    def get(self, variable: Variable) -> Array:
        if (found := self._values.get(id(variable))) is not None:
            return found
        if variable.stack is not None:
            return variable.stack.sliced(self._values[id(variable.stack)], variable)
        return jax.numpy.stack([self._values[id(part)] for part in variable.parts])

    def set(self, variable: Variable, value: Array) -> None:
        if id(variable) in self._values or not self._lends_around(variable):
            self._values[id(variable)] = value
        elif variable.stack is not None:
            whole = self._values[id(variable.stack)]
            self._values[id(variable.stack)] = variable.stack.replaced(whole, variable, value)
        else:
            self._values.update((id(part), value[i]) for i, part in enumerate(variable.parts))


class Discarded(Scope):
    """Every variable may be read and assigned as usual, and what was assigned is forgotten at the block's end."""

    def __init__(self) -> None:
        super().__init__((), ())

    def find(self, variable: Variable) -> Scope | None:
        if not (id(variable) in self._values or self._lends_around(variable)):
            outer = self._outer and self._outer.find(variable)
            alone = variable.stack is None or (outer and id(variable) in outer._values)
            lent: Variable = variable if alone or variable.stack is None else variable.stack
            self._values[id(lent)] = outer.get(lent) if outer else lent.held_array()
        return self


class Assigned(Discarded):
    """As `Discarded`, and knows what was assigned."""

    def __init__(self) -> None:
        super().__init__()
        self.assigned: list[Variable] = []

    def set(self, variable: Variable, value: Array) -> None:
        if all(variable is not other for other in self.assigned):
            self.assigned.append(variable)
        super().set(variable, value)


class outside:
    """Within the block no step is going on: variables hold arrays of their own, though a step be traced."""

    def __enter__(self) -> None:
        self._scope, local.scope = local.scope, None
        self._eager = jax.ensure_compile_time_eval()
        self._eager.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._eager.__exit__(*error)
        local.scope = self._scope


def bind(variables: Sequence[Variable], values: Sequence[Array]) -> Scope:
    """Lend values to variables: `with bind(variables, values) as scope`."""
    return Scope(variables, values)


def current_scope() -> Scope | None:
    """The innermost open scope, or None outside a step."""
    return local.scope


def autocasting() -> bool:
    """Whether reading a floating variable casts it now."""
    return local.autocast is not None


class autocast:
    """Within the block, reading a floating variable casts it to `dtype` (mixed precision)."""

    def __init__(self, dtype: str | None) -> None:
        self.dtype = dtype

    def __enter__(self) -> None:
        self.outer, local.autocast = local.autocast, self.dtype

    def __exit__(self, *_: object) -> None:
        local.autocast = self.outer
