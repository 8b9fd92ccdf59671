"""`OrbaxCheckpoint`: a model's state in Orbax's format, for programs that read it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from hefted.callbacks.batches import Batches
from hefted.callbacks.callback import Logs
from hefted.callbacks.monitor import MonitorCallback
from hefted.errors import ArgumentError


class OrbaxCheckpoint(MonitorCallback):
    """Save weights, optimizer and metrics with Orbax, in the background. Needs `pip install orbax-checkpoint`.

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
        try:
            from orbax.checkpoint import v1 as orbax  # pyright: ignore[reportMissingImports] (an extra)
        except ImportError as error:
            raise ImportError(
                'OrbaxCheckpoint needs Orbax, which is not installed: pip install orbax-checkpoint. '
                'ModelCheckpoint and BackupAndRestore need nothing.'
            ) from error
        super().__init__(monitor, mode, initial_value_threshold)
        if save_freq != 'epoch' and not isinstance(save_freq, int):
            raise ArgumentError(f"Expected save_freq to be 'epoch' or a number of batches, received {save_freq!r}.")
        self.directory, self.verbose, self.save_best_only = str(directory), verbose, save_best_only
        self.save_freq, self.max_to_keep = save_freq, max_to_keep
        self.save_on_background, self.save_weights_only = save_on_background, save_weights_only
        self._batches = Batches(save_freq)
        training = orbax.training
        self.checkpointer: Any = training.Checkpointer(
            directory=str(Path(directory).absolute()),
            preservation_policy=None if max_to_keep is None else training.preservation_policies.LatestN(max_to_keep),
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
        )

    def stops_at(self, step: int) -> int | None:
        return self._batches.next_stop(step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches.begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.reached() and self._wanted(logs):
            self._save(int(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        if self.save_freq == 'epoch' and self._wanted(logs):
            self._save(epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
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
            'trainable_variables': _by_path(model.trainable_variables),
            'non_trainable_variables': _by_path(model.non_trainable_variables),
        }
        payload: dict[str, Any] = {'pytree': state}
        if not self.save_weights_only:
            state['optimizer_variables'] = _by_path(model.optimizer.variables)
            state['metrics_variables'] = _by_path([v for metric in model.metrics for v in metric.variables])
            try:
                payload['model_config'] = {'config': json.dumps(serialize_keras_object(model))}
            except (TypeError, ValueError, NotImplementedError) as error:
                warnings.warn(f'The model has no config that can be saved, and is saved without: {error}', stacklevel=3)
        if self.verbose:
            print(f'\nSaving step {step} to {self.directory}')
        save = self.checkpointer.save_checkpointables
        (self.checkpointer.save_checkpointables_async if self.save_on_background else save)(step, payload)


def _by_path(variables: Any) -> dict[str, Any]:
    """Values nested by the parts of the variables' paths, as Keras nests them."""
    tree: dict[str, Any] = {}
    for variable in variables:
        *folders, name = variable.path.split('/')
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[name] = variable.numpy()
    return tree
