"""Rematerialization: what the backward pass needs is computed again there, and not kept. Memory for time.

with RematScope('full'):
x = Dense(512, activation='relu')(x)     # computes its inner values again in the backward pass
again = remat(function)                      # the same for any function over arrays
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import jax

from hefted.errors import unknown_name
from hefted.masks import get_mask, set_mask
from hefted.shape_tracing import eval_shapes
from hefted.symbolic import any_symbolic
from hefted.variables import Assigned, Variable, current_scope

_MODES = ('full', 'activations', 'larger_than', 'list_of_layers')


class RematMode(NamedTuple):
    """What a `RematScope` says."""

    mode: str
    output_size_threshold: int
    layer_names: tuple[str, ...]


class _Local(threading.local):
    def __init__(self) -> None:
        self.scopes: list[RematMode | None] = []


_local = _Local()


def remat_mode() -> RematMode | None:
    """What the innermost open scope says; None without one."""
    return _local.scopes[-1] if _local.scopes else None


class RematScope:
    """Layers made in the block compute their inner values again in the backward pass, which then holds less memory.

    Args:
        mode: 'full' for all layers; 'activations' for their activations alone; 'larger_than' for layers whose output
            has more elements than the threshold; 'list_of_layers' for those named; None for none.
        output_size_threshold: Elements of the output, rows included, for 'larger_than'.
        layer_names: For 'list_of_layers'.

    Raises:
        UnknownNameError: Another mode.
    """

    def __init__(
        self, mode: str | None = 'full', output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ) -> None:
        if mode is not None and mode not in _MODES:
            raise unknown_name('mode', mode, _MODES)
        self.mode, self.output_size_threshold, self.layer_names = mode, output_size_threshold, list(layer_names or ())

    def __enter__(self) -> RematScope:
        told = RematMode(self.mode, self.output_size_threshold, tuple(self.layer_names)) if self.mode else None
        _local.scopes.append(told)
        return self

    def __exit__(self, *_: object) -> None:
        _local.scopes.pop()


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that computes its inner values again in the backward pass.

    Args:
        f: Over arrays, nested in any way; a layer, too. It may read and assign variables.

    Example:
        >>> float(jax.grad(remat(lambda x: jax.numpy.sin(x) ** 2))(0.0))
        0.0
    """
    return computed_again(f)


def computed_again(f: Callable[..., Any], policy: Callable[..., bool] | None = None) -> Callable[..., Any]:
    """`remat` but for what a policy of JAX's (`jax.checkpoint_policies`) says is kept; without one, nothing is."""

    @wraps(f)
    def once_more(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return f(*args, **kwargs)
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=_is_leaf)
        arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
        masks = [get_mask(array) for array in arrays]
        told: list[Any] = []  # what of the trace is no array: it is traced anew at each call

        def pure(arrays: list[Any], masks: list[Any]) -> Any:
            for array, mask in zip(arrays, masks, strict=True):
                set_mask(array, mask)
            given = iter(arrays)
            args, kwargs = structure.unflatten(next(given) if isinstance(x, jax.Array) else x for x in leaves)
            with Assigned() as scope:
                outputs = f(*args, **kwargs)
            flat, shape = jax.tree.flatten(outputs, is_leaf=_is_leaf)
            variables = scope.assigned
            told[:] = shape, variables, [owner for owner, _ in scope.added]
            return flat, [get_mask(x) for x in flat], scope.values(variables), [loss for _, loss in scope.added]

        flat, out_masks, values, losses = jax.checkpoint(pure, policy=policy)(arrays, masks)
        shape, variables, owners = told
        for output, mask in zip(flat, out_masks, strict=True):
            if mask is not None:
                set_mask(output, mask)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        if (scope := current_scope()) is not None:
            scope.added.extend(zip(owners, losses, strict=True))
        return shape.unflatten(flat)

    return once_more


def again(operation: Any, told: RematMode) -> Callable[..., Any]:
    """The `call` of an operation as the scope that it was made in has it."""
    call = operation.call
    if told.mode == 'activations' and getattr(operation, 'activation', None) is not None:
        return _activations_again(operation)
    if told.mode == 'full' or (told.mode == 'list_of_layers' and operation.name in told.layer_names):
        return remat(call)
    if told.mode != 'larger_than':
        return call

    def by_size(*args: Any, **kwargs: Any) -> Any:
        outputs = eval_shapes(lambda: call(*args, **kwargs))
        size = sum(output.size for output in jax.tree.leaves(outputs))
        return (remat(call) if size > told.output_size_threshold else call)(*args, **kwargs)

    return by_size


def _activations_again(operation: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        activation = operation.activation
        operation.activation = remat(activation)
        try:
            return operation.call(*args, **kwargs)
        finally:
            operation.activation = activation

    return call


def _is_leaf(x: Any) -> bool:
    return x is None or isinstance(x, Variable)
