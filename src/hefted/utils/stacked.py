"""`Stacked`: one array for the same weight of many layers, whose slices are the values of the layers' own variables.

A step that runs alike layers as one loop takes each weight of theirs as one array with a leading axis of layers, and
so do its gradients and what the optimizer keeps. People see none of that: each layer's variable is read, assigned,
frozen and saved as if it held an array of its own.

    stack = stacked([layer.kernel for layer in layers])     # their values stay where they are
    stack.held                                              # (layers, …): from now on they are slices of this
    layers[1].kernel.assign(…)                              # an array of its own again, until the stack is next asked
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax

from hefted.variables import Array, Variable


class Stacked(Variable):
    """Variables of one shape and dtype as one variable, (parts, *shape).

    Args:
        parts: Two or more; none of them is a part of another stack.

    Example:
        >>> parts = [Variable(np.full(2, i, 'float32'), name='bias') for i in range(3)]
        >>> whole = stacked(parts)
        >>> whole.held.shape
        (3, 2)
        >>> whole.hold(whole.held + 1)
        >>> parts[2].numpy()
        array([3., 3.], dtype=float32)
        >>> _ = parts[0].assign([7, 7])
        >>> whole.numpy()[:, 0]
        array([7., 2., 3.], dtype=float32)
    """

    def __init__(self, parts: Sequence[Variable]) -> None:
        first = parts[0]
        self.parts = tuple(parts)
        self.name, self.path, self.number = first.name, first.path, first.number
        self.dtype, self.shape, self.ndim = first.dtype, (len(parts), *first.shape), first.ndim + 1
        self.made_trainable, self.autocast = first.made_trainable, first.autocast
        self.aggregation, self.synchronization = first.aggregation, first.synchronization
        self.overwrite_with_gradient = first.overwrite_with_gradient
        self.regularizer = None  # the parts' own are asked for
        self.constraint = first.constraint and jax.vmap(first.constraint)
        self._value: Array = None
        self._loose = True  # whether a part holds an array of its own
        for index, part in enumerate(parts):
            part.stack, part.index = self, index

    @property
    def trainable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all of them are."""
        return all(part.trainable for part in self.parts)

    @property
    def placed_like(self) -> Variable | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Of what an optimizer keeps for a stack, the weights: as one where they are."""
        weight = self.parts[0].placed_like
        return weight if weight is None or weight.stack is None else weight.stack

    @property
    def held(self) -> Array:
        """The array outside any step; the parts' values are its slices from now on."""
        if self._loose:
            self.hold(_joined([part.held for part in self.parts]))
        return self._value

    def held_array(self) -> Array:
        self.hold(self.held)
        return super().held_array()

    def hold(self, value: Array) -> None:
        self._value = value
        if self._loose:
            self._loose = False
            for part in self.parts:
                part._value = None

    def loosen(self) -> None:
        """Hear that a part holds an array of its own."""
        self._loose = True
        if all(part._value is not None for part in self.parts):
            self._value = None

    def slice(self, part: Variable, on_device: bool = False) -> Array:
        """A part's value outside any step."""
        if on_device and isinstance(self._value, np.ndarray):
            with jax.ensure_compile_time_eval():
                self._value = jax.device_put(self._value)
        with jax.ensure_compile_time_eval():
            return self._value[part.index]

    @staticmethod
    def sliced(whole: Array, part: Variable) -> Array:
        """A part's value within a step that has the stack's."""
        return lax.index_in_dim(whole, part.index, keepdims=False)

    @staticmethod
    def replaced(whole: Array, part: Variable, value: Array) -> Array:
        """The stack's value within a step, with a new one of a part."""
        return lax.dynamic_update_index_in_dim(whole, value, part.index, 0)


def _joined(arrays: Sequence[Array]) -> Array:
    """Arrays as one; on the host where all of them are there still."""
    if all(isinstance(array, np.ndarray) for array in arrays):
        return np.stack(arrays)
    with jax.ensure_compile_time_eval():
        return jax.numpy.stack(arrays)


def stacked(parts: Sequence[Variable]) -> Stacked | None:
    """The stack of these variables, the same one each time; None where they cannot be one.

    They can where they are several, of one shape, dtype and use, and not parts of another stack. Who calls this sees
    that their constraints are alike.
    """
    first = parts[0].stack
    if first is not None and len(first.parts) == len(parts) and all(map(_same, first.parts, parts)):
        return first
    kinds = {(p.shape, p.dtype, p.made_trainable, p.autocast, p.overwrite_with_gradient) for p in parts}
    if len({id(part) for part in parts}) < max(len(parts), 2) or len(kinds) > 1:
        return None
    # A variable that another library holds has no other place.
    return Stacked(parts) if all(part.stack is None and type(part) is Variable for part in parts) else None


def gathered(variables: Iterable[Variable]) -> list[Variable]:
    """Variables with each stack in the place of its first part, where all of its parts are among them.

    Example:
        >>> parts = [Variable(np.zeros(2), name='bias') for _ in range(3)]
        >>> whole, other = stacked(parts), Variable(np.zeros(4), name='other')
        >>> gathered([parts[0], other, *parts[1:]]) == [whole, other], len(gathered(parts[1:]))
        (True, 2)
    """
    listed = list(variables)
    here = {id(v) for v in listed}
    found: list[Variable] = []
    for variable in listed:
        stack = variable.stack
        if stack is None or not all(id(part) in here for part in stack.parts):
            found.append(variable)
        elif variable is stack.parts[0]:
            found.append(stack)
    return found


def apart(values: Sequence[Any], variables: Sequence[Variable]) -> tuple[list[Any], list[Variable]]:
    """Values of variables, such as gradients, with those of a stack one by one, and the variables likewise."""
    pairs = [
        (value if value is None or not variable.parts else value[i], part)
        for value, variable in zip(values, variables, strict=True)
        for i, part in enumerate(variable.parts or (variable,))
    ]
    return [value for value, _ in pairs], [part for _, part in pairs]


def _same(one: Variable, other: Variable) -> bool:
    return one is other
