"""Functional models: layers called on symbolic tensors, from inputs to outputs."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np

from hefted import tree
from hefted.data.arrays import host_array
from hefted.errors import ArgumentError, ShapeError
from hefted.masks import get_mask, set_mask
from hefted.models.graph import Graph
from hefted.models.host_segment import value_for
from hefted.models.model import Model
from hefted.symbolic import KerasTensor, any_symbolic
from hefted.utils.columns import columns_of
from hefted.utils.serialization import register_builtin


class Functional(Model):
    """A model of symbolic inputs and outputs: what `Model(inputs, outputs)` makes.

    Args:
        inputs: KerasTensors from `Input`, or made by layers; nested.
        outputs: KerasTensors made from them; nested.
        name: Made up if None.
        trainable: Whether the weights are; what each layer says of its own stays as it is, as in Keras.

    Example:
        >>> from hefted import Input, Model
        >>> from hefted.layers import Dense
        >>> x = Input((3,))
        >>> Model(x, Dense(2)(x)).count_params()
        8
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)


def call(graph: Graph, inputs: Any, mask: Any = None) -> Any:
    """Run a graph on a call's inputs."""
    if graph.host is not None and not any_symbolic((inputs,), {}):
        outputs = graph.run_rest(enter(graph, inputs))
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs
    flat = _in_order(graph, inputs)
    values = [_fitted(x, tensor) for x, tensor in zip(flat, graph.flat_inputs, strict=True)]
    _tell_unused(graph, inputs)
    if mask is not None:
        for value, each in zip(values, _in_order(graph, mask), strict=True):
            set_mask(value, each)
    outputs = graph.run(values)
    return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs


def enter(graph: Graph, inputs: Any) -> Any:
    """What the graph's program takes: the inputs, or what the host's part makes of them, unless that is done."""
    host = graph.host
    if host is None or host.has_entered(inputs):
        return inputs
    table = columns_of(inputs)
    if isinstance(inputs, list) and len(graph.flat_inputs) == 1 and not hasattr(tree.flatten(inputs)[0], 'shape'):
        inputs = np.asarray(inputs)  # of words, not of inputs
    flat = _in_order(graph, inputs if table is None else table)
    known = {
        id(tensor): of_rank(value_for(tensor, x), tensor.shape)
        for x, tensor in zip(flat, graph.flat_inputs, strict=True)
    }
    return host.run(known)


def _in_order(graph: Graph, inputs: Any) -> list[Any]:
    """The inputs as the graph lists them: by name where a dict is given for a list."""
    wanted = graph.inputs
    if isinstance(inputs, dict) and not isinstance(wanted, dict):
        names = [tensor.name for tensor in graph.flat_inputs]
        _require(names, inputs)
        return [inputs[name] for name in names]
    if isinstance(wanted, dict) and isinstance(inputs, dict):
        missing = [name for name in wanted if name not in inputs]
        if missing:
            raise ArgumentError(
                f'Expected inputs named {list(wanted)}, received {list(inputs)}. Missing: {missing[0]!r}.'
            )
        return tree.flatten({name: as_tensor(inputs[name]) for name in wanted})
    if isinstance(wanted, (list, tuple)) and isinstance(inputs, (list, tuple)):
        flat = tree.flatten([as_tensor(x) for x in inputs])
    else:
        flat = tree.flatten(as_tensor(inputs))
    if len(flat) != len(graph.flat_inputs):
        names = [tensor.name for tensor in graph.flat_inputs]
        raise ShapeError(f'Expected {len(names)} inputs ({", ".join(names)}), received {len(flat)}.')
    return flat


def _tell_unused(graph: Graph, inputs: Any) -> None:
    named = isinstance(graph.inputs, dict) and isinstance(inputs, dict)
    if unused := [name for name in inputs if name not in graph.inputs] if named else []:
        warnings.warn(f'The model has no inputs named {unused}: they are not used.', stacklevel=6)


def _require(names: list[str], inputs: dict[str, Any]) -> None:
    if missing := [name for name in names if name not in inputs]:
        raise ArgumentError(f'Expected inputs named {names}, received {list(inputs)}. Missing: {missing[0]!r}.')


def _fitted(x: Any, tensor: KerasTensor) -> Any:
    """One input in the dtype of its `Input`, a last axis of 1 added or dropped where that makes it fit."""
    if x is None:
        if not getattr(tensor.history and tensor.history.operation, 'optional', True):
            raise ArgumentError(f"Expected a tensor for input '{tensor.name}', received None: it is not optional.")
        return None
    fitted: Any = x
    if not isinstance(x, (KerasTensor, jax.Array)):
        fitted = np.asarray(x)
    if str(fitted.dtype) != tensor.dtype:
        fitted = fitted.astype(tensor.dtype) if not isinstance(fitted, KerasTensor) else fitted
    shape, wanted = tuple(fitted.shape), tensor.shape
    fitted = of_rank(fitted, wanted)
    found = tuple(fitted.shape)
    if len(found) != len(wanted) or any(
        w not in (None, f) and f is not None for w, f in zip(wanted, found, strict=True)
    ):
        raise ShapeError(
            f'Expected input {tensor.name!r} of shape {wanted}, received {shape}. Reshape it, or change its Input.'
        )
    if fitted is not x and get_mask(x) is not None:
        set_mask(fitted, get_mask(x))
    return fitted


def as_tensor(x: Any) -> Any:
    """Lists of numbers as one array, as `predict` takes them; anything else as it is.

    Raises:
        ShapeError: Rows of different lengths.
    """
    if not isinstance(x, (list, tuple)):
        return x
    leaves = tree.flatten(x)
    return host_array('inputs', x) if leaves and all(isinstance(leaf, (int, float)) for leaf in leaves) else x


def of_rank(x: Any, wanted: tuple[int | None, ...]) -> Any:
    """A tensor with a last axis of 1 dropped or added where it then has as many axes as wanted."""
    shape = tuple(x.shape)
    if len(shape) == len(wanted) + 1 and shape[-1] == 1:
        return x.reshape(shape[:-1])
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        return x.reshape((*shape, 1))
    return x


register_builtin(Functional, 'keras.src.models.functional')  # Keras exports no such name
