"""What the loops of training and of evaluation share: stretches that may be waited for, their programs, their logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from hefted.data.source import Layout, Stretch
from hefted.distribution import lead
from hefted.train import interrupts
from hefted.train.program import Logs, State, Stretcher

_END: Any = object()


class Chunk(NamedTuple):
    """Steps that were dispatched together.

    Attributes:
        epoch: Which epoch they belong to.
        end: The epoch's step after them.
        steps: How many.
        last: Whether the epoch ends with them.
        stop: Whether somebody's hook is called after them.
        logs: Their logs, to come.
        state: That after them, to come, for the variables; None where the loop gives it away and it is copied at the
            epoch's end.
    """

    epoch: int
    end: int
    steps: int
    last: bool
    stop: bool
    logs: Logs
    state: State


def at_once(stretches: Iterator[Stretch | None]) -> Iterator[Stretch | None]:
    """The same, a Ctrl-C being raised while they are waited for: no state is at stake there.

    Raises:
        HostsDifferError: Another process has another one now, or no more.
    """
    several = lead.watch() is not None
    while True:
        with interrupts.at_once():
            stretch = next(stretches, _END)
        if several and stretch is not None:  # else they would wait in one another's steps for ever, or add them up
            lead.decide(True, 'for no more batches' if stretch is _END else f'for {_told(stretch)}')
        if stretch is _END:
            return
        yield stretch  # pyright: ignore[reportReturnType]


def _told(stretch: Stretch) -> str:
    arrays = ', '.join(f'{part.dtype} {part.shape}' for part in jax.tree.leaves(stretch.data))
    return f'{stretch.steps} batches, {stretch.rows} rows of {arrays}'


def loop_for(stretch: Stretch, own: Stretcher, others: Callable[[Layout], Stretcher] | None) -> Stretcher:
    """The compiled loop for a stretch's layout."""
    if stretch.layout is None:
        return own
    assert others is not None
    return others(stretch.layout)


def read_logs(logs: Logs) -> Logs:
    """Scalars as floats, anything else as it is: the one place that waits for the device."""
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in sorted(logs.items())}
