"""`TensorBoard`: what a training came to, as files that TensorBoard shows."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from hefted.callbacks.callback import Callback, Logs
from hefted.callbacks.event_file import EventFile
from hefted.errors import ArgumentError


class TensorBoard(Callback):
    """Write scalars (and histograms, images, the model's layers) for TensorBoard; TensorFlow is not needed.

    Each epoch: `epoch_<metric>` and `epoch_learning_rate` into `<log_dir>/train`; what was validated into
    `<log_dir>/validation`, and `evaluation_<metric>_vs_iterations` there. Every `update_freq` batches:
    `batch_<metric>`.

    Args:
        log_dir: A folder for this training alone.
        histogram_freq: Epochs between two histograms of the weights; 0 for none.
        write_graph: Whether the model's layers are written, for the tab *Graphs*.
        write_images: Whether the weights are written as images with the histograms.
        write_steps_per_second: Whether the speed is written.
        update_freq: 'epoch', 'batch', or a number of batches. The steps between two writings run in one go.
        profile_batch: The batch to profile with JAX's profiler, or (first, last) of several; 0 for none.
        embeddings_freq: Epochs between two copies of the weights for the projector; 0 for none.
        embeddings_metadata: A file with the names of an embedding's rows, or a dict of such by layer.

    Raises:
        ArgumentError: `profile_batch` is none of these, or `embeddings_metadata` names no embedding.
    """

    once = True

    def __init__(
        self,
        log_dir: str | Path = 'logs',
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = 'epoch',
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        self.log_dir = str(log_dir)
        self.histogram_freq, self.write_graph, self.write_images = histogram_freq, write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == 'batch' else update_freq
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._profiled = _range(profile_batch)
        self._profiling = False
        self._train, self._validation = (EventFile(Path(log_dir) / name) for name in ('train', 'validation'))
        self._step = self._asked = self._epoch_step = 0  # steps of this training: the next stop, the last, the epoch's
        self._awaits = False  # a stop that was asked for
        self._batch_time = self._epoch_time = perf_counter()

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.write_graph and type(model).__name__ in ('Functional', 'Sequential', 'Model'):
            self._write_layers()
        if self.embeddings_freq:
            self._configure_projector()

    # When

    def stops_at(self, step: int) -> int | None:
        every, (first, last) = self.update_freq, self._profiled
        stops = [(step // every + 1) * every] if isinstance(every, int) and every > 0 else []
        stops += [stop for stop in (first - 1, last) if last and stop > step]
        self._asked, self._step, self._awaits = step, min(stops, default=step), bool(stops)
        self._batch_time = perf_counter()
        if first == step + 1 and not self._profiling:
            self._profile(True)
        return min(stops, default=None)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step, self._awaits = 0, False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        every = self.update_freq
        if not self._awaits:  # a class that derives from this one hears of every batch
            self._step += 1
        self._awaits = False
        if isinstance(every, int) and every > 0 and self._step % every == 0:
            if self.write_steps_per_second:
                speed = (self._step - self._asked) / (perf_counter() - self._batch_time)
                self._train.scalar('batch_steps_per_second', speed, self._step)
            for name, value in (logs or {}).items():
                self._train.scalar(f'batch_{name}', value, self._step)
        if self._profiling and self._step >= self._profiled[1]:
            self._profile(False)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.write_steps_per_second:
            self._epoch_step, self._epoch_time = int(self.model.optimizer.iterations), perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._write_epoch(epoch, dict(logs or {}))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self.model.save_weights(Path(self.log_dir) / 'train' / f'keras_embedding.ckpt-{epoch}.weights.h5')
        self._train.flush()
        self._validation.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if getattr(self.model, 'optimizer', None) is not None:
            step = int(self.model.optimizer.iterations)
            for name, value in (logs or {}).items():
                self._validation.scalar(f'evaluation_{name}_vs_iterations', value, step)
            self._validation.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._profiling:
            self._profile(False)
        self._train.close()
        self._validation.close()

    # What

    def _write_epoch(self, epoch: int, logs: Logs) -> None:
        if not logs:
            return
        train = {name: value for name, value in logs.items() if not name.startswith('val_')}
        train['learning_rate'] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            steps = int(self.model.optimizer.iterations) - self._epoch_step
            train['steps_per_second'] = steps / (perf_counter() - self._epoch_time)
        for name, value in train.items():
            self._train.scalar(f'epoch_{name}', value, epoch)
        for name in (name for name in logs if name.startswith('val_')):
            self._validation.scalar(f'epoch_{name.removeprefix("val_")}', logs[name], epoch)

    def _write_weights(self, epoch: int) -> None:
        for layer in self.model.layers:
            for weight in layer.weights:
                path, value = weight.path.replace(':', '_'), weight.numpy()
                self._train.histogram(f'{path}/histogram', value, epoch)
                image = _as_image(value) if self.write_images else None
                if image is not None:
                    self._train.image(f'{path}/image', image, epoch)

    def _write_layers(self) -> None:
        from hefted.utils.serialization import serialize_keras_object

        try:
            text = json.dumps(serialize_keras_object(self.model))
        except (TypeError, ValueError, NotImplementedError) as error:
            warnings.warn(f'The model cannot be written as JSON, and is left out of TensorBoard: {error}', stacklevel=2)
            return
        self._train.text('keras', text, 'graph_keras_model', 0)

    def _configure_projector(self) -> None:
        """Tell the projector which embeddings there are, in its own text format."""
        names = [layer.name for layer in self.model.layers if type(layer).__name__ == 'Embedding']
        of = self.embeddings_metadata
        unknown = sorted(of.keys() - set(names)) if isinstance(of, dict) else []
        if unknown:
            raise ArgumentError(
                f'Expected embeddings_metadata to name Embedding layers ({", ".join(names) or "there is none"}), '
                f'received {", ".join(unknown)}.'
            )
        lines: list[str] = []
        for name in names:
            path = of.get(name) if isinstance(of, dict) else of
            lines += ['embeddings {', '  tensor_name: "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE"']
            lines += [f'  metadata_path: {json.dumps(str(path))}'] if path is not None else []
            lines += ['}']
        folder = Path(self.log_dir)
        (folder / 'train').mkdir(parents=True, exist_ok=True)
        (folder / 'projector_config.pbtxt').write_text('\n'.join([*lines, '']), 'utf-8')

    def _profile(self, begin: bool) -> None:
        """Start or stop JAX's profiler; what goes wrong there stops no training."""
        from jax import profiler

        try:
            if begin:
                profiler.start_trace(str(Path(self.log_dir) / 'train'))
            else:
                profiler.stop_trace()
        except (RuntimeError, OSError) as error:
            warnings.warn(f'The profiler failed to {"start" if begin else "stop"}: {error}', stacklevel=2)
            begin = False
        self._profiling = begin


def _range(profile_batch: Any) -> tuple[int, int]:
    """The first and last batch to profile, counted from 1; (0, 0) for none."""
    given = profile_batch
    if isinstance(given, str):  # '5' or '10,20'
        numbers = [int(part) if part.strip().isdigit() else -1 for part in given.split(',')]
        given = numbers * 2 if len(numbers) == 1 else numbers
    elif isinstance(given, int):
        given = (given, given)
    first, last = given if _is_pair(given) else (-1, -1)
    if first < 0 or last < first:
        raise ArgumentError(
            'Expected profile_batch to be a whole number from 0 on or a pair (first, last) of such, '
            f'received {profile_batch!r}.'
        )
    return int(first), int(last)


def _is_pair(given: Any) -> bool:
    return isinstance(given, (tuple, list)) and len(given) == 2 and all(isinstance(n, int) for n in given)


def _as_image(value: Any) -> Any:
    """A weight as pictures (number, height, width, channels); None where it is none."""
    from hefted.config import image_data_format

    value = np.squeeze(value).astype(np.float32)
    if value.ndim == 1:
        return value.reshape(1, -1, 1, 1)
    if value.ndim == 2:
        value = value.T if value.shape[0] > value.shape[1] else value
        return value[None, :, :, None]
    if value.ndim == 3:  # each kernel a picture of its own
        value = value.transpose(2, 0, 1) if image_data_format() == 'channels_last' else value
        return value[..., None]
    return value if value.ndim == 4 and value.shape[-1] in (1, 3, 4) else None
