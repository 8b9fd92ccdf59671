"""Symbolic tensors and the graph that calls on them leave behind: what functional models are made of.

    inputs = Input((3,))                # a KerasTensor: a shape and a dtype, no numbers
    outputs = Dense(2)(inputs)          # another, which remembers the operation that made it
    ops.exp(outputs)                    # any function marked with `@operation` takes them too

Shapes are found by tracing the operation with JAX; nothing is computed. A size that is not known yet is None: it is
traced with two stand-ins, and what comes out different is not known either.
"""

from __future__ import annotations

import functools
import inspect
import operator
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from hefted import dtypes, tree
from hefted.errors import ArgumentError
from hefted.utils.naming import auto_name
from hefted.variables import Discarded

Shape = tuple[int | None, ...]
F = TypeVar('F', bound=Callable[..., Any])
# Keras traces with these two as well; primes are rarely a size of anything else.
_STAND_INS = (83, 89)


class _Tracing(threading.local):
    rows_unknown = False


_tracing = _Tracing()


def rows_unknown() -> bool:
    """Whether only shapes are traced now, for any number of rows."""
    return _tracing.rows_unknown


@contextmanager
def any_rows(unknown: bool = True) -> Generator[None]:
    """Within the block only shapes are traced, for any number of rows: layers built there are built for any."""
    outer, _tracing.rows_unknown = _tracing.rows_unknown, unknown
    try:
        yield
    finally:
        _tracing.rows_unknown = outer


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


