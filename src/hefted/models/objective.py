"""What `compile` was told, made into losses and metrics once the outputs' shapes are known."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hefted import losses, metrics, tree
from hefted.errors import ArgumentError, ShapeError, unknown_name
from hefted.losses.loss import Loss, LossFunctionWrapper
from hefted.metrics.metric import Metric
from hefted.utils import quick
from hefted.utils.naming import snake_case
from hefted.variables import Array, Variable


class OutputLoss(NamedTuple):
    """One loss.

    Attributes:
        output: The number of the output it is of.
        loss: The loss.
        weight: What it is multiplied by in the total; None for 1.
        name: The output's, else the loss's own.
    """

    output: int
    loss: Loss
    weight: float | None
    name: str


class OutputMetric(NamedTuple):
    """One metric: the number of its output, the metric, and the output's name if that is told."""

    output: int
    metric: Metric
    prefix: str


class CompileMetrics(Metric):
    """The metrics that `compile` was given, as one: a custom training step updates it and reads a dict."""

    def __init__(self, objective: Objective) -> None:
        super().__init__(name='compile_metrics')
        self._plain: list[OutputMetric] = []
        self._weighted: list[OutputMetric] = []
        self._objective = objective

    def hold(self, plain: list[OutputMetric], weighted: list[OutputMetric]) -> None:
        """Take the metrics in, once data or outputs have told what they are."""
        self._plain, self._weighted = plain, weighted

    @property
    def metrics(self) -> list[Metric]:
        """One by one."""
        return [each.metric for each in (*self._plain, *self._weighted)]

    @property
    def variables(self) -> list[Variable]:
        return [v for metric in self.metrics for v in metric.variables]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None, rows: Array | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Add a batch; padding rows of a short one count nothing."""
        outputs, targets = tree.flatten(y_pred), self._objective.targets(y_true)
        weights = self._objective.weights(sample_weight, len(outputs))
        for output, metric, _ in self._plain:
            metric.update_state(targets[output], outputs[output], sample_weight=rows)
        for output, metric, _ in self._weighted:
            metric.update_state(targets[output], outputs[output], sample_weight=times(weights[output], rows))

    def result(self) -> dict[str, Any]:
        """By name; a metric whose result is a dict adds its entries."""
        results: dict[str, Any] = {}
        taken: dict[str, int] = {}
        for each in (*self._plain, *self._weighted):
            own = each.metric.name
            name = f'{each.prefix}{own}'
            if name in taken and each in self._weighted:
                name = f'{each.prefix}weighted_{own}'
            if name in taken:
                taken[name] += 1
                name = f'{name}_{taken[name] - 1}'
            else:
                taken[name] = 1
            result = each.metric.result()
            results |= result if isinstance(result, dict) else {name: result}
        return results

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()


@dataclass
class Objective:
    """Losses, metrics and their names for one model.

    Attributes:
        names: Of the outputs, flattened; an output of a model with a `call` of its own has none ('').
        losses: Each with its output.
        compiled: The metrics; None where `compile` was given none.
        given: What `compile` was given as loss, for targets that only some outputs have.
        tracker: The mean of the loss over the epoch, by rows.
        parts: The mean of each loss, where there are several.
    """

    names: list[str]
    losses: list[OutputLoss]
    compiled: CompileMetrics | None = None
    given: Any = None
    tracker: Metric = field(default_factory=lambda: metrics.Mean(name='loss'))
    parts: list[Metric] = field(default_factory=list[Metric])

    @property
    def all_metrics(self) -> list[Metric]:
        """The loss's tracker, the metrics as one, then each loss's."""
        return [self.tracker, *([self.compiled] if self.compiled else []), *self.parts]

    @property
    def rows_independent(self) -> bool:
        """Whether a masked row changes neither loss nor metrics."""
        ours = all(each.loss.rows_independent for each in self.losses)
        return ours and all(m.weights_rows for m in (self.compiled.metrics if self.compiled else []))

    def targets(self, y: Any) -> list[Any]:
        """One for each output; None where the data has none for it."""
        if y is None:
            return [None] * len(self.names)
        if isinstance(y, dict) and self.losses and all(self.names):
            if unknown := [key for key in y if key not in self.names]:
                raise unknown_name('y', unknown[0], self.names)
            if all(name in y for name in self._names_with_loss()):
                return [y.get(name) for name in self.names]
        flat = tree.flatten(y)
        if len(flat) == len(self.names):
            return flat
        # A list of losses with None for some outputs: the data need not have targets for those.
        with_loss = sorted({each.output for each in self.losses})
        if len(flat) != len(with_loss):
            raise ShapeError(
                f'Expected y with {len(self.names)} arrays, one for each output, received {len(flat)}. '
                'Give a list in the order of the outputs, or a dict by their names.'
            )
        found: list[Any] = [None] * len(self.names)
        for output, target in zip(with_loss, flat, strict=True):
            found[output] = target
        return found

    def _names_with_loss(self) -> set[str]:
        return {self.names[each.output] for each in self.losses}

    def weights(self, sample_weight: Any, count: int) -> list[Any]:
        """One for each output: its own, or the same for all."""
        if isinstance(sample_weight, dict) and all(self.names):
            return [sample_weight.get(name) for name in self.names]
        flat = tree.flatten(sample_weight) if sample_weight is not None else [None]
        if len(flat) not in (1, count):
            raise ArgumentError(
                f'Expected sample_weight to be one array, or one for each of {count} outputs, received {len(flat)}.'
            )
        return flat * count if len(flat) == 1 else flat


def planned(config: dict[str, Any]) -> Objective:
    """What there is of losses and metrics before the outputs' shapes are known: those that count, without names."""
    objective = Objective([], [], given=config['loss'])
    if config['metrics'] or config['weighted_metrics']:
        objective.compiled = CompileMetrics(objective)
    return objective


