"""The training loop: stretches of steps to the device, ticks to the listeners, drained at every hook.

It reads one chunk behind: while the device runs a chunk, Python reads the logs of the one before. The one place that
waits for the device is `_read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import jax
import numpy as np

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Source, Stretch
from hefted.runs import NullRun, Run
from hefted.train.binding import Binding
from hefted.train.program import Logs, State, Stretcher
from hefted.train.progress import Progress

_CHUNK_SECONDS = 0.2  # long enough that Python's part is nothing, short enough to stop, show and meter
_FIRST_STEPS = 64  # of a program whose speed is not known yet
_GROWTH = 16  # a chunk is at most so many times longer than the one before
_BATCH_HOOKS = ('on_train_batch_begin', 'on_train_batch_end')


@dataclass
class Pace:
    """How many steps a chunk takes, so that it lasts about 0.2 s; kept with the compiled program."""

    steps: int = _FIRST_STEPS

    def learn(self, steps: int, seconds: float) -> None:
        """Take a chunk's duration into account."""
        wanted = int(steps * _CHUNK_SECONDS / max(seconds, 1e-6))
        self.steps = max(1, min(wanted, self.steps * _GROWTH))


class Chunk(NamedTuple):
    """Steps that were dispatched together: the epoch's step after them, how many, their logs to come."""

    end: int
    steps: int
    logs: Logs


@dataclass
class Job:
    """One training, ready to run.

    Attributes:
        train: The compiled loop.
        source: Where its batches come from.
        binding: The state's variables.
        state: The state at the start, its arrays nobody else's.
        callbacks: The user's, and `History`.
        progress: What shows it.
        run: What meters it.
        epochs: The number of the last epoch, plus one.
        key: uint32 (2,), folded with the step for each step's draws.
        initial_epoch: The number of the first.
        steps_per_epoch: Steps an epoch; a whole pass if None.
        validate: `validate(state) -> logs`, or None.
        validates: Whether an epoch is validated.
        stopped: Whether somebody asked to stop.
        pace: Of the compiled loop.
    """

    train: Stretcher
    source: Source
    binding: Binding
    state: State
    callbacks: CallbackList
    progress: Progress
    run: Run | NullRun
    epochs: int
    key: Any
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validate: Callable[[State], Logs] | None = None
    validates: Callable[[int], bool] = lambda _: True
    stopped: Callable[[], bool] = lambda: False
    pace: Pace = field(default_factory=Pace)


def fit(job: Job) -> None:
    """Train; afterwards the variables hold the last whole state, whatever happened."""
    _Training(job).run()


class _Training:
    """The thin shell around pure steps: the state, and what it takes to show and meter it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = job.state
        self.by_batch = job.callbacks.has(*_BATCH_HOOKS)
        self.done = 0  # steps since the training began
        self.clock = perf_counter()

    def run(self) -> None:
        job = self.job
        logs: Logs = {}
        try:
            job.callbacks.call('on_train_begin')
            self.refresh()
            for epoch in range(job.initial_epoch, job.epochs):
                logs = self.epoch(epoch)
                if job.stopped():
                    break
            job.binding.lend(self.state)
            job.callbacks.call('on_train_end', logs)
        except BaseException:
            # What was dispatched last may still be whole; if not, the variables keep what was drained last.
            with suppress(Exception):
                job.binding.drain(jax.block_until_ready(self.state))
            raise

    def epoch(self, epoch: int) -> Logs:
        job = self.job
        job.progress.epoch_begin(epoch)
        self.hook('on_epoch_begin', epoch)
        logs: Logs = {}
        behind: Chunk | None = None
        self.clock = perf_counter()
        for chunk in self.chunks(epoch):
            if behind is not None:
                logs = self.read(behind, epoch)
            behind = chunk
            if self.by_batch:
                behind, logs = None, self.read(chunk, epoch)
                job.binding.drain(self.state)
                self.hook('on_train_batch_end', chunk.end - 1, logs)
                if job.stopped():
                    break
        if epoch + 1 < job.epochs:
            job.source.prepare(epoch + 1)
        if behind is not None:
            logs = self.read(behind, epoch)
        job.binding.drain(self.state)
        if job.validate is not None and job.validates(epoch):
            job.run.enter('validate')
            logs |= {f'val_{name}': value for name, value in job.validate(self.state).items()}
            job.run.enter('train')
        job.progress.epoch_end(epoch, logs, job.run.tick(self.done, epoch, logs))
        self.hook('on_epoch_end', epoch, logs)
        return logs

    def chunks(self, epoch: int) -> Iterator[Chunk]:
        """Dispatch an epoch, chunk by chunk."""
        end = 0
        for stretch in self.job.source.epoch(epoch, self.job.steps_per_epoch):
            first = 0
            while first < stretch.steps:
                steps = min(
                    1 if self.by_batch or self.job.train.single else self.job.pace.steps,
                    stretch.steps - first,
                )
                if self.by_batch:
                    self.hook('on_train_batch_begin', end)
                logs = self.dispatch(stretch, first, steps, fresh=end == 0)
                first, end = first + steps, end + steps
                yield Chunk(end, steps, logs)

    def dispatch(self, stretch: Stretch, first: int, steps: int, fresh: bool) -> Logs:
        numbers = np.array([stretch.first + first, steps, stretch.rows, fresh], np.int32)
        key = self.job.key + np.array([0, self.done], np.uint32)
        self.state, logs = self.job.train.run(None, self.state, stretch.data, stretch.order, numbers, key)
        return logs

    def read(self, chunk: Chunk, epoch: int) -> Logs:
        """The chunk's logs as floats: the one place that waits for the device."""
        logs = read_logs(chunk.logs)
        now = perf_counter()
        self.job.pace.learn(chunk.steps, now - self.clock)
        self.clock = now
        self.done += chunk.steps
        self.job.progress.tick(chunk.end, logs, self.job.run.tick(self.done, epoch, logs))
        return logs

    def hook(self, name: str, *arguments: Any) -> None:
        """Call a hook, and take up what it assigned to the variables."""
        self.job.callbacks.call(name, *arguments)
        if self.job.callbacks.reads_state(name):
            self.refresh()

    def refresh(self) -> None:
        self.state = self.job.binding.refresh(self.state)


def evaluate(
    compiled: Stretcher,
    state: State,
    metrics: Any,
    source: Source,
    steps: int | None = None,
    each: Callable[[int, Logs], None] | None = None,
) -> Logs:
    """Run the evaluation loop over one pass.

    Args:
        compiled: From `compile_evaluation`.
        state: Not given away.
        metrics: From `program.init_metrics`.
        source: Unshuffled.
        steps: How many batches; all if None.
        each: Called after each batch, where somebody hooks on batches.

    Returns:
        Floats by metric.
    """  # fmt: skip
    key = np.zeros(2, np.uint32)
    end = 0
    logs: Logs = {}
    for stretch in source.epoch(0, steps):
        size = 1 if each is not None or compiled.single else stretch.steps
        for first in range(0, stretch.steps, size):
            numbers = np.array([stretch.first + first, size, stretch.rows, end == 0], np.int32)
            metrics, logs = compiled.run(state, metrics, stretch.data, stretch.order, numbers, key)
            end += size
            if each is not None:
                each(end - 1, read_logs(logs))
    return read_logs(logs)


def read_logs(logs: Logs) -> Logs:
    """Scalars as floats; anything else as it is."""
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in logs.items()}