class Node:
    """One call of an operation on symbolic tensors.

    Attributes:
        operation: What was called.
        args: Its positional arguments, as given.
        kwargs: Its keyword arguments, as given.
        outputs: What came out, flattened.
        input_tensors: The symbolic tensors among the arguments, flattened.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.outputs: list[KerasTensor] = [] if outputs is None else tree.flatten(outputs)
        for output in self.outputs:
            if not isinstance(output, KerasTensor):
                raise ValueError(
                    f'All outputs of an operation must be tensors. {operation} returned {output!r}. Return arrays.'
                )
        self.input_tensors = [t for t in tree.flatten((args, kwargs)) if isinstance(t, KerasTensor)]
        for tensor in self.input_tensors:
            tensor.history = tensor.history or History(None, 0, 0)
            if (source := tensor.history.operation) is not None:
                source._outbound_nodes.append(self)
        operation._inbound_nodes.append(self)
        if all(tensor.record_history for tensor in self.input_tensors):
            index = len(operation._inbound_nodes) - 1
            for number, tensor in enumerate(self.outputs):
                tensor.history = History(operation, index, number)

    @property
    def output_tensors(self) -> list[KerasTensor]:
        return self.outputs

    @property
    def is_input(self) -> bool:
        return not self.input_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made its inputs."""
        made = [t.history for t in self.input_tensors]
        return [h.operation._inbound_nodes[h.node_index] for h in made if h is not None and h.operation is not None]

    def fill(self, values: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with values in the place of the symbolic tensors (by their id)."""

        def filled(x: Any) -> Any:
            return values[id(x)] if isinstance(x, KerasTensor) else x

        return tree.map_structure(filled, self.args), tree.map_structure(filled, self.kwargs)

    def __repr__(self) -> str:
        return f'<Node operation={self.operation.name}>'


class Operation:
    """What can be called on symbolic tensors: a layer, or a function of `ops`.

    Args:
        name: Made up from the class if None.
    """

    name: str
    _inbound_nodes: list[Node]
    _outbound_nodes: list[Node]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        operation = super().__new__(cls)
        operation.__dict__.update(_init_arguments=(args, kwargs), _inbound_nodes=[], _outbound_nodes=[])
        return operation

    def __init__(self, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.symbolic_call(*args, **kwargs) if any_symbolic(args, kwargs) else self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What it computes."""
        raise NotImplementedError(f'{type(self).__name__} has no call(): say there what it computes.')

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic outputs for symbolic arguments; the call is remembered."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs for symbolic arguments, by tracing `call`."""
        return infer(self.call, *args, **kwargs)

    @property
    def input(self) -> Any:
        """The symbolic input of its only call."""
        return _single(self._only_node('input').input_tensors)

    @property
    def output(self) -> Any:
        """The symbolic output of its only call."""
        return _single(self._only_node('output').outputs)

    def _only_node(self, what: str) -> Node:
        nodes = self._inbound_nodes
        if len(nodes) != 1:
            times = 'never' if not nodes else f'{len(nodes)} times'
            raise AttributeError(
                f'{type(self).__name__} {self.name!r} has no {what} of its own: it was called on symbolic tensors '
                f'{times}. Use get_{what}_at(node_index) or the tensors of the model.'
            )
        return nodes[0]


def _single(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


class FunctionCall(Operation):
    """A function of `ops`, called on symbolic tensors.

    Args:
        function: The function.
        name: Made up from the function's if None.
        fixed: Keyword arguments of every call.
        names: What the positional arguments of a call are called; in the function's order if empty.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        super().__init__(name or auto_name(function.__name__))
        self.function, self.fixed, self.names = function, dict(fixed or {}), tuple(names)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.bind(args, kwargs)
        return self.function(*bound.args, **bound.kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """By the function's `spec` where it has one: some shapes do not follow from a trace."""
        spec = getattr(self.function, 'spec', None)
        if spec is None:
            return super().compute_output_spec(*args, **kwargs)
        bound = self.bind(args, kwargs)
        return spec(*bound.args, **bound.kwargs)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """The function's arguments for those of a call."""
        signature = signature_of(self.function)
        several = [p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_POSITIONAL]
        if self.names and not several:
            return signature.bind(**dict(zip(self.names, args, strict=False)), **self.fixed, **kwargs)
        before = [self.fixed[name] for name in signature.parameters if name in self.fixed] if several else []
        return signature.bind(*before, *args, **({} if several else self.fixed), **kwargs)

    def __repr__(self) -> str:
        return f'<Operation name={self.name}>'


def operation(function: F) -> F:
    """Decorator of functions over arrays: called on symbolic tensors, they return symbolic tensors.

    Example:
        >>> @operation
        ... def twice(x):
        ...     return x + x
        >>> twice(KerasTensor((None, 3))).shape
        (None, 3)
    """

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return FunctionCall(function).symbolic_call(*args, **kwargs)
        return function(*args, **kwargs)

    return either  # pyright: ignore[reportReturnType]


def eval_shapes(function: Callable[..., Any], *probes: Any) -> Any:
    """As `jax.eval_shape`, but variables may be assigned meanwhile; what was assigned is forgotten."""

    def traced(*arrays: Any) -> Any:
        with Discarded():
            return function(*arrays)

    return jax.eval_shape(traced, *probes)


def infer(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The KerasTensors that a function returns for KerasTensors: it is traced, nothing is computed.

    Variables may be read and assigned; what is assigned is forgotten. Arguments that are not symbolic are passed as
    they are.

    Args:
        function: Over arrays.
        *args: Nested; KerasTensors stand for arrays.
        **kwargs: The same.

    Returns:
        As the function, KerasTensors in the place of arrays; other things as they are.
    """
    return trace_shapes(function, args, kwargs)


def trace_shapes(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], by_rows: bool = False
) -> Any:
    """As `infer`, the arguments in a tuple and a dict.

    Args:
        function: Over arrays.
        args: Positional arguments.
        kwargs: Keyword arguments.
        by_rows: Whether it is known that each row of the outputs comes of that row of the inputs, so that an
            unknown number of rows needs one trace only.
    """
    leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=lambda x: x is None or isinstance(x, KerasTensor))
    symbolic = [leaf for leaf in leaves if isinstance(leaf, KerasTensor)]
    unknown = any(None in tensor.shape for tensor in symbolic)
    once = not unknown or (by_rows and all(t.shape[:1] == (None,) and None not in t.shape[1:] for t in symbolic))
    skeleton: list[Any] = []

    def trace(*arrays: Any) -> Any:
        given = iter(arrays)
        filled = [next(given) if isinstance(leaf, KerasTensor) else leaf for leaf in leaves]
        args, kwargs = jax.tree.unflatten(structure, filled)
        with Discarded():
            outputs = function(*args, **kwargs)
        flat, shape = jax.tree.flatten(outputs, is_leaf=lambda x: x is None)
        skeleton[:] = [shape, *(_HERE if _is_array(leaf) else leaf for leaf in flat)]
        return [leaf for leaf in flat if _is_array(leaf)]

    with any_rows(any(t.shape[:1] == (None,) for t in symbolic)):
        found = [
            jax.eval_shape(trace, *(_stand_in(tensor, size) for tensor in symbolic))
            for size in (_STAND_INS[:1] if once else _STAND_INS)
        ]
    made = iter(_merged(found, rows_unknown=once and unknown))
    shape, *flat = skeleton
    return jax.tree.unflatten(shape, [next(made) if leaf is _HERE else leaf for leaf in flat])


_HERE = object()  # where an array was in the outputs


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic))


def _stand_in(tensor: KerasTensor, size: int) -> jax.ShapeDtypeStruct:
    shape = tuple(size if d is None else d for d in tensor.shape)
    return jax.ShapeDtypeStruct(shape, np.dtype(dtypes.on_device(tensor.dtype)))


def _merged(found: list[list[Any]], rows_unknown: bool) -> list[KerasTensor]:
    """One tensor for each output; a size that differs between the traces is None."""
    merged: list[KerasTensor] = []
    for alike in zip(*found, strict=True):
        sizes = zip(*(array.shape for array in alike), strict=True)
        shape: Shape = tuple(each[0] if len(set(each)) == 1 else None for each in sizes)
        if rows_unknown and shape:
            shape = (None, *shape[1:])
        merged.append(KerasTensor(shape, dtypes.standardize(alike[0].dtype)))
    return merged


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, kept."""
    return _signature(function)


@functools.lru_cache(maxsize=4096)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)
