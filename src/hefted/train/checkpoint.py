"""A training's whole state at one step: what it takes to go on, to the bit, in another process.

`capture` and `restore` know the loop's `Job` and nothing of files or kinds of callbacks; a `Keeper` says when a
checkpoint is due and where it goes. What is in one: every array of the state (weights, statistics, seed generators,
the optimizer with its learning rate and slots, the epoch's partial metrics), the place, the training's key, what the
order of the rows follows from, the logs so far, and the state of each callback that has one (`History` among them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hefted.callbacks.callback import CallbackList
from hefted.errors import ArgumentError
from hefted.train import of_each, shares
from hefted.train.elsewhere import machine_here
from hefted.utils import random_states

if TYPE_CHECKING:
    from hefted.train.loop import Job
    from hefted.variables import Array

Logs = dict[str, Any]


class Place(NamedTuple):
    """How far a training is.

    Attributes:
        epoch: The epoch that is going on, or begins next.
        step: Its steps done.
        done: Steps done since the training began.
    """

    epoch: int
    step: int = 0
    done: int = 0


@dataclass
class Checkpoint:
    """A training at one step. Its arrays may be the loop's own: copy them to hold them past the next step.

    Attributes:
        place: How far it is.
        state: The state's arrays by entry: on the host, or shares of them (train/shares.py).
        key: uint32 (2,), the training's.
        source: What the order of the rows follows from.
        logs: Of the last step.
        callbacks: (name of its class, state) of each callback that has one.
        machine: What must be the same for the same bits.
        random: The states of Python's, NumPy's and torch's random numbers, from which callbacks may draw.
        about: What a keeper adds of its own.
        halted: Whether the training ends here for now, such as by its budget: it is to go on another time.
        hosts: How many processes bring rows of their own; 1 where each has all, 0 where that is not known.
        each: By rank, 'source' and 'random' where they are not alike in those processes.
    """

    place: Place
    state: dict[str, list[Any]]
    key: Any
    source: dict[str, Any]
    logs: Logs
    callbacks: list[tuple[str, Any]]
    machine: dict[str, str]
    random: dict[str, Any] = field(default_factory=dict[str, Any])
    about: dict[str, Any] = field(default_factory=dict)
    halted: bool = False
    hosts: int = 0
    each: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])


class Keeper(Protocol):
    """Who keeps checkpoints of a training.

    Attributes:
        at_hooks: Whether it is asked after each hook, for which the loop stops between epochs; else at the edges of
            chunks, within an epoch too.
    """

    @property
    def at_hooks(self) -> bool: ...

    def load(self) -> Checkpoint | None:
        """What to go on from, if there is anything; called before the training begins."""
        ...

    def place(self) -> Place | None:
        """How far what `load` will give is; None where there is nothing."""
        ...

    def due(self) -> bool:
        """Whether one is wanted now."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep it."""
        ...

    def took(self, seconds: float) -> None:
        """How long the training stood still for the checkpoint that was kept last."""
        ...

    def count(self, steps: int, epochs: int) -> int | None:
        """How many a training of so many steps and epochs will ask for; None where its duration decides."""
        ...

    def price(self, state: dict[str, list[Array]]) -> Price:
        """What checkpoints of a state will take; some are tried."""
        ...


class Price(NamedTuple):
    """What checkpoints take.

    Attributes:
        seconds: Of one.
        share: Of the training's duration, where they are kept by the clock; else 0.
    """

    seconds: float
    share: float = 0.0


def capture(job: Job, state: Any, place: Place, logs: Logs, alone: bool = False) -> Checkpoint:
    """The checkpoint of a training whose pipeline is drained.

    Args:
        job: The training.
        state: Its arrays.
        place: How far it is.
        logs: Of the last step.
        alone: Whether other processes do not make one now (`of_each.kept_by_one`).
    """
    source, random = job.source.get_state(), random_states.held()
    return Checkpoint(
        place,
        shares.held(state),
        job.key,
        source,
        logs,
        [(name, callback.get_state()) for name, callback in stateful(job.callbacks)],
        machine_here(),
        random,
        hosts=of_each.hosts_of(job.source),
        each={} if alone else of_each.gathered(job.source, {'source': source, 'random': random}),
    )


def restore(job: Job, checkpoint: Checkpoint) -> tuple[Any, Logs]:
    """Put a training where a checkpoint was.

    Returns:
        The state, its arrays nobody else's, and the logs.

    Raises:
        ArgumentError: The checkpoint is of another model, optimizer, of other data, or of data that was
            divided otherwise among processes.
    """
    _check(job, checkpoint.state)
    source, random = of_each.taken_up(job.source, checkpoint)
    if source.get('feed') != 'generator':  # one that draws has drawn ahead, and draws all of it again
        random_states.put_back(random)
    over = bool(checkpoint.place.step and source.get('ended'))
    job.source.set_state(source | {'over': over})
    job.key = checkpoint.key
    kept: dict[str, list[Any]] = {}
    for name, value in checkpoint.callbacks:
        kept.setdefault(name, []).append(value)
    seen: Counter[str] = Counter()
    for name, callback in stateful(job.callbacks):
        if seen[name] < len(kept.get(name, ())):
            callback.set_state(kept[name][seen[name]])
        seen[name] += 1
    job.binding.drain(shares.own(checkpoint.state, job.binding))
    return shares.own(checkpoint.state, job.binding), dict(checkpoint.logs)


def stateful(callbacks: CallbackList) -> Iterator[tuple[str, Any]]:
    """The callbacks that can be put back, by the names of their classes."""
    for callback in callbacks.callbacks:
        if callable(getattr(callback, 'get_state', None)) and callable(getattr(callback, 'set_state', None)):
            yield type(callback).__name__, callback


def _check(job: Job, state: dict[str, list[Any]]) -> None:
    """Raise unless the arrays are those of the training's own variables."""
    for name, variables in job.binding.groups.items():
        wanted = [(v.shape, v.dtype) for v in variables]
        found = [(a.shape, a.dtype.name) for a in state.get(name, [])]
        if found == wanted:
            continue
        where = next((i for i, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None)
        if where is None:
            what = f'{len(wanted)} {name} variables, received {len(found)}'
        else:
            what = f'{variables[where].path!r} to be {_told(wanted[where])}, received {_told(found[where])}'
        raise ArgumentError(
            f'Expected {what} in the backup: it is of another model or optimizer. '
            'Delete it to begin anew, or build the model as it was.'
        )


def _told(kind: tuple[Any, str]) -> str:
    return f'{kind[1]} {kind[0]}'
