"""Hooks at an epoch's end that fail or are interrupted: the training goes on from before them, another time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hefted.train import interrupts
from hefted.train.checkpoint import Logs, Place, capture, stateful
from hefted.train.of_each import kept_by_one
from hefted.utils import random_states

if TYPE_CHECKING:
    from hefted.train.loop import Job


class Before(NamedTuple):
    """A training just before the hooks at an epoch's end: what it goes on from if they do not come to theirs.

    Attributes:
        place: How far it was.
        state: Its arrays, not copied.
        logs: Of the last step.
        callbacks: As a checkpoint has them.
        random: What others draw from.
    """

    place: Place
    state: Any
    logs: Logs
    callbacks: list[tuple[str, Any]]
    random: random_states.Raw


def before(job: Job, state: Any, place: Place, logs: Logs) -> Before:
    """What a checkpoint is made of, should one be needed; it costs next to nothing."""
    callbacks = [(name, _own(callback.get_state())) for name, callback in stateful(job.callbacks)]
    return Before(place, state, dict(logs), callbacks, random_states.raw())


def rescue(job: Job, found: Before, error: BaseException) -> None:
    """Keep a training as it was before a hook that failed or was interrupted: it is called again by who goes on.

    Who keeps checkpoints at hooks, and not by the clock, gets one of a hook that failed only where one was due. Of a
    state that processes have shares of, or of data with a state of its own in each, there is none: the others may not
    have failed, and one alone cannot keep it.
    """
    fails = isinstance(error, Exception)
    due = [keeper for keeper in job.keepers if not (fails and keeper.at_hooks) or keeper.due()]
    if not due or interrupts.heard() or not kept_by_one(job.source, found.state):
        return
    if not job.governor.may('checkpoint'):
        return
    with random_states.back_at(found.random):
        made = capture(job, found.state, found.place, found.logs, alone=True)
    for keeper in due:
        keeper.save(replace(made, callbacks=found.callbacks))


def _own(value: Any) -> Any:
    """The same, in containers of its own: arrays are not copied, which callbacks replace and do not change."""
    if isinstance(value, dict):
        return {name: _own(part) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_own(part) for part in value] if any(isinstance(v, (dict, list)) for v in value[:1]) else list(value)
    return value
