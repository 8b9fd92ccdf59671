"""The evaluation loop: one pass over a set of rows, read one chunk behind."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import jax
import numpy as np

from hefted.data.source import Layout, Source
from hefted.train import interrupts
from hefted.train.pace import Pace
from hefted.train.program import Logs, State, Stretcher
from hefted.train.stretches import at_once, loop_for, read_logs


def evaluate(
    compiled: Stretcher,
    state: State,
    metrics: Any,
    source: Source,
    steps: int | None = None,
    each: Callable[[int, Logs], None] | None = None,
    others: Callable[[Layout], Stretcher] | None = None,
) -> tuple[Logs, Any]:
    """Run the evaluation loop over one pass.

    Args:
        compiled: From `compile_evaluation`.
        state: Not given away.
        metrics: From `program.init_metrics`.
        source: Unshuffled.
        steps: How many batches; all if None.
        each: Called after each batch, where somebody hooks on batches.
        others: The compiled loop for another layout, where the source has several.

    Returns:
        Floats by metric, none where the source is at its end; and the metrics as they are then.
    """
    key = np.zeros(2, np.uint32)
    end, pace = 0, Pace()
    behind: tuple[Logs, int] = {}, 0  # of the chunk before, and its steps
    clock = perf_counter()
    with interrupts.deferred():
        for stretch in at_once(source.epoch(0, steps)):
            interrupts.safe_point()
            if stretch is None:
                continue
            loop, first = loop_for(stretch, compiled, others), 0
            while first < stretch.steps:
                size = min(1 if each is not None or loop.single else pace.steps, stretch.steps - first)
                numbers = np.array([stretch.first + first, stretch.rows, end], np.int32)
                metrics, logs = loop.run(
                    state, metrics, stretch.data, stretch.order, np.int32(size), np.bool_(end == 0), numbers, key
                )
                first, end = first + size, end + size
                if each is not None:
                    told = read_logs(logs)
                    with interrupts.at_once():
                        each(end - 1, told)
                elif behind[1]:  # one chunk ahead, and no more: data takes memory
                    jax.block_until_ready(behind[0])
                    if jax.process_count() == 1:  # of several, all dispatch alike
                        pace.learn(behind[1], perf_counter() - clock)
                behind, clock = (logs, size), perf_counter()
                interrupts.safe_point()
        return read_logs(behind[0]), metrics
