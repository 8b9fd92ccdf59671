"""Cross-entropies that weigh hard rows more, or trust labels less."""

from __future__ import annotations

from typing import Any

import jax
from jax import lax

from hefted.errors import ArgumentError
from hefted.losses.crossentropy import (
    binary_values,
    class_numbers,
    smooth_binary,
    smooth_categorical,
    warn_of_one_class,
)
from hefted.losses.loss import LossFunctionWrapper, row_wise
from hefted.utils.arrays import as_array, clip, epsilon
from hefted.variables import Array


@row_wise
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Binary cross-entropy times `(1 - p_t)^gamma`, p_t the probability of the label (Lin et al. 2018).

    Args:
        y_true: Labels in [0, 1].
        y_pred: Probabilities, or logits with `from_logits`; the same shape.
        apply_class_balancing: Whether to weigh label 1 by alpha and label 0 by 1 - alpha.
        alpha: That weight.
        gamma: How much less easy rows count.
        from_logits: Whether predictions are logits.
        label_smoothing: Share by which labels are moved towards 1/2.
        axis: The mean's axis.
    """
    y_pred = as_array(y_pred)
    y_true = smooth_binary(as_array(y_true, y_pred.dtype), label_smoothing)
    if from_logits:
        y_pred = lax.logistic(y_pred)
    chance = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    losses = (1.0 - chance) ** gamma * binary_values(y_true, y_pred)
    if apply_class_balancing:
        losses = (y_true * alpha + (1 - y_true) * (1 - alpha)) * losses
    return losses.mean(axis=axis)


@row_wise
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """`-sum(alpha (1 - p)^gamma y log p)` over the classes (Lin et al. 2018).

    Args:
        y_true: One-hot or soft labels, shape (batch, …, classes).
        y_pred: Probabilities, or logits with `from_logits`; the same shape.
        alpha: A weight, or one for each class.
        gamma: How much less easy rows count.
        from_logits: Whether predictions are logits.
        label_smoothing: Share of a label that is spread over all classes.
        axis: The classes' axis.
    """
    y_pred = as_array(y_pred)
    y_true = smooth_categorical(as_array(y_true, y_pred.dtype), label_smoothing)
    warn_of_one_class('categorical_focal_crossentropy', y_pred)
    if from_logits:
        y_pred = jax.nn.softmax(y_pred, axis=axis)
    p = clip(y_pred / y_pred.sum(axis=axis, keepdims=True), epsilon(), 1.0 - epsilon())
    weight = (1.0 - p) ** gamma * as_array(alpha, p.dtype)
    return (weight * -y_true * lax.log(p)).sum(axis=axis)


@row_wise
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Array:
    """`(1 - p[y]^q) / q`, between cross-entropy (q to 0) and absolute error (q = 1); Zhang & Sabuncu 2018.

    Args:
        y_true: Class numbers.
        y_pred: Probabilities, shape (batch, …, classes).
        q: In (0, 1): the larger, the less wrong labels do.
    """
    y_pred = as_array(y_pred)
    one_hot = jax.nn.one_hot(class_numbers(y_true, y_pred), y_pred.shape[-1], dtype=y_pred.dtype)
    return (1 - (y_pred * one_hot).sum(axis=-1) ** q) / q


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """See `binary_focal_crossentropy`."""

    arguments = ('from_logits', 'label_smoothing', 'axis', 'apply_class_balancing', 'alpha', 'gamma')

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'binary_focal_crossentropy',
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_focal_crossentropy, reduction, name, dtype,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """See `categorical_focal_crossentropy`."""

    arguments = ('from_logits', 'label_smoothing', 'axis', 'alpha', 'gamma')

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'categorical_focal_crossentropy',
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_focal_crossentropy, reduction, name, dtype, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """See `categorical_generalized_cross_entropy`."""

    arguments = ('q',)

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = 'sum_over_batch_size',
        name: str | None = 'categorical_generalized_cross_entropy',
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ArgumentError(f'Expected q to lie between 0 and 1, received {q!r}.')
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
