"""Operations, which can be called on symbolic tensors, and the graph that such calls leave behind.

Layers are operations, and so is each function marked with `@operation`. Functional models are made of their calls.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from hefted import tree
from hefted.remat import RematMode, again, remat_mode
from hefted.shape_tracing import infer
from hefted.symbolic import History, KerasTensor, any_symbolic
from hefted.utils.naming import auto_name

F = TypeVar('F', bound=Callable[..., Any])

# What makes an operation's first call when that is asked for: a Sequential's graph is made late.
MADE_LATER: weakref.WeakKeyDictionary[Operation, weakref.ref[Any]] = weakref.WeakKeyDictionary()


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
    _remat: RematMode | None = None  # the scope that it was made in

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        operation = super().__new__(cls)
        operation.__dict__.update(_init_arguments=(args, kwargs), _inbound_nodes=[], _outbound_nodes=[])
        if (mode := remat_mode()) is not None:
            operation._remat = mode
        return operation

    def __init__(self, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """`call`, computed again in the backward pass where it was made in a `RematScope` that says so."""
        return self.call(*args, **kwargs) if self._remat is None else again(self, self._remat)(*args, **kwargs)

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
        """The symbolic input of its first call."""
        return _single(self._first_node('input').input_tensors)

    @property
    def output(self) -> Any:
        """The symbolic output of its first call."""
        return _single(self._first_node('output').outputs)

    def make_first_call(self) -> None:
        """Make the graph of the Sequential that holds it, if that is still to come: its calls are the first."""
        holder = MADE_LATER.get(self)
        model = None if holder is None else holder()
        if model is not None and model.built:
            model.graph  # noqa: B018 - made when it is asked for

    def _first_node(self, what: str) -> Node:
        self.make_first_call()
        if not self._inbound_nodes:
            raise AttributeError(
                f'{type(self).__name__} {self.name!r} has no {what} yet: it was never called on symbolic tensors. '
                f'Call it on an Input first.'
            )
        return self._inbound_nodes[0]


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


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, kept."""
    return _signature(function)


@functools.lru_cache(maxsize=4096)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)
