"""Symbolic tensors: a shape and a dtype, no numbers.

    inputs = Input((3,))                # a KerasTensor
    outputs = Dense(2)(inputs)          # another, which remembers the operation that made it
    ops.exp(outputs)                    # any function marked with `@operation` takes them too

What an operation is stands in operation.py, how the shapes that it returns are found in shape_tracing.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hefted import dtypes
from hefted.errors import ArgumentError
from hefted.utils.naming import auto_name

Shape = tuple[int | None, ...]


class History(NamedTuple):
    """Which call made a symbolic tensor."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor:
    """A placeholder for an array: its shape (None where not known yet) and dtype.

    Args:
        shape: Sizes by axis.
        dtype: Its dtype.
        sparse: Kept for Keras's sake; only False.
        ragged: The same.
        record_history: Whether calls on it are remembered.
        name: Made up if None.

    Example:
        >>> KerasTensor((None, 3)).shape
        (None, 3)
    """

    def __init__(
        self,
        shape: Any,
        dtype: Any = 'float32',
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        if sparse or ragged:
            raise ArgumentError('Expected a dense KerasTensor: sparse and ragged ones are not supported.')
        self.shape: Shape = standardize_shape(shape)
        self.dtype = dtypes.standardize(dtype)
        self.sparse = self.ragged = False
        self.record_history = record_history
        self.name = name or auto_name('KerasTensor')
        self.history: History | None = None  # which call made it; None for one made by hand
        self._keras_mask: Any = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def reshape(self, newshape: Any) -> Any:
        return _ops().reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        return _ops().squeeze(self, axis)

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError('Iterating over a symbolic KerasTensor is not supported. Use ops.unstack.')

    def __bool__(self) -> bool:
        raise TypeError('A symbolic KerasTensor cannot be used as a boolean: it holds no number. Use ops.where.')

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ValueError(
            f"{self} has a shape and a dtype but no numbers: it cannot be made a NumPy array. (A layer of Keras's is "
            'called on it as hefted.integrations.KerasLayer(layer).)'
        )

    def __jax_array__(self) -> Any:
        raise ValueError(
            f'{self} cannot be given to a JAX function: it holds no numbers. Use a layer or hefted.ops, or put the '
            'function into the `call` of a Layer.'
        )

    def __int__(self) -> int:
        raise ValueError(f'{self} has no number to make an int of.')

    def __float__(self) -> float:
        raise ValueError(f'{self} has no number to make a float of.')

    def __repr__(self) -> str:
        return f'<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, name={self.name}>'

    __hash__ = object.__hash__


def _ops() -> Any:
    from hefted import ops

    return ops


def _operator(name: str, swapped: bool) -> Callable[..., Any]:
    def method(self: KerasTensor, *others: Any) -> Any:
        return getattr(_ops(), name)(*((*others, self) if swapped else (self, *others)))

    return method


for _symbol, _name in {
    'add': 'add', 'sub': 'subtract', 'mul': 'multiply', 'truediv': 'true_divide', 'floordiv': 'floor_divide',
    'mod': 'mod', 'pow': 'power', 'matmul': 'matmul', 'and': 'logical_and', 'or': 'logical_or', 'xor': 'logical_xor',
}.items():  # fmt: skip
    setattr(KerasTensor, f'__{_symbol}__', _operator(_name, swapped=False))
    setattr(KerasTensor, f'__r{_symbol}__', _operator(_name, swapped=True))
for _symbol, _name in {
    'lt': 'less', 'le': 'less_equal', 'gt': 'greater', 'ge': 'greater_equal', 'eq': 'equal', 'ne': 'not_equal',
    'neg': 'negative', 'abs': 'absolute', 'invert': 'logical_not',
}.items():  # fmt: skip
    if _symbol not in ('eq', 'ne'):  # as in Keras, == compares the objects: they are keys of dicts
        setattr(KerasTensor, f'__{_symbol}__', _operator(_name, swapped=False))


def standardize_shape(shape: Any) -> Shape:
    """A shape as a tuple of sizes, None where one is not known.

    Raises:
        ArgumentError: It is not made of whole numbers of at least 0.

    Example:
        >>> standardize_shape([None, np.int64(3)])
        (None, 3)
    """
    try:
        sizes = tuple(None if size is None else operator.index(size) for size in shape)
    except TypeError:  # no tuple, or something in it is no whole number
        sizes = (-1,)
    if any(size is not None and size < 0 for size in sizes):
        raise ArgumentError(
            f'Expected a shape of whole numbers of at least 0, None where a size is not known, received {shape!r}. '
            'Write, for example, (28, 28) or (None, 10).'
        )
    return sizes


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a symbolic tensor."""
    return isinstance(x, KerasTensor)


def any_symbolic(*structures: Any) -> bool:
    """Whether a symbolic tensor is anywhere in nested arguments."""
    for value in structures:
        if isinstance(value, KerasTensor):
            return True
        if isinstance(value, (list, tuple)):
            if any_symbolic(*value):
                return True
        elif isinstance(value, dict) and any_symbolic(*value.values()):
            return True
    return False
