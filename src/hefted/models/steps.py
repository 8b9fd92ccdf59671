"""A model as a `Program`: apply, loss, metrics and optimizer, as pure steps over one pytree."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from hefted import tree
from hefted.distribution import gathering
from hefted.layers.calling import call_in_step, calling
from hefted.layers.layer import Layer
from hefted.models.objective import Objective
from hefted.train.binding import Binding, Evaluation
from hefted.train.program import Batch, Logs, Program, Spec, State
from hefted.utils import quick
from hefted.utils.packing import pack_x_y_sample_weight
from hefted.utils.stacked import apart, gathered
from hefted.variables import Array, Variable, bind

_STEP_METHODS = (
    'train_step', 'test_step', 'compute_loss', 'compute_metrics', 'metrics', 'reset_metrics', 'get_metrics_result',
)  # fmt: skip


def binding_of(model: Any) -> Binding:
    """The state's entries and the variables they stand for."""
    trainable, optimizer = model.trainable_variables, getattr(model, 'optimizer', None)
    trained = {id(v) for v in trainable}
    frozen = [v for v in model.variables if id(v) not in trained]
    if not takes_stacks(model):  # all by itself, as people's own steps expect it
        kept = getattr(optimizer, 'variables', [])
    else:
        trainable, frozen = gathered(trainable), gathered(frozen)
        kept = getattr(optimizer, 'stacked_variables', lambda _: [])(trainable)
    return Binding({'trainable': trainable, 'frozen': frozen, 'optimizer': kept, 'metrics': _metrics_variables(model)})


def takes_stacks(model: Any) -> bool:
    """Whether weights of alike layers may be one array in the model's state: nobody's own code reads it."""
    steps = overrides(model, 'train_step', 'test_step') or getattr(model, 'run_eagerly', False)
    optimizer = getattr(model, 'optimizer', None)
    return not steps and (optimizer is None or type(optimizer).stateless_apply.__module__.startswith('hefted.'))


def _metrics_variables(model: Any) -> list[Variable]:
    """Those of `model.metrics`, then those that a subclass's `metrics` leaves out."""
    found = {id(v): v for v in model.metrics_variables}
    found.update((id(v), v) for metric in model.objective.all_metrics for v in metric.variables)
    return list(found.values())


def switches_of(model: Any, binding: Binding) -> Any:
    """What a compiled step depends on besides shapes: which layers are frozen, and which variables are trained."""
    layers = tuple(layer.trainable for layer in model.flatten_layers())
    return layers, tuple(id(v) for v in binding.groups['trainable'])


def rows_independent(model: Layer) -> bool:
    """Whether no layer lets rows touch one another, and none adds a loss over the whole batch."""
    return all(layer.rows_independent and layer.activity_regularizer is None for layer in model.flatten_layers())


def overrides(model: Any, *methods: str) -> bool:
    """Whether a class of the user's defines one of these methods of `Model` anew."""
    from hefted.models.model import Model

    return any(getattr(type(model), name) is not getattr(Model, name) for name in methods)


