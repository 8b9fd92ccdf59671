"""Cross-entropies of targets and predictions, one for each row or number."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax, nn

from hefted.errors import ShapeError
from hefted.ops.calling import on_arrays
from hefted.utils.arrays import clip, epsilon
from hefted.variables import Array


@on_arrays('target', 'output')
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Array:
    """`-target * log(p) - (1 - target) * log(1 - p)`, element by element.

    Raises:
        ValueError: The shapes differ.
    """
    _check_alike(target, output)
    if from_logits:
        yes, no = nn.log_sigmoid(output), nn.log_sigmoid(-output)
    else:
        p = _within(output)
        yes, no = lax.log(p), lax.log(1.0 - p)
    return -(target * yes + (1.0 - target) * no)


@on_arrays('target', 'output')
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Array:
    """`-sum(target * log(p))` along `axis`; probabilities are made to sum to 1 first.

    Raises:
        ValueError: The shapes differ or are that of one number.
    """
    _check_alike(target, output)
    if not output.ndim:
        raise ShapeError('Expected target and output to have one axis or more, received numbers.')
    return -jnp.sum(target * _log_probabilities(output, from_logits, axis), axis)


@on_arrays('target', 'output')
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Array:
    """`-log(p)` of each row's class.

    Args:
        target: Class numbers, of the shape of the output without its last axis, or with one of size 1.
        output: Probabilities, made to sum to 1 first, or logits.
        from_logits: Whether the output are logits.
        axis: That of the classes.

    Raises:
        ValueError: The shapes do not fit.
    """
    target = lax.convert_element_type(target, 'int32')
    if target.ndim == output.ndim and target.ndim and target.shape[-1] == 1:
        target = lax.squeeze(target, (target.ndim - 1,))
    if not output.ndim or target.shape != output.shape[:-1]:
        raise ShapeError(
            f'Expected target to have the shape of output without its last axis, '
            f'received shapes {target.shape} and {output.shape}.'
        )
    chosen = nn.one_hot(target, output.shape[axis], axis=axis)
    return -jnp.sum(chosen * _log_probabilities(output, from_logits, axis), axis)


def _check_alike(target: Array, output: Array) -> None:
    if target.shape != output.shape:
        raise ShapeError(
            f'Expected target and output to have one shape, received shapes {target.shape} and {output.shape}.'
        )


def _within(p: Array) -> Array:
    """Probabilities away from 0 and 1."""
    return clip(p, epsilon(), 1.0 - epsilon())


def _log_probabilities(output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return nn.log_softmax(output, axis)
    return lax.log(_within(output / jnp.sum(output, axis, keepdims=True)))
