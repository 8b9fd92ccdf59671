"""Variables: named handles to values, and the one place where a traced value is bound to them.

Outside a training step a `Variable` holds an array of its own. Inside one, `bind` lends it a value of the
step's state: `layer.call` reads and assigns variables as Keras programs do, and the step stays a pure function.

    with bind(variables, values) as scope:
        ...                              # reads see `values`, assignments stay in the scope
    new_values = scope.values(variables)

This is the library's one mutable thing; all else is pure functions over pytrees.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.core import Tracer

from hefted import dtypes
from hefted.errors import ArgumentError, ShapeError
from hefted.utils.lending import (
    Assigned,
    Discarded,
    Scope,
    autocast,
    autocasting,
    bind,
    current_scope,
    local,
    outside,
)
from hefted.utils.naming import auto_name, scoped_path

if TYPE_CHECKING:
    from hefted.utils.stacked import Stacked

Array = Any  # a jax.Array, a tracer or a numpy.ndarray: JAX gives them no common type that pyright can hold


__all__ = [
    'Array', 'Assigned', 'Discarded', 'Scope', 'Variable', 'autocast', 'autocasting', 'bind', 'current_scope',
    'gathered', 'limited_bytes', 'outside',
]  # fmt: skip

_numbers = itertools.count()


@contextmanager
def limited_bytes(most: int) -> Generator[None, None, None]:
    """Let the variables made in this block take at most so many bytes together: a file says what is made in it."""
    outer, local.bytes_left = local.bytes_left, most
    try:
        yield
    finally:
        local.bytes_left = outer


def _take(name: str, shape: tuple[int, ...], dtype: str) -> None:
    wanted = math.prod(shape) * jax.numpy.dtype(dtype).itemsize
    if wanted > local.bytes_left:
        raise ArgumentError(f'{name!r} of shape {shape} would take {wanted} bytes, more than its file accounts for.')
    local.bytes_left -= wanted


class Variable:
    """A named array with a trainable switch.

    Args:
        initializer: An array, or a callable `(shape, dtype) -> array`, or an initializer's name.
        shape: Needed with a callable; each size a positive int or 0.
        dtype: Standard name; `floatx()` where the initializer does not say.
        trainable: Whether optimizers update it.
        autocast: Whether mixed precision may cast it on reading.
        aggregation: Kept for Keras's sake ('none', 'mean', 'sum', 'only_first_replica').
        name: Without slashes; made up from the class if None.

    Raises:
        ArgumentError: A callable without a shape, or a name with a slash.

    Example:
        >>> v = Variable(np.zeros((2, 3)), name='kernel')
        >>> v.shape, v.dtype, v.trainable
        ((2, 3), 'float32', True)
        >>> _ = v.assign_add(np.ones((2, 3)))
        >>> float(v.numpy().sum())
        6.0
    """

    #: The stack whose slice the value may be, and this one's place there; the parts of what is a stack itself.
    stack: Stacked | None = None
    index: int = 0
    parts: Sequence[Variable] = ()

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = 'none',
        synchronization: str = 'auto',
        name: str | None = None,
    ) -> None:
        if name is not None and '/' in name:
            raise ArgumentError(f'Expected name without a slash, received {name!r}. Use an underscore instead.')
        self.number = next(_numbers)  # in the order that variables were made
        self.name = name or auto_name('variable')
        self.path = scoped_path(self.name)
        self.trainable = self.made_trainable = bool(trainable)  # the second stays when its layer is frozen
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self.overwrite_with_gradient = False
        self.placed_like: Variable | None = None  # of an optimizer's slot, the weight: it lies on the same devices
        self.regularizer: Callable[[Array], Array] | None = None
        self.constraint: Callable[[Array], Array] | None = None
        if isinstance(initializer, str):
            from hefted import initializers

            initializer = initializers.get(initializer)
        initial: Any
        fresh = False
        if callable(initializer):
            if shape is None:
                raise ArgumentError(f'Expected shape with a callable initializer, received None for {self.name!r}.')
            self.dtype = dtypes.standardize(dtype)
            if local.bytes_left != math.inf:
                _take(self.name, tuple(shape), self.dtype)
            initial = initializer(tuple(shape), dtype=self.dtype)
            fresh = type(initializer).__module__.startswith('hefted.initializers.')  # nobody else holds what it made
        else:
            initial = initializer.value if isinstance(initializer, Variable) else initializer
            if not isinstance(initial, jax.Array):
                initial = np.asarray(initial)
            self.dtype = dtypes.standardize(dtype) if dtype is not None else dtypes.on_device(initial.dtype)
        self._value: Array = initial if fresh and initial.dtype == self.dtype else _own(initial, self.dtype)
        self.shape: tuple[int, ...] = tuple(self._value.shape)
        self.ndim = len(self.shape)
        if shape is not None and tuple(shape) != self.shape:
            raise ShapeError(f'Expected an initial value of shape {tuple(shape)}, received {self.shape}.')

    # Reading

    @property
    def value(self) -> Array:
        """The value: the step's inside one (cast under `autocast`), an array of its own outside."""
        raw = self.raw
        dtype = local.autocast
        if dtype is not None and self.autocast and dtype != self.dtype and dtypes.is_float(self.dtype):
            return raw.astype(dtype)
        return raw

    @property
    def raw(self) -> Array:
        """The value without any cast."""
        scope = local.scope and local.scope.find(self)
        if scope:
            return scope.get(self)
        return self.held_array() if local.scope is None else self.held

    def held_array(self) -> Array:
        """The array outside any step, on the device."""
        if self._value is None:
            return self._stack.slice(self, on_device=True)
        if isinstance(self._value, np.ndarray):
            with jax.ensure_compile_time_eval():  # while shapes are traced, a variable is an array all the same
                self._value = jax.device_put(self._value)
        return self._value

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy of the value on the host."""
        return np.array(gathered(self.value))

    # Writing

    def assign(self, value: Any) -> Variable:
        """Set the value; its shape must be the variable's."""
        if isinstance(value, Variable):
            value = value.raw
        shape = tuple(value.shape) if hasattr(value, 'shape') else np.shape(value)
        if shape != self.shape:
            raise ShapeError(
                f'Expected a value of shape {self.shape} for variable {self.path!r}, received shape {shape}.'
            )
        scope = local.scope and local.scope.find(self)
        if not scope and local.scope and isinstance(value, Tracer):  # not of this step's state: forgotten at its end
            scope = local.scope
            scope.lent.append(self)
        if scope:
            same = isinstance(value, jax.Array) and value.dtype == self.dtype
            scope.set(self, value if same else jax.numpy.asarray(value, self.dtype))
        else:
            self.hold(_own(value, self.dtype))
        return self

    def assign_add(self, value: Any) -> Variable:
        return self.assign(self.raw + value)

    def assign_sub(self, value: Any) -> Variable:
        return self.assign(self.raw - value)

    def hold(self, value: Array) -> None:
        """Take an array as it is, unchecked: the training loop's way to give state back."""
        self._value = value
        if self.stack is not None:
            self.stack.loosen()

    @property
    def held(self) -> Array:
        """The array outside any step, as it is: on the host until first used."""
        return self._stack.slice(self) if self._value is None else self._value

    @property
    def _stack(self) -> Stacked:
        assert self.stack is not None  # what has no array of its own is a part of one
        return self.stack

    # Standing in for an array

    def __jax_array__(self) -> Array:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(gathered(self.value), dtype=dtype)

    def __repr__(self) -> str:
        held = self._stack._value if self._value is None else self._value
        given_away = isinstance(held, jax.Array) and (isinstance(held, Tracer) or held.is_deleted())
        told = '' if given_away else f', value={np.asarray(self.held)}'  # a training in progress has it
        return f'<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}{told}>'

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> Any:
        return self.value == _raw(other)

    def __ne__(self, other: object) -> Any:
        return self.value != _raw(other)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Array:
        return self.value[index]

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __getattr__(self, name: str) -> Any:
        # What an array can do (sum, reshape, astype, at, T, …) a variable can.
        if name.startswith('_') or name in ('dtype', 'shape', 'ndim', 'path'):
            raise AttributeError(name)
        return getattr(self.value, name)


