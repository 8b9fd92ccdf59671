"""Whether blocks hold alike things: what one computes with its own weights, it then computes with another's.

People change attributes after a block was made, and a block may be made of what no config tells (a function, a switch
of its own). So each trace asks this, and blocks that differ run one by one, as without a stack.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from hefted.initializers import Initializer
from hefted.layers.layer import Layer
from hefted.layers.tracking import _BOOKKEEPING
from hefted.operation import Operation
from hefted.random import SeedGenerator
from hefted.symbolic import KerasTensor
from hefted.variables import Variable

# Attributes that each layer has for itself: how it is called, and when and where it was built.
_APART = _BOOKKEEPING | {
    'name', 'seed', 'built', 'output_shape', '_path', '_build_shape', '_build_shapes', '_building', '_in_turn',
}  # fmt: skip
_PLAIN = (bool, int, float, complex, str, bytes, type, set, frozenset)


def alike_now(blocks: Sequence[Layer], columns: Sequence[Sequence[Variable]]) -> bool:
    """Whether blocks hold alike things in their attributes, those of the layers within too.

    Args:
        blocks: Of one class.
        columns: Variables that stand for each other, one of each block: they may differ in their values.

    Returns:
        False, too, where nobody can say.

    Example:
        >>> from hefted.layers import Dropout
        >>> one, other = Dropout(0.1), Dropout(0.1)
        >>> columns = [(one.seed_generator.state, other.seed_generator.state)]
        >>> alike_now([one, other], columns)
        True
        >>> other.rate = 0.2
        >>> alike_now([one, other], columns)
        False
    """
    places = {id(variable): i for i, column in enumerate(columns) for variable in column}
    return all(_Pair(places).alike(blocks[0], other) for other in blocks[1:])


def holds_alike(one: Any, other: Any) -> bool:
    """Whether two objects hold alike things; False, too, where nobody can say.

    Example:
        >>> def scale(by):
        ...     return lambda x: by * x
        >>> holds_alike(scale(2), scale(2)), holds_alike(scale(2), scale(3))
        (True, False)
    """
    return _Pair({}).alike(one, other)


class _Pair:
    """Two blocks, compared part by part.

    Args:
        places: The column of a variable, by its id.
    """

    def __init__(self, places: Mapping[int, int]) -> None:
        self._places = places
        self._met: dict[tuple[int, int], tuple[Any, Any]] = {}  # with what it is of: else an id might be taken anew

    def alike(self, one: Any, other: Any) -> bool:
        if one is other:
            return True
        if type(one) is not type(other):
            return False
        if isinstance(one, _PLAIN):
            return one == other
        if (id(one), id(other)) in self._met:  # attributes may lead round: the rest decides
            return True
        self._met[id(one), id(other)] = one, other
        return self._parts_alike(one, other)

    def _parts_alike(self, one: Any, other: Any) -> bool:
        if isinstance(one, Variable):
            return self._places.get(id(one), -1) == self._places.get(id(other), -2)
        if isinstance(one, SeedGenerator):
            return self.alike(one.state, other.state)
        if isinstance(one, Initializer):  # the weights are made
            return True
        if isinstance(one, (Operation, KerasTensor)):
            return self._held_alike(vars(one), vars(other), _APART) and _policy(one) == _policy(other)
        if isinstance(one, Mapping):
            return self._held_alike(one, other)
        if isinstance(one, (list, tuple)):
            return len(one) == len(other) and all(map(self.alike, one, other))
        if isinstance(one, (np.ndarray, jax.Array)):
            known = not isinstance(one, Tracer) and not isinstance(other, Tracer)
            return known and one.dtype == other.dtype and np.array_equal(one, other)
        if isinstance(one, types.FunctionType):
            return one.__code__ == other.__code__ and self.alike(_around(one), _around(other))
        if isinstance(one, types.MethodType):
            return one.__func__ is other.__func__ and self.alike(one.__self__, other.__self__)
        if isinstance(one, functools.partial):
            return all(self.alike(getattr(one, part), getattr(other, part)) for part in ('func', 'args', 'keywords'))
        return self._objects_alike(one, other)

    def _held_alike(
        self, one: Mapping[Any, Any], other: Mapping[Any, Any], apart: frozenset[str] = frozenset()
    ) -> bool:
        names = [name for name in one if name not in apart]
        if set(names) != {name for name in other if name not in apart}:
            return False
        return all(self.alike(one[name], other[name]) for name in names)

    def _objects_alike(self, one: Any, other: Any) -> bool:
        cls: Any = type(one)
        if cls.__eq__ is not object.__eq__:
            try:
                return bool(one == other)
            except (TypeError, ValueError):  # of arrays within, which have no single answer
                return False
        # What is written in Python alone holds all that it is in its attributes.
        slots = any(vars(each).get('__slots__') for each in cls.__mro__)
        tells = cls.__new__ is object.__new__ and hasattr(one, '__dict__') and not slots
        return tells and self.alike(vars(one), vars(other))


def _policy(operation: Any) -> Any:
    """Of a layer, what it computes in: of a map of policies, its path decides."""
    return (operation.compute_dtype, operation.variable_dtype) if isinstance(operation, Layer) else None


def _around(function: Any) -> Any:
    """What a function knows beside its code."""
    cells = function.__closure__ or ()
    return function.__defaults__, function.__kwdefaults__, [_content(cell) for cell in cells], id(function.__globals__)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty still
        return None
