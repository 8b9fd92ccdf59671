"""The steps of training as pure functions, by Keras's names on JAX: what an overridden `train_step` is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax

from hefted import tree
from hefted.layers.calling import call_in_step, calling
from hefted.utils.packing import unpack_x_y_sample_weight
from hefted.variables import Array, bind

if TYPE_CHECKING:
    from hefted.models.model import Model

Values = Sequence[Array]


def stateless_compute_loss(
    self: Model,
    trainable_variables: Values,
    non_trainable_variables: Values,
    metrics_variables: Values,
    x: Any = None,
    y: Any = None,
    y_pred: Any = None,
    sample_weight: Any = None,
    training: bool = True,
) -> Any:
    """`compute_loss` as a pure function.

    Returns:
        (loss, (trainable, non-trainable and metrics variables after it)).
    """
    groups = self.trainable_variables, self.non_trainable_variables, self.metrics_variables
    values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
    with bind([v for group in groups for v in group], values) as scope:
        loss = self.compute_loss_of(x, y, y_pred, sample_weight, training)
    return loss, tuple(scope.values(group) for group in groups)


def compute_loss_and_updates(
    self: Model,
    trainable_variables: Values,
    non_trainable_variables: Values,
    metrics_variables: Values,
    x: Any,
    y: Any,
    sample_weight: Any,
    training: bool = False,
    optimizer_variables: Values | None = None,
) -> Any:
    """The loss of a batch as a pure function, for `jax.value_and_grad(…, has_aux=True)`.

    Returns:
        (scaled loss, (loss, outputs, non-trainable variables after it, metrics variables after it)).
    """
    groups = self.trainable_variables, self.non_trainable_variables, self.metrics_variables
    values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
    with bind([v for group in groups for v in group], values) as scope, calling():
        y_pred = call_in_step(self, x, training=training)
        loss = self.compute_loss_of(x, y, y_pred, sample_weight, training)
    scaled = loss
    if training and optimizer_variables is not None and getattr(self, 'optimizer', None) is not None:
        with bind(self.optimizer.variables, optimizer_variables):
            scaled = self.optimizer.scale_loss(loss)
    return scaled, (loss, y_pred, scope.values(groups[1]), scope.values(groups[2]))


def train_step(self: Model, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
    """One step of training as a pure function; a subclass may say here what a step is, and stays compiled.

    Args:
        state: (trainable, non-trainable, optimizer, metrics) variables' values.
        data: x, (x, y) or (x, y, sample_weight) of one batch.

    Returns:
        (logs, new state).
    """
    trainable, frozen, optimizer, metrics = state
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
    (_, (loss, y_pred, frozen, metrics)), grads = gradient(
        trainable, frozen, metrics, x, y, sample_weight, training=True, optimizer_variables=optimizer
    )
    trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
    logs, metrics = _measure(self, metrics, loss, x, y, y_pred, sample_weight)
    return logs, (trainable, frozen, optimizer, metrics)


def test_step(self: Model, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
    """One step of evaluation as a pure function.

    Args:
        state: (trainable, non-trainable, metrics) variables' values.
        data: As for `train_step`.

    Returns:
        (logs, new state).
    """
    trainable, frozen, metrics = state
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    loss, (_, y_pred, frozen, metrics) = self.compute_loss_and_updates(
        trainable, frozen, metrics, x, y, sample_weight, training=False
    )
    logs, metrics = _measure(self, metrics, loss, x, y, y_pred, sample_weight)
    return logs, (trainable, frozen, metrics)


def predict_step(self: Model, state: Any, data: Any) -> tuple[Any, Any]:
    """The outputs for one batch as a pure function of (trainable, non-trainable) variables' values.

    Returns:
        (outputs, non-trainable variables after it).
    """
    x, _, _ = unpack_x_y_sample_weight(data)
    return self.stateless_call(*state, x, training=False)


def _measure(model: Model, values: Values, loss: Any, x: Any, y: Any, y_pred: Any, weight: Any) -> Any:
    with bind(model.metrics_variables, values) as scope:
        tracker = model.objective.tracker
        if any(metric is tracker for metric in model.metrics):
            tracker.update_state(loss, sample_weight=tree.flatten(x)[0].shape[0])
        logs = model.compute_metrics(x, y, y_pred, weight)
    return logs, scope.values(model.metrics_variables)
