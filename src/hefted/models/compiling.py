"""What `compile` was told, made into losses and metrics once the outputs' shapes are known."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hefted import losses, metrics, tree
from hefted.errors import ArgumentError, ShapeError
from hefted.losses.loss import Loss, LossFunctionWrapper
from hefted.metrics.metric import Metric
from hefted.utils import quick
from hefted.variables import Array, Variable


@dataclass
class Objective:
    """Losses, metrics and their names for one model, output by output.

    Attributes:
        losses: One for each output; None where an output has no loss.
        loss_weights: One for each output.
        metrics: One list for each output, updated without sample weights.
        weighted_metrics: One list for each output, updated with them.
        tracker: The mean of the loss over the epoch, by rows.
    """

    losses: list[Loss | None]
    loss_weights: list[float]
    metrics: list[list[Metric]]
    weighted_metrics: list[list[Metric]]
    tracker: Metric = field(default_factory=lambda: metrics.Mean(name='loss'))

    @property
    def all_metrics(self) -> list[Metric]:
        """The loss's tracker first, then the metrics."""
        return [self.tracker, *(m for group in (*self.metrics, *self.weighted_metrics) for m in group)]

    @property
    def variables(self) -> list[Variable]:
        """The metrics' variables."""
        return [v for metric in self.all_metrics for v in metric.variables]

    @property
    def rows_independent(self) -> bool:
        """Whether a masked row changes neither loss nor metrics."""
        ours = all(loss is None or loss.rows_independent for loss in self.losses)
        return ours and all(metric.weights_rows for metric in self.all_metrics)


def objective_for(config: dict[str, Any], y: Any, outputs: Any) -> Objective:
    """Make the losses and metrics that `compile` named.

    Args:
        config: 'loss', 'loss_weights', 'metrics', 'weighted_metrics', as passed to `compile`.
        y: The targets' shapes, nested as the outputs; None if there are none.
        outputs: The outputs' shapes.

    Raises:
        ArgumentError: A list that is not one per output.
        UnknownNameError: A loss or metric that is not known.
    """
    predicted = tree.flatten(outputs)
    targets = tree.flatten(y) if y is not None else list(predicted)
    if len(targets) != len(predicted):
        raise ShapeError(f'Expected y with {len(predicted)} arrays, one for each output, received {len(targets)}.')
    count = len(predicted)
    names = _output_names(outputs)
    wanted = _per_output('loss', config['loss'], count, names)
    found = [_loss(w, t, p) for w, t, p in zip(wanted, targets, predicted, strict=True)]
    weights = _per_output('loss_weights', config['loss_weights'], count, names)
    plain, weighted = (
        [
            [_metric(m, t, p) for m in _listed(group)]
            for group, t, p in zip(
                _per_output(kind, config[kind], count, names, groups=True), targets, predicted, strict=True
            )
        ]
        for kind in ('metrics', 'weighted_metrics')
    )  # fmt: skip
    objective = Objective(found, [1.0 if w is None else float(w) for w in weights], plain, weighted)
    if count > 1:
        _prefix_names(objective, names)
    return objective


def _output_names(outputs: Any) -> list[str]:
    if isinstance(outputs, dict):
        return sorted(outputs)
    return [f'output_{i}' for i in range(len(tree.flatten(outputs)))]


def _per_output(argument: str, value: Any, count: int, names: Sequence[str], groups: bool = False) -> list[Any]:
    if isinstance(value, dict):
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if groups and count == 1:
            return [value]
        if len(value) != count:
            raise ArgumentError(
                f'Expected {argument} to have one entry for each of {count} outputs, received {len(value)}.'
            )
        return list(value)
    return [value] * count


def _listed(group: Any) -> list[Any]:
    if group is None:
        return []
    return list(group) if isinstance(group, (list, tuple)) else [group]


def _kind(target: Any, predicted: Any) -> str:
    """What sort of accuracy or cross-entropy two shapes call for, as Keras chooses it."""
    if predicted.shape[-1] == 1:
        return 'binary'
    sparse = len(target.shape) < len(predicted.shape) or (target.shape[-1] == 1 and predicted.shape[-1] > 1)
    return 'sparse_categorical' if sparse else 'categorical'


def _loss(wanted: Any, target: Any, predicted: Any) -> Loss | None:
    if wanted is None:
        return None
    if isinstance(wanted, str) and wanted.lower() in ('crossentropy', 'ce'):
        wanted = f'{_kind(target, predicted)}_crossentropy'
    found = losses.get(wanted)
    if isinstance(found, Loss):
        return found
    name = wanted if isinstance(wanted, str) else getattr(found, '__name__', 'loss')
    return LossFunctionWrapper(found, name=name)


def _metric(wanted: Any, target: Any, predicted: Any) -> Metric:
    if isinstance(wanted, str) and wanted.lower() in ('accuracy', 'acc'):
        found = metrics.get(f'{_kind(target, predicted)}_accuracy')
    else:
        found = metrics.get(wanted)
    if not isinstance(found, Metric):
        found = metrics.MeanMetricWrapper(found, name=getattr(found, '__name__', 'metric'))
    if isinstance(wanted, str):
        found.name = wanted
    found.build(tuple(target.shape), tuple(predicted.shape))
    return found


def _prefix_names(objective: Objective, names: Sequence[str]) -> None:
    for group in (objective.metrics, objective.weighted_metrics):
        for name, found in zip(names, group, strict=True):
            for metric in found:
                metric.name = f'{name}_{metric.name}'


def total_loss(objective: Objective, y: Any, y_pred: Any, weight: Any, rows: Array | None) -> Any:
    """The weighted sum of the outputs' losses: a scalar; a short batch's padding rows are as if absent."""
    outputs = tree.flatten(y_pred)
    targets = tree.flatten(y)
    weights = tree.flatten(weight) if weight is not None else [None]
    weights = weights * len(outputs) if len(weights) == 1 else weights
    real = {} if rows is None else {'rows': rows}
    values = [
        loss(t, p, sample_weight=w, **real) if factor == 1.0 else loss(t, p, sample_weight=w, **real) * factor
        for loss, factor, t, p, w in zip(
            objective.losses, objective.loss_weights, targets, outputs, weights, strict=True
        )
        if loss is not None
    ]
    return functools.reduce(operator.add, values) if values else 0.0


def times(weight: Any, rows: Array | None) -> Any:
    """Sample weights with padding rows at 0; either may be None."""
    if weight is None or rows is None:
        return rows if weight is None else weight
    return weight * rows.reshape((-1,) + (1,) * (weight.ndim - 1))


def update_metrics(
    objective: Objective, loss: Any, y: Any, y_pred: Any, weight: Any, rows: Array | None
) -> dict[str, Any]:
    """Update the metrics (their variables are bound) and return their results by name."""
    outputs = tree.flatten(y_pred)
    count = quick.total(rows) if rows is not None else outputs[0].shape[0]
    objective.tracker.update_state(loss, sample_weight=count)
    logs = {'loss': objective.tracker.result()}
    targets = tree.flatten(y) if y is not None else []
    for index, (t, p) in enumerate(zip(targets, outputs, strict=False)):
        for metric in objective.metrics[index]:
            metric.update_state(t, p, sample_weight=rows)
            logs |= _results(metric)
        for metric in objective.weighted_metrics[index]:
            metric.update_state(t, p, sample_weight=times(weight, rows))
            logs |= _results(metric)
    return logs


def _results(metric: Metric) -> dict[str, Any]:
    result = metric.result()
    return result if isinstance(result, dict) else {metric.name: result}