def gathered(array: Array) -> Array:
    """An array that this process has all of; of shares on several hosts, all of which must ask for it, put together."""
    if not isinstance(array, jax.Array) or array.is_fully_addressable or array.is_fully_replicated:
        return array
    from jax.experimental import multihost_utils

    from hefted.distribution import lead

    lead.meet('read weights of which each process has a share (save, get_weights, a checkpoint)')
    return multihost_utils.process_allgather(array, tiled=True)


def _raw(other: Any) -> Any:
    return other.value if isinstance(other, Variable) else other


def _own(value: Any, dtype: str) -> Array:
    """An array that nobody else can change, of the given dtype."""
    if isinstance(value, jax.Array):
        return value if value.dtype == dtype else value.astype(dtype)
    return np.array(value, dtype=dtype)


def _binary(name: str) -> Callable[[Variable, Any], Any]:
    def method(self: Variable, other: Any) -> Any:
        return getattr(self.value, name)(_raw(other))

    return method


for _name in (
    'add', 'radd', 'sub', 'rsub', 'mul', 'rmul', 'truediv', 'rtruediv', 'floordiv', 'rfloordiv', 'mod', 'rmod',
    'pow', 'rpow', 'matmul', 'rmatmul', 'lt', 'le', 'gt', 'ge', 'and', 'rand', 'or', 'ror', 'xor', 'rxor',
):  # fmt: skip
    setattr(Variable, f'__{_name}__', _binary(f'__{_name}__'))


def _unary(name: str) -> Callable[[Variable], Any]:
    def method(self: Variable) -> Any:
        return getattr(self.value, name)()

    return method


for _name in ('neg', 'abs', 'pos', 'invert'):
    setattr(Variable, f'__{_name}__', _unary(f'__{_name}__'))
