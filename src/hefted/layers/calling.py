"""How a layer is called: what holds for every layer inside one call, and which argument is what."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import jax

from hefted import tree
from hefted.errors import ArgumentError
from hefted.operation import signature_of
from hefted.shape_tracing import rows_unknown
from hefted.symbolic import KerasTensor
from hefted.variables import Array

Shape = tuple[int | None, ...]


class CallContext(threading.local):
    """What holds for every layer called inside one step.

    Attributes:
        training: Given to each layer whose `call` takes `training`; None leaves the layer's own default.
        rows: float32 of shape (batch,), 1 for a real row and 0 for padding of a short batch; None if all are real.
        inside: Whether a layer is being called now, so that another's call is a part of it.
        apart: A layer whose own `call` alone is told its `training`, and what it calls is not.
    """

    training: bool | None = None
    rows: Array | None = None
    inside: bool = False
    apart: Any = None


context = CallContext()


class calling:
    """Within the block, layers are called with this `training` and these `rows`."""

    def __init__(self, training: bool | None = None, rows: Array | None = None) -> None:
        self.now = (training, rows)

    def __enter__(self) -> None:
        self.outer = (context.training, context.rows)
        context.training, context.rows = self.now

    def __exit__(self, *_: object) -> None:
        context.training, context.rows = self.outer


def call_in_step(layer: Any, *args: Any, training: bool | None, rows: Array | None = None, **kwargs: Any) -> Any:
    """Call a layer or a model as a step does.

    As in Keras, whose steps run a model's `call` and nothing around it: a `call` of the user's own is told `training`
    if it takes it, and hands it on to the layers that it calls, or does not. Ours hand it on.
    """
    takes = signature_of(type(layer).call).parameters if has_own_call(layer) else None
    if takes is None:
        with calling(training, rows):
            return layer(*args, **kwargs)
    if 'training' in takes and training is not None:
        kwargs['training'] = training
    with calling(None, rows):
        outer, context.apart = context.apart, layer
        try:
            return layer(*args, **kwargs)
        finally:
            context.apart = outer


def has_own_call(layer: Any) -> bool:
    """Whether its `call` is written by a user."""
    return hasattr(type(layer), 'call') and not type(layer).call.__module__.startswith('hefted.')


class Arguments:
    """The arguments of one call, by the names of `call`'s parameters.

    Args:
        call: The layer's `call`, not bound.
        layer: Whose it is.
        args: Positional.
        kwargs: By keyword.

    Attributes:
        given: By name, as given or by default.
        tensors: Those that are arrays, or structures of nothing else.
        first: The first argument; None where there is none.
    """

    def __init__(self, call: Callable[..., Any], layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        bound = signature_of(call).bind(layer, *args, **kwargs)
        bound.apply_defaults()
        (_, *names) = bound.arguments
        self.given: dict[str, Any] = {name: bound.arguments[name] for name in names}
        self.tensors = {name: value for name, value in self.given.items() if _holds_tensors(name, value)}
        self.first = self.given[names[0]] if names else None

    def shapes(self) -> dict[str, Any]:
        """'<name>_shape' to shape, or to shapes in the argument's structure."""
        return {
            f'{name}_shape': tree.map_structure(_shape, value)
            for name, value in self.tensors.items()
            if name not in ('mask', 'args', 'kwargs')
        }

    def shapes_for(self, method: Callable[..., Any], layer: Any) -> dict[str, Any]:
        """The shapes that `build` or `compute_output_shape` takes.

        Raises:
            ArgumentError: It takes several, and one is not '<argument of call>_shape'.
        """
        skip = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        wanted = [p.name for p in list(signature_of(method).parameters.values())[1:] if p.kind not in skip]
        shapes = self.shapes()
        if len(wanted) == 1:
            return {wanted[0]: next(iter(shapes.values()), None)}
        for name in wanted:
            if not name.endswith('_shape') or name.removesuffix('_shape') not in self.given:
                raise ArgumentError(
                    f'Expected the arguments of {type(layer).__name__}.{method.__name__} to be those of call with '
                    f"'_shape' behind, such as {list(shapes)}, received {name!r}."
                )
        return {name: shapes[name] for name in wanted if name in shapes}


def is_tensor(x: Any) -> bool:
    """Whether it is an array of the device's, or a symbolic one."""
    return isinstance(x, (jax.Array, KerasTensor))


def _holds_tensors(name: str, value: Any) -> bool:
    if is_tensor(value):
        return True
    if not isinstance(value, (list, tuple, dict)) or not value:
        return False
    leaves = tree.flatten(value)
    real = [leaf for leaf in leaves if leaf is not None]
    if not any(map(is_tensor, real)):
        return False
    if not all(map(is_tensor, real)):
        if name in ('args', 'kwargs'):  # as many arguments as it takes: some are tensors, others are not
            return False
        raise ArgumentError(
            f'Expected argument {name!r} to hold tensors only, received {value!r}. Pass what is not a tensor by itself.'
        )
    return True


def _shape(x: Any) -> Shape | None:
    if x is None:
        return None
    return (None, *x.shape[1:]) if rows_unknown() and x.shape else tuple(x.shape)
