"""Cross-entropies of one label, of many, and of class numbers.

Probabilities are clipped to [1e-7, 1 - 1e-7], as Keras on JAX computes them, also where they came from a sigmoid
or a softmax; with `from_logits=True` nothing is clipped and the logarithms are stable.
"""

from __future__ import annotations

import warnings
from typing import Any

import jax
from jax import lax

from hefted.errors import ShapeError
from hefted.losses.loss import LossFunctionWrapper, row_wise
from hefted.utils.arrays import as_array, clip, epsilon, select
from hefted.utils.quick import Quick, log, mean, total
from hefted.variables import Array


@row_wise
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """`-mean(y log p + (1 - y) log(1 - p))` over `axis`.

    Args:
        y_true: Labels in [0, 1], shape (batch, …).
        y_pred: Probabilities, or logits with `from_logits`; the same shape.
        from_logits: Whether predictions are logits.
        label_smoothing: Share by which labels are moved towards 1/2.
        axis: The mean's axis.

    Example:
        >>> import numpy as np
        >>> round(float(binary_crossentropy(np.array([1.0, 0.0]), np.array([0.9, 0.2]))), 4)
        0.1643
    """
    y_pred = as_array(y_pred)
    y_true = smooth_binary(as_array(y_true, y_pred.dtype), label_smoothing)
    return mean(binary_values(y_true, y_pred, from_logits), axis)


def binary_values(y_true: Array, y_pred: Array, from_logits: bool = False) -> Array:
    """The binary cross-entropy of each element."""
    require_same_shape(y_true, y_pred)
    if from_logits:
        return -y_true * jax.nn.log_sigmoid(y_pred) - (1.0 - y_true) * jax.nn.log_sigmoid(-y_pred)
    y, p = Quick(y_true), Quick(clip(y_pred, epsilon(), 1.0 - epsilon()))
    return (-(y * log(p) + (1.0 - y) * log(1.0 - p))).array


@row_wise
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """`-sum(y log p)` over the classes along `axis`; predictions are first divided by their sum.

    Args:
        y_true: One-hot or soft labels, shape (batch, …, classes).
        y_pred: Probabilities, or logits with `from_logits`; the same shape.
        from_logits: Whether predictions are logits.
        label_smoothing: Share of a label that is spread over all classes.
        axis: The classes' axis.
    """
    y_pred = as_array(y_pred)
    y_true = smooth_categorical(as_array(y_true, y_pred.dtype), label_smoothing)
    warn_of_one_class('categorical_crossentropy', y_pred)
    require_same_shape(y_true, y_pred)
    return (-(Quick(y_true) * log_probabilities(y_pred, from_logits, axis)).sum(axis)).array


@row_wise
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """`-log p[y]`, for class numbers y.

    Args:
        y_true: Class numbers, shape (batch, …) or with a last axis of size 1.
        y_pred: Probabilities, or logits with `from_logits`, shape (batch, …, classes).
        from_logits: Whether predictions are logits.
        ignore_class: A class number whose rows have loss 0 (and do not count in a mean).
        axis: The classes' axis.
    """
    y_pred = as_array(y_pred)
    labels = class_numbers(y_true, y_pred, axis)
    valid = None if ignore_class is None else labels != ignore_class
    if valid is not None:
        labels = select(valid, labels, 0)
    axis = axis % y_pred.ndim
    log_p = log_probabilities(y_pred, from_logits, axis)
    # One-hot times log p rather than a gather: a label out of range has loss 0, as in Keras on JAX.
    classes = lax.broadcasted_iota('int32', log_p.shape, axis)
    chosen = lax.eq(classes, lax.broadcast_in_dim(labels, log_p.shape, _all_but(axis, log_p.ndim)))
    losses = lax.neg(total(select(chosen, log_p, 0.0), axis))
    return losses if valid is None else select(valid, losses, 0.0)


def class_numbers(y_true: Any, y_pred: Array, axis: int = -1) -> Array:
    """Class numbers as int32 in the shape of the predictions without their classes."""
    labels = as_array(y_true, 'int32')
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    expected = tuple(size for i, size in enumerate(y_pred.shape) if i != axis % y_pred.ndim)
    if labels.shape != expected:
        raise ShapeError(
            f'Expected class numbers of shape {expected} for predictions of shape {y_pred.shape}, received shape '
            f'{labels.shape}. One-hot labels need categorical_crossentropy.'
        )
    return labels


def log_probabilities(y_pred: Array, from_logits: bool, axis: int) -> Array:
    """The logarithm of predictions that sum to 1 along `axis`."""
    if from_logits:
        return jax.nn.log_softmax(y_pred, axis=axis)
    axis = axis % y_pred.ndim
    # The sum keeps its axis, as Keras's does: broadcast at once, it gives gradients of other last bits.
    sums = lax.expand_dims(total(y_pred, axis), (axis,))
    return lax.log(clip(lax.div(y_pred, sums), epsilon(), 1.0 - epsilon()))


def smooth_binary(y_true: Array, label_smoothing: float) -> Array:
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def smooth_categorical(y_true: Array, label_smoothing: float) -> Array:
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]


def require_same_shape(y_true: Array, y_pred: Array) -> None:
    """Raise ShapeError unless targets and predictions have one shape."""
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f'Expected targets of the shape of the predictions, {y_pred.shape}, received shape {y_true.shape}. '
            'Class numbers beside one prediction a class need sparse_categorical_crossentropy.'
        )


def warn_of_one_class(loss: str, y_pred: Array) -> None:
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f'Expected predictions of shape (batch, classes) with two classes or more in {loss}, received shape '
            f'{y_pred.shape}. With two classes in one number, use binary_crossentropy.',
            SyntaxWarning,
            stacklevel=3,
        )


def _all_but(axis: int, ndim: int) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i != axis)


class BinaryCrossentropy(LossFunctionWrapper):
    """See `binary_crossentropy`."""

    arguments = ('from_logits', 'label_smoothing', 'axis')

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'binary_crossentropy',
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalCrossentropy(LossFunctionWrapper):
    """See `categorical_crossentropy`."""

    arguments = ('from_logits', 'label_smoothing', 'axis')

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'categorical_crossentropy',
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """See `sparse_categorical_crossentropy`."""

    arguments = ('from_logits', 'ignore_class')

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = 'sum_over_batch_size',
        axis: int = -1,
        name: str | None = 'sparse_categorical_crossentropy',
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip

    def mask(self, y_true: Any, y_pred: Any, values: Array) -> Array | None:  # noqa: ARG002
        if self.ignore_class is None:
            return None
        return class_numbers(y_true, y_pred, self.axis) != self.ignore_class
