"""A few whole epochs before the training, by the loop that trains: what one takes with all that belongs to it.

Where epochs are short, most of their time is not in steps: orders are drawn, batches gathered, logs read, hooks called,
all of it partly beside the device's work. No sum of parts tells that, so the loop itself is run, on copies, over rows
in orders of nobody's, with no callback but those that the loop must stop for as it will for the user's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import mean
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from hefted.callbacks.callback import Callback, CallbackList
from hefted.data.source import Layout, Source
from hefted.run_ticks import NullRun
from hefted.train import led, loop
from hefted.train.binding import Binding, Groups
from hefted.train.governor import Ahead, Governor, Work
from hefted.train.pilot import Clocks, spread_of, usual
from hefted.train.program import Logs, Stretcher
from hefted.train.progress import Progress
from hefted.variables import Array, Variable

LEAST_EPOCHS = 4  # the first of which counts for nothing
_MOST_EPOCHS = 4000
_PARTS = 5
_PATIENCE = 3  # how many times its seconds it may take, where epochs are longer than was thought
_CLOCKS = Clocks(led.clock, time.process_time)


class Rehearsed(NamedTuple):
    """What epochs took.

    Attributes:
        epoch: Seconds of one, without its validation.
        validation: Seconds of a validation; 0 without any.
        spread: How far epochs were from one another, relative to their mean.
        cpu_share: CPU seconds of the process over seconds that passed.
        epochs: How many counted.
        seconds: What all of it took.
    """

    epoch: float
    validation: float
    spread: float
    cpu_share: float
    epochs: int
    seconds: float


class Hooks(NamedTuple):
    """Which of the user's hooks the loop must stop for."""

    batches: bool = False
    epochs: bool = False


def rehearse(
    train: Stretcher,
    source: Source,
    binding: Binding,
    steps_per_epoch: int,
    validate: Callable[[Binding], Logs] | None,
    hooks: Hooks,
    seconds: float,
    allowance: Callable[[float], float],
    clocks: Clocks = _CLOCKS,
    *,
    others: Callable[[Layout], Stretcher] | None = None,
) -> Rehearsed | None:
    """Run whole epochs for a while; None where too few of them came to an end.

    Args:
        train: The compiled loop.
        source: Made for it: what it draws is nobody's.
        binding: Of the training; its variables stay as they are.
        steps_per_epoch: Steps of one.
        validate: Evaluates what a binding's variables hold, if the training is validated.
        hooks: What the loop must stop for.
        seconds: For about how long.
        allowance: For how long at most, by the seconds that an epoch has turned out to take.
        clocks: What it is timed by.
        others: The compiled loop of another layout, where batches are of several.
    """
    aside = _aside(binding)
    timer = _Timer(clocks.wall, seconds, allowance)
    begun, cpu_begun = clocks.wall(), clocks.cpu()
    loop.fit(
        loop.Job(
            train=train,
            source=source,
            binding=aside,
            state=aside.take(own=train.donates),
            callbacks=CallbackList(_stops(hooks), add_history=True, model=SimpleNamespace()),
            progress=Progress(None, None),
            run=NullRun(),
            epochs=_MOST_EPOCHS,
            key=np.zeros(2, np.uint32),
            steps_per_epoch=steps_per_epoch,
            validate=None if validate is None else lambda: validate(aside),
            others=others or (lambda _: train),
            governor=timer,
        )
    )
    passed = clocks.wall() - begun
    epochs = [after - before for before, after in zip(timer.ends, timer.ends[1:], strict=False)]
    if len(epochs) < LEAST_EPOCHS - 1:
        return None
    epoch = calm(epochs)
    judged = epoch * min(sum(timer.validations[1 : len(epochs) + 1]) / sum(epochs), 1.0)
    share = (clocks.cpu() - cpu_begun) / passed
    return Rehearsed(epoch - judged, judged, spread_of(epochs), share, len(epochs), passed)


def calm(epochs: list[float]) -> float:
    """Seconds of an epoch, by the calmest three fifths of the time that several took.

    What bursts of others on the machine take is in the training too, but of its whole, not of a tenth of a second.

    Example:
        >>> round(calm([1.0] * 30 + [3.0] * 5 + [1.2] * 30), 2)
        1.11
    """
    if len(epochs) < 2 * _PARTS:
        return usual(epochs)
    total, passed = sum(epochs), 0.0
    parts: list[list[float]] = [[] for _ in range(_PARTS)]
    for epoch in epochs:
        parts[min(int(_PARTS * passed / total), _PARTS - 1)].append(epoch)
        passed += epoch
    means = sorted(mean(part) for part in parts if part)
    return mean(means[: (len(means) + 1) // 2])


class _Timer(Governor):
    """Notes when epochs end, and ends the training when its time is over."""

    def __init__(self, clock: Callable[[], float], seconds: float, allowance: Callable[[float], float]) -> None:
        self._clock, self._begun, self._seconds, self._allowance = clock, clock(), seconds, allowance
        self.ends: list[float] = []
        self.validations: list[float] = []

    def allow(self, ahead: Ahead) -> int:
        return 0 if self._clock() - self._begun >= self._most() else ahead.steps

    def _most(self) -> float:
        """Seconds that it may take: an epoch may be far longer, or shorter, than was thought."""
        if len(self.ends) < LEAST_EPOCHS:
            return _PATIENCE * self._seconds
        return min(self._seconds, self._allowance((self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)))

    def did(self, work: Work, seconds: float) -> None:
        if work == 'validate':
            self.validations.append(seconds)
        if work == 'epoch':
            self.ends.append(self._clock())


class _Stand:
    """Holds an array in a variable's place."""

    def __init__(self, variable: Variable) -> None:
        self.held, self.made_trainable = variable.held, variable.made_trainable
        self.shape, self.dtype = variable.shape, variable.dtype

    def hold(self, array: Array) -> None:
        self.held = array


def _aside(binding: Binding) -> Binding:
    groups: Any = {name: [_Stand(variable) for variable in group] for name, group in binding.groups.items()}
    stands: Groups = groups
    aside = Binding(stands)
    aside.placing, aside.placed = binding.placing, binding.placed
    return aside


class _AtBatches(Callback):
    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Nothing, after each step."""


class _AtEpochs(Callback):
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Nothing, after each epoch."""


def _stops(hooks: Hooks) -> list[Callback]:
    return [*([_AtBatches()] if hooks.batches else []), *([_AtEpochs()] if hooks.epochs else [])]
