"""A model as a `Program`: apply, loss, metrics and optimizer, as pure steps over one pytree."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from hefted.layers.layer import Layer, calling, regularization_losses
from hefted.models.compiling import Objective, update_metrics
from hefted.train.binding import Binding
from hefted.train.program import Batch, Logs, Program, Spec, State
from hefted.variables import Array, bind


def binding_of(model: Any) -> Binding:
    """The state's entries and the variables they stand for."""
    return Binding(
        {
            'trainable': model.trainable_variables,
            'frozen': model.non_trainable_variables,
            'optimizer': model.optimizer.variables if model.optimizer is not None else [],
            'metrics': model.objective.variables,
        }
    )


def rows_independent(model: Layer) -> bool:
    """Whether no layer lets rows touch one another, and none adds a loss over the whole batch."""
    return all(layer.rows_independent and layer.activity_regularizer is None for layer in model.flatten_layers())


def program_of(model: Any, binding: Binding) -> Program:
    """The training and evaluation steps of a compiled model."""
    groups = binding.groups
    objective: Objective = model.objective

    def apply(trainable: list[Array], frozen: list[Array], batch: Batch, training: bool) -> Any:
        """(loss, (outputs, new values of what is not trained, loss unscaled))."""
        scope = bind(groups['trainable'] + groups['frozen'], trainable + frozen)
        with scope, calling(training, batch.rows):
            y_pred = model(batch.x)
            loss = model.compute_loss(batch.x, batch.y, y_pred, batch.weight, batch.rows)
            for extra in (*scope.losses, *regularization_losses(groups['trainable'])):
                loss = loss + extra
            scaled = model.optimizer.scale_loss(loss) if training else loss
        return scaled, (y_pred, scope.values(groups['frozen']), loss)

    def train_step(state: State, batch: Batch, key: Array) -> tuple[State, Logs]:
        del key  # layers draw from their own seed generators, as Keras's do
        gradient = jax.value_and_grad(apply, has_aux=True)
        (_, (y_pred, frozen, loss)), grads = gradient(state['trainable'], state['frozen'], batch, True)
        with bind(groups['trainable'] + groups['optimizer'], state['trainable'] + state['optimizer']) as scope:
            model.optimizer.apply(grads, groups['trainable'])
        metrics, logs = measure(state['metrics'], loss, y_pred, batch)
        return {
            'trainable': scope.values(groups['trainable']),
            'frozen': frozen,
            'optimizer': scope.values(groups['optimizer']),
            'metrics': metrics,
        }, logs

    def eval_step(state: State, metrics: list[Array], batch: Batch) -> tuple[list[Array], Logs]:
        loss, (y_pred, _, _) = apply(state['trainable'], state['frozen'], batch, False)
        return measure(metrics, loss, y_pred, batch)

    def measure(values: list[Array], loss: Any, y_pred: Any, batch: Batch) -> tuple[list[Array], Logs]:
        with bind(groups['metrics'], values) as scope:
            logs = update_metrics(objective, loss, batch.y, y_pred, batch.weight, batch.rows)
        return scope.values(groups['metrics']), logs

    def reset(values: list[Array]) -> list[Array]:
        with bind(groups['metrics'], values) as scope:
            for metric in objective.all_metrics:
                metric.reset_state()
        return scope.values(groups['metrics'])

    def begin_epoch(state: State) -> State:
        return {**state, 'metrics': reset(state['metrics'])}

    def zeros() -> list[Any]:
        return [np.zeros(v.shape, v.dtype) for v in groups['metrics']]

    independent = objective.rows_independent and rows_independent(model)
    return Program(binding.take, train_step, eval_step, Spec(independent), begin_epoch, zeros, reset)
