"""`OrbaxCheckpoint`: a model's state in Orbax's format, for programs that read it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hefted.callbacks.batches import Batches
from hefted.callbacks.callback import Logs
from hefted.callbacks.monitor import MonitorCallback
from hefted.distribution import shards
from hefted.errors import ArgumentError
from hefted.utils.nesting import nested

if TYPE_CHECKING:
    from hefted.variables import Variable


class OrbaxCheckpoint(MonitorCallback):
    """Save weights, optimizer and metrics with Orbax, in the background; `pip install "hefted[orbax]"` brings it.

    Each process writes the shares that its devices have of the weights, all to one folder that all of them see.
    `model.load_weights` and `hefted.saving.load_model` read it, on fewer or more devices; so does Keras.

    Args:
        directory: Where the checkpoints go.
        monitor: The metric that `save_best_only` watches.
        verbose: 1 says when it saves.
        save_best_only: Whether to save only when the metric is the best so far.
        mode: 'min', 'max', or 'auto' by the metric.
        save_freq: 'epoch', or a number of batches.
        initial_value_threshold: A value that the metric must pass first.
        max_to_keep: How many checkpoints are kept; all if None.
        save_on_background: Whether training goes on while a checkpoint is written.
        save_weights_only: Whether only the weights are saved.

    Raises:
        ImportError: Orbax is not installed.
        ArgumentError: `save_freq` is neither of those.
    """

    def __init__(
        self,
        directory: str | Path,
        monitor: str = 'val_loss',
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = 'auto',
        save_freq: str | int = 'epoch',
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        shards.orbax('OrbaxCheckpoint')
        super().__init__(monitor, mode, initial_value_threshold)
        if save_freq != 'epoch' and not isinstance(save_freq, int):
            raise ArgumentError(f"Expected save_freq to be 'epoch' or a number of batches, received {save_freq!r}.")
        self.directory, self.verbose, self.save_best_only = str(directory), verbose, save_best_only
        self.save_freq, self.max_to_keep = save_freq, max_to_keep
        self.save_on_background, self.save_weights_only = save_on_background, save_weights_only
        self._batches = Batches(save_freq)
        self.checkpointer: Any = self._opened()
        self._closed = False

    def _opened(self) -> Any:
        training = shards.orbax('OrbaxCheckpoint').training
        most = self.max_to_keep
        return training.Checkpointer(
            directory=str(Path(self.directory).absolute()),
            preservation_policy=None if most is None else training.preservation_policies.LatestN(most),
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
        )

    def stops_at(self, step: int) -> int | None:
        return self._batches.next_stop(step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches.begin()
        if self._closed:  # by the end of a training before
            self.checkpointer, self._closed = self._opened(), False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.reached() and self._wanted(logs):
            self._save(int(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        if self.save_freq == 'epoch' and self._wanted(logs):
            self._save(epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._closed = True
        self.checkpointer.close()  # after what is still being written

    def wait_until_finished(self) -> None:
        """Return when nothing is being written any more."""
        self.checkpointer.wait()

    def get_state(self) -> dict[str, Any]:
        return {'best': self.best, 'batches': self._batches.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best = state['best']
        self._batches.set_state(state['batches'])

    def _wanted(self, logs: Logs | None) -> bool:
        if not self.save_best_only:
            return True
        value = self._value(logs)
        if value is None or not self._is_improvement(value, self.best):
            return False
        self.best = value
        return True

    def _save(self, step: int) -> None:
        from hefted.utils.serialization import serialize_keras_object

        model = self.model
        state = {
            'trainable_variables': _tree(model.trainable_variables),
            'non_trainable_variables': _tree(model.non_trainable_variables),
        }
        payload: dict[str, Any] = {'pytree': state}
        if not self.save_weights_only:
            state['optimizer_variables'] = _tree(model.optimizer.variables)
            state['metrics_variables'] = _tree(model.metrics_variables)
            try:
                payload['model_config'] = {'config': json.dumps(serialize_keras_object(model))}
            except (TypeError, ValueError, NotImplementedError) as error:
                warnings.warn(f'The model has no config that can be saved, and is saved without: {error}', stacklevel=3)
        if self.verbose:
            print(f'\nSaving step {step} to {self.directory}')
        save = self.checkpointer.save_checkpointables
        (self.checkpointer.save_checkpointables_async if self.save_on_background else save)(step, payload)


def _tree(variables: Sequence[Variable]) -> dict[str, Any]:
    """Values as they lie on the devices, by the parts of the variables' paths; of a stack, each layer's own."""
    return nested(variables, lambda variable: shards.leaf(variable.held))
