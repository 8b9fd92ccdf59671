"""What an optimizer holds: its variables, how they are made, saved and loaded."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hefted import initializers
from hefted.utils.holding import held
from hefted.utils.naming import name_scope
from hefted.variables import Variable

# Attributes whose variables are listed already, or are not the optimizer's.
_BOOKKEEPING = frozenset({'_variables', '_trainable_variables', '_slots'})


class State:
    """The variables of an optimizer, in the order in which they are saved; an attribute that holds some adds them.

    Args:
        name: The optimizer's, which begins the paths of the variables.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._variables: list[Variable] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _BOOKKEEPING and isinstance(value, (Variable, list, tuple, dict)):
            known = {id(v) for v in (*self._variables, *self.__dict__.get('_trainable_variables', ()))}
            self._variables += [v for v in held(Variable, value) if id(v) not in known]
        super().__setattr__(name, value)

    def _own(self, value: Any, name: str, dtype: Any = None) -> Variable:
        with name_scope(self.name):
            variable = Variable(value, dtype=dtype, trainable=False, name=name)
        self._variables.append(variable)
        return variable

    @property
    def variables(self) -> list[Variable]:
        """The state: iterations, the learning rate (unless a schedule's), then slots."""
        return list(self._variables)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = 'zeros',
        dtype: Any = None,
        aggregation: str = 'none',
        layout: Any = None,  # noqa: ARG002 (Keras's signature)
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the optimizer's state."""
        with name_scope(self.name):
            variable = Variable(
                initializers.get(initializer), shape, dtype, trainable=False, aggregation=aggregation, name=name
            )
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = 'zeros'
    ) -> Variable:
        """Make a slot: a variable of a weight's shape and dtype, named after both."""
        name = f'{reference_variable.path.replace("/", "_")}_{name or "var"}'
        slot = self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=name)
        slot.placed_like = reference_variable
        return slot

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: str | Sequence[str], initializer: Any = 'zeros'
    ) -> Any:
        """Make one slot a weight, or several side by side when `name` is a list of names."""
        names = [name] if isinstance(name, str) else list(name)
        starts = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for slots, slot, start in zip(made, names, starts, strict=True):
                slots.append(self.add_variable_from_reference(variable, slot, start))
        return made[0] if isinstance(name, str) else made

    # Optimizers written for Keras assign through these.

    def assign(self, variable: Variable, value: Any) -> None:
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state, in the order of `variables`."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Write the state into a mapping, by index."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read the state back; a store of another size is left alone, with a warning."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f'Expected {len(self.variables)} variables for optimizer {self.name!r}, found {len(store.keys())} in '
                'the file; its state is not loaded.',
                stacklevel=2,
            )
            return
        self.set_weights([np.asarray(store[str(i)]) for i in range(len(self.variables))])
