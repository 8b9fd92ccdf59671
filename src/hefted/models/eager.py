"""`run_eagerly=True`: the same steps in plain Python, one by one, so that a debugger can stop in them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from hefted.data.source import Layout
from hefted.train.program import Batch, Program, Stretcher


def training(program: Program, layout: Layout) -> Stretcher:
    """The training loop, uncompiled."""

    def run(_: None, state: Any, data: Any, order: Any, _steps: Any, fresh: Any, numbers: Any, key: Any) -> Any:
        first, rows, done = (int(n) for n in numbers)
        if fresh:
            state = program.begin_epoch(state)
        batch = _batch(layout, data, order, first, rows)
        state, logs = program.train_step(state, batch, key + np.array([0, done], np.uint32))
        return state, logs | program.results(state)

    return Stretcher(run, single=True, compiled=None)


def evaluation(program: Program, layout: Layout) -> Stretcher:
    """The evaluation loop, uncompiled."""
    step = program.eval_step
    assert step is not None

    def run(state: Any, metrics: Any, data: Any, order: Any, _steps: Any, fresh: Any, numbers: Any, _key: Any) -> Any:
        first, rows, _done = (int(n) for n in numbers)
        if fresh:
            metrics = program.begin_evaluation(metrics)
        metrics, logs = step(state, metrics, _batch(layout, data, order, first, rows))
        return metrics, logs | program.evaluation_results(metrics)

    return Stretcher(run, single=True, compiled=None)


def _batch(layout: Layout, data: Any, order: Any, first: int, rows: int) -> Batch:
    size = layout.batch_size
    if layout.stepped:
        x, y, weight = jax.tree.map(lambda a: a[first, : min(size, rows - first * size)], data)
    else:
        index = np.asarray(order)[first * size : min((first + 1) * size, rows)]
        x, y, weight = jax.tree.map(lambda a: a[index], data)
    return Batch(x, y, weight, None)