def completed(
    objective: Objective, config: dict[str, Any], y: Any, outputs: Any, output_names: Sequence[str] = ()
) -> Objective:
    """Make the losses and metrics that `compile` named.

    Args:
        objective: What was planned.
        config: 'loss', 'loss_weights', 'metrics', 'weighted_metrics', as passed to `compile`.
        y: The targets' shapes, nested as the outputs; None if there are none.
        outputs: The outputs' shapes.
        output_names: The names of the outputs, flattened, where they have some.

    Raises:
        ArgumentError: A list that is not one per output, or names that are not the outputs'.
        UnknownNameError: A loss or metric that is not known.
    """
    if outputs is None:
        raise ArgumentError("Expected outputs from the model's call, received None: has it a `return`?")
    predicted = tree.flatten(outputs)
    names = _names(outputs, output_names, len(predicted))
    wanted = _wanted_losses(config['loss'], config['loss_weights'], names, isinstance(outputs, dict))
    objective.names = names
    objective.losses = [OutputLoss(output, None, weight, '') for output, _, weight in wanted]  # pyright: ignore[reportArgumentType]
    targets = [p if t is None else t for t, p in zip(objective.targets(y), predicted, strict=True)]
    objective.losses = []
    for output, identifier, weight in wanted:
        loss = _loss(identifier, targets[output], predicted[output])
        objective.losses.append(OutputLoss(output, loss, weight, names[output] or loss.name))
    if len(objective.losses) > 1:
        objective.parts = [metrics.Mean(name=f'{each.name}_loss') for each in objective.losses]
    plain, weighted = (
        [
            OutputMetric(
                output,
                _metric(each, targets[output], predicted[output]),
                f'{names[output]}_' if len(names) > 1 and names[output] else '',
            )
            for output, group in enumerate(_wanted_metrics(kind, config[kind], names))
            for each in group
        ]
        for kind in ('metrics', 'weighted_metrics')
    )
    if not (plain or weighted):
        objective.compiled = None
    elif objective.compiled is not None:
        objective.compiled.hold(plain, weighted)
    return objective


def _names(outputs: Any, output_names: Sequence[str], count: int) -> list[str]:
    if isinstance(outputs, dict) and len(outputs) == count:
        return sorted(outputs)
    return list(output_names) if len(output_names) == count else [''] * count


def _wanted_losses(loss: Any, weights: Any, names: list[str], by_key: bool) -> list[tuple[int, Any, float | None]]:
    """(output, what was named, weight) for each loss."""
    count = len(names)
    if isinstance(loss, dict):
        unknown = [name for name in loss if name not in names]
        if unknown or (not by_key and set(loss) != set(names)):
            raise ArgumentError(f'Expected loss to have the keys {names}, received {list(loss)}. Name every output.')
        placed = [(names.index(name), each) for name, each in loss.items()]
        keys: list[Any] = list(loss)
    elif isinstance(loss, (list, tuple)):
        if len(loss) != count and count > 1:
            raise ArgumentError(
                f'Expected loss to have one entry for each of {count} outputs, received {len(loss)}. '
                'Write None for an output without a loss.'
            )
        placed = list(enumerate(loss)) if len(loss) == count else [(0, each) for each in loss]
        keys = list(range(len(loss)))
    else:
        placed = [(output, loss) for output in range(count)]
        keys = list(range(count))
    by = _loss_weights(weights, keys, names)
    found = [(output, each, weight) for (output, each), weight in zip(placed, by, strict=True) if each is not None]
    return found if by_key and isinstance(loss, dict) else sorted(found, key=lambda each: each[0])