def program_of(model: Any, binding: Binding) -> Program:
    """The training and evaluation steps of a compiled model."""
    groups = binding.groups
    objective: Objective = model.objective
    plain = not overrides(model, *_STEP_METHODS) and not model.own_metrics
    # Metrics that are updated while the outputs and the loss are computed.
    measured = groups['metrics'] if objective.parts or not plain else []

    def apply(
        trainable: list[Array], frozen: list[Array], metrics: list[Array], batch: Batch, optimizer: Any = None
    ) -> Any:
        """(loss, (outputs, new values of what is not trained, of metrics, loss unscaled)); to train, `optimizer`."""
        training = optimizer is not None
        with gathering.gathering(binding.placing):
            trainable = binding.put_together(trainable)
        scope = bind(groups['trainable'] + groups['frozen'] + measured, trainable + frozen + metrics[: len(measured)])
        with scope, gathering.gathering(binding.placing), calling(None, batch.rows):
            y_pred = call_in_step(model, batch.x, training=training, rows=batch.rows)
            loss = model.compute_loss_of(batch.x, batch.y, y_pred, batch.weight, training)
        if not training:
            return loss, (y_pred, scope.values(groups['frozen']), scope.values(measured) or metrics, loss)
        with bind(groups['optimizer'], optimizer):  # the scale of this step, by which the gradients will be divided
            scaled = model.optimizer.scale_loss(loss)
        return scaled, (y_pred, scope.values(groups['frozen']), scope.values(measured) or metrics, loss)

    def train_step(state: State, batch: Batch, key: Array) -> tuple[State, Logs]:
        del key  # layers draw from their own seed generators, as Keras's do
        gradient = jax.value_and_grad(apply, has_aux=True)
        (_, (y_pred, frozen, metrics, loss)), grads = gradient(
            state['trainable'], state['frozen'], state['metrics'], batch, state['optimizer']
        )
        trainable, optimizer = update(state['trainable'], state['optimizer'], grads)
        metrics, logs = measure(metrics, loss, y_pred, batch)
        return {'trainable': trainable, 'frozen': frozen, 'optimizer': optimizer, 'metrics': metrics}, logs

    def update(trainable: list[Array], optimizer: list[Array], grads: list[Array]) -> Any:
        if not type(model.optimizer).stateless_apply.__module__.startswith('hefted.'):
            return map(list, model.optimizer.stateless_apply(optimizer, grads, trainable))
        with bind(groups['trainable'] + groups['optimizer'], trainable + optimizer) as scope:
            given = grads, groups['trainable']
            model.optimizer.apply(*(given if model.optimizer.takes_stacks else apart(*given)))
        return scope.values(groups['trainable']), scope.values(groups['optimizer'])

    def eval_step(state: State, evaluation: Evaluation, batch: Batch) -> tuple[Evaluation, Logs]:
        frozen = binding.with_carried(state['frozen'], evaluation['carried'])
        loss, (y_pred, frozen, metrics, _) = apply(state['trainable'], frozen, evaluation['metrics'], batch)
        metrics, logs = measure(metrics, loss, y_pred, batch)
        return {'metrics': metrics, 'carried': binding.only_carried(frozen)}, logs

    def measure(values: list[Array], loss: Any, y_pred: Any, batch: Batch) -> tuple[list[Array], Logs]:
        count = tree.flatten(y_pred)[0].shape[0] if batch.rows is None else quick.total(batch.rows)
        with bind(groups['metrics'], values) as scope, calling(None, batch.rows):
            objective.tracker.update_state(loss, sample_weight=count)
            if plain:
                model.update_metrics(batch.y, y_pred, batch.weight)
                return scope.values(groups['metrics']), {}
            logs = model.compute_metrics(batch.x, batch.y, y_pred, batch.weight)
        return scope.values(groups['metrics']), _flat(logs)

    def results(state: State) -> Logs:
        with bind(groups['metrics'], state['metrics']):
            return _flat(model.get_metrics_result())

    def reset(values: list[Array]) -> list[Array]:
        with bind(groups['metrics'], values) as scope:
            model.reset_metrics()
            if not plain:
                for metric in objective.all_metrics:
                    metric.reset_state()
        return scope.values(groups['metrics'])

    def begin_epoch(state: State) -> State:
        return {**state, 'metrics': reset(state['metrics'])}

    def begin_evaluation(evaluation: Evaluation) -> Evaluation:
        return {**evaluation, 'metrics': reset(evaluation['metrics'])}

    independent = plain and objective.rows_independent and rows_independent(model)
    return Program(
        binding.take,
        _own_train_step(model) if overrides(model, 'train_step') else train_step,
        _own_eval_step(model, binding) if overrides(model, 'test_step') else eval_step,
        Spec(independent), begin_epoch, binding.start_evaluation, begin_evaluation,
        *((results, results) if plain else ()),
    )  # fmt: skip


def _own_train_step(model: Any) -> Any:
    """The step of a subclass's `train_step(state, data)`, Keras's way on JAX."""

    def step(state: State, batch: Batch, key: Array) -> tuple[State, Logs]:
        del key
        names = ('trainable', 'frozen', 'optimizer', 'metrics')
        rest = state['metrics'][len(model.metrics_variables) :]
        with calling():
            given = (*(state[name] for name in names[:3]), state['metrics'][: len(model.metrics_variables)])
            logs, values = model.train_step(given, _data(batch))
        new = {name: _like(state[name], value) for name, value in zip(names[:3], values, strict=False)}
        return {**new, 'metrics': [*values[3], *rest]}, _flat(logs)

    return step


def _own_eval_step(model: Any, binding: Binding) -> Any:
    """The step of a subclass's `test_step`."""

    def step(state: State, evaluation: Evaluation, batch: Batch) -> tuple[Evaluation, Logs]:
        count = len(model.metrics_variables)
        metrics = evaluation['metrics']
        frozen = binding.with_carried(state['frozen'], evaluation['carried'])
        with calling():
            logs, values = model.test_step((state['trainable'], frozen, metrics[:count]), _data(batch))
        carried = binding.only_carried(_like(frozen, values[1]))
        return {'metrics': [*values[2], *metrics[count:]], 'carried': carried}, _flat(logs)

    return step


def _data(batch: Batch) -> Any:
    return pack_x_y_sample_weight(batch.x, batch.y, batch.weight)


def _like(old: list[Array], new: Any) -> list[Array]:
    """A subclass's new values in the dtypes of the old: what is carried from step to step must not change its kind."""
    return [jnp.asarray(n, o.dtype) for o, n in zip(old, new, strict=True)]


def _flat(logs: Any) -> Logs:
    """Logs as arrays by name, entries of dicts among the others."""
    found: Logs = {}
    for name, value in logs.items():
        found |= _flat(value) if isinstance(value, dict) else {name: jnp.asarray(value)}
    return found
