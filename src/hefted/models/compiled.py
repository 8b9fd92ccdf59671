"""What `compile` makes of a layer: an optimizer, losses and metrics, and what training asks of them."""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax
import numpy as np

from hefted import optimizers, tree
from hefted.errors import ArgumentError, NotCompiledError, ShapeError, warn
from hefted.layers.layer import Layer, context
from hefted.metrics.metric import Metric
from hefted.models.objective import CompileMetrics, Objective, completed, planned, total_loss
from hefted.models.steps import overrides
from hefted.operation import signature_of
from hefted.shape_tracing import eval_shapes
from hefted.variables import outside


class _Function:
    """A compiled step, by Keras's name: there is none to be had, and setting it to None has programs made anew."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, model: Any, owner: type) -> None:
        return None

    def __set__(self, model: Any, value: None) -> None:
        if value is not None:
            raise ArgumentError(
                f'Expected {self._name} to be set to None, which has it made anew, received {value!r}. A program is '
                'many steps at once here: say in train_step, test_step or predict_step what one does.'
            )
        model.make_train_function(force=True)


class Compiled(Layer):
    """The part of `Model` that knows how it is trained.

    Attributes:
        optimizer: Set by `compile`; there is none before.
        run_eagerly: Whether the step runs in Python, step by step.
        steps_per_execution: What `compile` was told.
        stop_training: A callback sets it to True to stop.
    """

    optimizer: Any
    run_eagerly: bool = False
    steps_per_execution: int = 1
    stop_training: bool = False
    train_function = _Function()
    test_function = _Function()
    predict_function = _Function()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._compile_arguments: dict[str, Any] | None = None
        self._objective: Objective | None = None
        self._planned: Objective | None = None
        self._compiled: dict[Any, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if context.inside:
            return super().__call__(*args, **kwargs)
        try:
            return super().__call__(*args, **kwargs)
        except ShapeError as error:  # a layer knows its own input by number; what people passed is the model's
            if error.__cause__ is not None:  # a model inside has said so
                raise
            raise ShapeError(f'The inputs (x) do not fit the model {self.name!r}. {error}') from error

    @property
    def output_names(self) -> list[str]:
        """What losses and metrics may be given by."""
        raise NotImplementedError

    def compile(
        self,
        optimizer: Any = 'rmsprop',
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = 'auto',
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: A name, an instance or an Optax transformation.
            loss: A name, an instance or a function; a list or dict of such for several outputs.
            loss_weights: One float for each output.
            metrics: Names, instances or functions; updated without sample weights.
            weighted_metrics: The same, updated with them.
            run_eagerly: Run the step in Python, step by step, for debugging.
            steps_per_execution: Kept for Keras's sake: Hefted chooses how many steps run at a time.
            jit_compile: Kept for Keras's sake; all is compiled.
            auto_scale_loss: Whether 'mixed_float16' scales the loss, so that small gradients do not vanish.

        Raises:
            UnknownNameError: An optimizer, loss or metric of that name is not known.
        """
        self._check_super_called()
        # A name that is not known, or what is no loss, is an error here, not after the data has been read.
        from hefted import losses
        from hefted import metrics as metrics_room

        for each in _to_be_found(loss, ('crossentropy', 'ce')):
            losses.get(each)
        for each in (*_to_be_found(metrics, _ACCURACY), *_to_be_found(weighted_metrics, _ACCURACY)):
            metrics_room.get(each)
        if own := [name for name in _MADE_HERE if overrides(self, name)]:
            warn(f'{type(self).__name__}.{own[0]} is not called. Say in train_step and its like what one step does.')
        self.optimizer = optimizers.get(optimizer)
        half = self.dtype_policy.name == 'mixed_float16'
        scales = isinstance(self.optimizer, optimizers.LossScaleOptimizer) or self.optimizer is None
        if auto_scale_loss and half and not scales:
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer)
        self._compile_arguments = {
            'optimizer': self.optimizer, 'loss': loss, 'loss_weights': loss_weights, 'metrics': metrics,
            'weighted_metrics': weighted_metrics, 'run_eagerly': run_eagerly,
            'steps_per_execution': steps_per_execution, 'jit_compile': jit_compile,
        }  # fmt: skip
        self.run_eagerly, self.steps_per_execution = run_eagerly, steps_per_execution
        self._switches = {layer: layer.trainable for layer in self.flatten_layers()}
        self.begin_objective()
        self._compiled = {}
        self.stop_training = False

    def begin_objective(self) -> None:
        """Forget what the losses and metrics of `compile` were made for."""
        self._objective = None
        self._planned = None if self._compile_arguments is None else planned(self._compile_arguments)

    @property
    def face(self) -> Any:
        """What callbacks are given as the model."""
        return self

    def warn_of_switches(self) -> None:
        """Say so where layers were frozen, or thawed, since `compile`."""
        changed = [
            layer.name
            for layer in self.flatten_layers()
            if self._switches.get(layer, layer.trainable) != layer.trainable
        ]
        if changed:
            warn(
                f'The `trainable` switches of {", ".join(changed)} changed since the model was compiled. They hold, '
                'but the optimizer was made for the weights before. Call compile() again after changing them.'
            )

    def make_train_function(self, force: bool = False) -> None:
        """Programs are compiled when they first run; with `force` they are forgotten, and made anew."""
        if force:
            self._compiled = {}

    make_test_function = make_predict_function = make_train_function

    def jax_state_sync(self) -> None:
        """Nothing: variables hold the state wherever a callback can ask for it."""

    @property
    def loss(self) -> Any:
        """What `compile` was told; a subclass may keep something of its own here."""
        return vars(self).get('loss', (self._compile_arguments or {}).get('loss'))

    @loss.setter
    def loss(self, value: Any) -> None:
        vars(self)['loss'] = value

    @property
    def jit_compile(self) -> bool:
        """What `compile` was told, True for 'auto'."""
        return bool(self._compile_arguments is None or self._compile_arguments['jit_compile'])

    @property
    def compiled(self) -> bool:
        return self._compile_arguments is not None

    @property
    def objective(self) -> Objective:
        """Losses and metrics, once the model has seen data."""
        if self._objective is None:
            raise NotCompiledError('The model has no losses and metrics yet: compile it and train it, or evaluate it.')
        return self._objective

    def require_compiled(self, method: str) -> dict[str, Any]:
        """What `compile` was told.

        Raises:
            NotCompiledError: It was not called.
        """
        if self._compile_arguments is None:
            raise NotCompiledError(f'You must call `compile()` before calling `{method}()`.')
        return self._compile_arguments

    def builds_from_data(self) -> bool:
        """Whether something waits for data to be built: layers, or the losses and metrics that were asked for."""
        asked = self._compile_arguments or {}
        waits = self._objective is None and any(asked[name] for name in ('loss', 'metrics', 'weighted_metrics'))
        return waits or not all(layer.built for layer in self.flatten_layers())

    def prepare(self, x: Any, y: Any, batch_size: int, method: str) -> None:
        """Build the weights, the losses and metrics and the optimizer's slots for data of these shapes."""
        arguments = self.require_compiled(method)
        batch = tree.map_structure(lambda a: jax.ShapeDtypeStruct((batch_size, *a.shape[1:]), a.dtype), x)
        if self._objective is None:
            self._objective = self._completed(arguments, y, batch)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _completed(self, arguments: dict[str, Any], y: Any, batch: Any) -> Objective:
        objective = self._planned or planned(arguments)
        told = ('loss', 'metrics', 'weighted_metrics')
        if self.built and overrides(self, 'train_step') and not any(arguments[name] for name in told):
            return objective  # its own step says what is computed; it need not have a call
        return completed(objective, arguments, y, self.compute_outputs(batch), self.output_names)

    def _objective_of(self, y: Any, y_pred: Any) -> Objective:
        """Losses and metrics; for these targets and outputs if the model has seen no data yet."""
        if self._objective is None and self._planned is not None and y_pred is not None:
            with outside():  # metrics may make variables, while a step is traced too
                arguments = self.require_compiled('compute_loss')
                self._objective = completed(self._planned, arguments, _shapes(y), _shapes(y_pred), self.output_names)
        return self.objective

    def compute_outputs(self, probe: Any) -> Any:
        """The outputs' shapes for the inputs' (ShapeDtypeStructs): nothing is computed."""
        leaves, structure = jax.tree.flatten(probe)
        key = ('outputs', structure, tuple(leaves))
        if key not in self._compiled:
            self._compiled[key] = eval_shapes(self, probe)
        return self._compiled[key]

    def build_for(self, rows: Any, batch_size: int) -> None:
        """Make the variables now, for rows of this shape."""
        batch = tree.map_structure(lambda a: jax.ShapeDtypeStruct((batch_size, *a.shape[1:]), a.dtype), rows.x)
        eval_shapes(self, batch)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of one batch: a scalar; what was added with `add_loss` and weights' regularizers included.

        A subclass may compute it in another way.
        """
        del x, training
        loss = total_loss(self._objective_of(y, y_pred), y, y_pred, sample_weight, context.rows)
        parts = [loss] if loss is not None else []
        parts += [extra.sum() if getattr(extra, 'ndim', 0) else extra for extra in self.losses]
        if not parts:
            return np.zeros((), 'float32')
        return functools.reduce(operator.add, parts)

    def compute_loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """`compute_loss`, also a subclass's that takes no `training`."""
        if 'training' in signature_of(type(self).compute_loss).parameters:
            return self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics with one batch and return all results by name; a subclass may add its own."""
        del x
        self.update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def update_metrics(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take one batch into the metrics that `compile` was given."""
        known = self._objective or self._planned
        if known is None or known.compiled is None:
            return
        compiled = self._objective_of(y, y_pred).compiled
        if compiled is not None:
            compiled.update_state(y, y_pred, sample_weight, context.rows)

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of `metrics` by name; those of one whose result is a dict among the others."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            results |= result if isinstance(result, dict) else {metric.name: result}
        return results

    @property
    def metrics(self) -> list[Metric]:
        """The loss's tracker, the metrics of `compile` as one, then those in attributes."""
        known = self._objective or self._planned
        compiled = [] if known is None else known.all_metrics
        return [*compiled, *self.own_metrics]

    @property
    def own_metrics(self) -> list[Metric]:
        """The metrics held in attributes, of layers inside too."""
        return list(self._metrics_held())

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def results_in_order(self, logs: dict[str, Any]) -> Any:
        """What `evaluate` and `*_on_batch` return: the values in the order of the metrics, or the one there is."""
        names: list[str] = []
        for metric in self.metrics:
            names += [m.name for m in metric.metrics] if isinstance(metric, CompileMetrics) else [metric.name]
        values = [logs[name] for name in names if name in logs]
        values += [logs[name] for name in sorted(logs) if name not in names]
        return values[0] if len(values) == 1 else values

    def reset_metrics(self) -> None:
        """Set every metric back."""
        for metric in self.metrics:
            metric.reset_state()

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was told, to be saved; what no file can hold is left out, and told."""
        if self._compile_arguments is None:
            return None
        from hefted.utils.serialization import serialize_keras_object

        told: dict[str, Any] = {}
        for name in ('optimizer', 'loss', 'loss_weights', 'metrics', 'weighted_metrics', 'run_eagerly'):
            try:
                told[name] = serialize_keras_object(self._compile_arguments[name])
            except NotImplementedError as error:
                if name in ('optimizer', 'loss'):  # without it a loaded model would train in another way
                    warn(
                        'What compile was told is not saved: after loading call compile() again, then load_weights() '
                        f"with the same file for the optimizer's state. {error}"
                    )
                    return None
                warn(f'The {name} that compile was told is not saved: call compile() again after loading. {error}')
                told[name] = None
        return {
            **told,
            'steps_per_execution': self._compile_arguments['steps_per_execution'],
            'jit_compile': True,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model was."""
        from hefted.utils.serialization import deserialize_keras_object

        known = {k: v for k, v in config.items() if k not in ('steps_per_execution', 'jit_compile', 'run_eagerly')}
        self.compile(**{name: deserialize_keras_object(value) for name, value in known.items()})
        if self.built:
            self.optimizer.build(self.trainable_variables)


def _shapes(structure: Any) -> Any:
    return tree.map_structure(lambda a: jax.ShapeDtypeStruct(np.shape(a), getattr(a, 'dtype', np.float32)), structure)


_ACCURACY = ('accuracy', 'acc')
_MADE_HERE = ('make_train_function', 'make_test_function', 'make_predict_function')


def _to_be_found(value: Any, special: tuple[str, ...]) -> list[Any]:
    """What is neither a function, nor an object, nor one of the names that only data give a meaning."""
    found = tree.flatten(value) if isinstance(value, (dict, list, tuple)) else [value]
    names = [each for each in found if isinstance(each, str) and each.lower() not in special]
    return names + [each for each in found if not (each is None or isinstance(each, str) or callable(each))]