def _loss_weights(weights: Any, keys: list[Any], names: list[str]) -> list[float | None]:
    if weights is None:
        return [None] * len(keys)
    if isinstance(weights, dict):
        if unknown := [name for name in weights if name not in names]:
            raise unknown_name('loss_weights', unknown[0], names)
        return [weights.get(key if isinstance(key, str) else names[key]) for key in keys]
    listed = list(weights) if isinstance(weights, (list, tuple)) else [weights] * len(keys)
    if len(listed) != len(keys):
        raise ArgumentError(f'`loss_weights` must match the number of losses, {len(keys)}, received {len(listed)}.')
    if wrong := [weight for weight in listed if not (weight is None or hasattr(weight, '__float__'))]:
        raise ArgumentError(
            f'Expected loss_weights to be one number for each output, received {wrong[0]!r}. '
            'Metrics are named: compile(optimizer, loss, metrics=…).'
        )
    return [None if weight is None else float(weight) for weight in listed]


def _wanted_metrics(argument: str, value: Any, names: list[str]) -> list[list[Any]]:
    """A list of metrics for each output."""
    count = len(names)
    if not value:
        return [[] for _ in names]
    if count == 1:
        return [tree.flatten(value)]
    if isinstance(value, dict) and set(value) <= set(names):
        return [_listed(value.get(name)) for name in names]
    if isinstance(value, (list, tuple)) and len(value) == count:
        return [_listed(each) for each in value]
    told = f' named {names}' if all(names) else ''
    raise ArgumentError(
        f'Expected {argument} to be a list with one entry for each of {count} outputs, or a dict by output{told}, '
        f'received {value!r}.'
    )


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


def _loss(wanted: Any, target: Any, predicted: Any) -> Loss:
    if isinstance(wanted, str) and wanted.lower() in ('crossentropy', 'ce'):
        wanted = f'{_kind(target, predicted)}_crossentropy'
    found = losses.get(wanted)
    if isinstance(found, Loss):
        return found
    name = wanted if isinstance(wanted, str) else snake_case(getattr(found, '__name__', 'loss'))
    return LossFunctionWrapper(found, name=name)


def _metric(wanted: Any, target: Any, predicted: Any) -> Metric:
    if isinstance(wanted, str) and wanted.lower() in ('accuracy', 'acc'):
        found = metrics.get(f'{_kind(target, predicted)}_accuracy')
    elif isinstance(wanted, str) and wanted.lower() in ('crossentropy', 'ce'):
        found = metrics.get(f'{_kind(target, predicted)}_crossentropy')
    else:
        found = metrics.get(wanted)
    if not isinstance(found, Metric):
        found = metrics.MeanMetricWrapper(found, name=snake_case(getattr(found, '__name__', 'metric')))
    if isinstance(wanted, str):
        found.name = wanted
    found.build(tuple(target.shape), tuple(predicted.shape))
    return found


def total_loss(objective: Objective, y: Any, y_pred: Any, weight: Any, rows: Array | None) -> Any:
    """The weighted sum of the losses: a scalar; a short batch's padding rows are as if absent.

    Returns:
        The total; None where there is no loss.
    """
    if not objective.losses:
        return None
    outputs, targets = tree.flatten(y_pred), objective.targets(y)
    weights = objective.weights(weight, len(outputs))
    real = {} if rows is None else {'rows': rows}
    values: list[Any] = []
    for number, (output, loss, factor, _) in enumerate(objective.losses):
        value = loss(targets[output], outputs[output], sample_weight=weights[output], **real)
        if objective.parts:
            objective.parts[number].update_state(value, sample_weight=_count(rows, outputs[output]))
        values.append(value if factor is None else value * factor)
    return functools.reduce(operator.add, values)


def times(weight: Any, rows: Array | None) -> Any:
    """Sample weights with padding rows at 0; either may be None."""
    if weight is None or rows is None:
        return rows if weight is None else weight
    return weight * rows.reshape((-1,) + (1,) * (weight.ndim - 1))


def _count(rows: Array | None, output: Any) -> Any:
    return output.shape[0] if rows is None else quick.total(rows)
