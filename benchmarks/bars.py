"""What Hefted promises to hold, in one place."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from statistics_of import median_ratio


@dataclass(frozen=True)
class Bar:
    """A figure of Hefted's that must not exceed a limit, by itself or over a peer's.

    Attributes:
        workload: Where it is measured.
        figure: 'wall', 'cpu', 'memory', or what a program reports.
        over: The peer that it is divided by; None for the figure itself.
        limit: The most that it may be; None where it is only told.
        unit: What an absolute figure is in.
        scale: From the figure's own unit to that.
    """

    workload: str
    figure: str
    over: str | None
    limit: float | None
    unit: str = 'x'
    scale: float = 1


BARS = (
    Bar('reference_cold', 'wall', 'floor', 1.20),
    Bar('reference_warm', 'wall', 'floor', 1.15),
    Bar('reference_warm', 'wall', 'keras_jax', 0.60),
    Bar('reference_cold', 'memory', 'floor', 1.10),
    Bar('reference_warm', 'memory', 'floor', 1.10),
    Bar('second_fit', 'wall', 'floor', 1.3),
    Bar('second_fit', 'wall', 'keras_jax', 0.12),
    Bar('mlp', 'wall', 'floor', 1.05),
    Bar('mlp', 'wall', 'torch', 0.5),
    Bar('generator', 'wall', 'keras_jax', 0.7),
    Bar('generator', 'wall', 'torch', None),
    Bar('cnn', 'wall', 'floor', 0.8),
    Bar('cnn', 'wall', 'torch', 1.0),
    Bar('cnn', 'wall', 'torch_compiled', 1.0),
    Bar('cnn', 'wall', 'keras_tensorflow', 1.0),
    Bar('deep', 'wall', 'keras_jax', 0.5),
    Bar('many', 'wall', 'keras_jax', 0.3),
    Bar('adopted_second_fit', 'wall', 'keras_jax', 0.12),
    Bar('adopted_cnn', 'wall', 'keras_jax', 1.0),
    Bar('adopted_cnn', 'wall', 'keras_tensorflow', 1.0),
    Bar('adopted_cnn', 'wall', 'keras_torch', 1.0),
    Bar('transformer', 'wall', 'torch', 0.8),
    Bar('encoder', 'wall', 'torch', 0.8),
    Bar('embedding', 'wall', 'keras_jax', 1.0),
    Bar('embedding', 'wall', 'keras_tensorflow', 1.0),
    Bar('embedding', 'wall', 'torch', 1.0),
    Bar('lstm', 'wall', 'torch', 1.0),
    Bar('lstm', 'wall', 'torch_compiled', 1.0),
    Bar('lstm', 'wall', 'keras_jax', 1.0),
    Bar('lstm', 'wall', 'keras_tensorflow', 1.0),
    Bar('finetune_minilm', 'wall', 'torch', 0.9),
    Bar('finetune_minilm', 'wall', 'torch_compiled', None),
    Bar('meter', 'cost_share', None, 0.5, '%', 100),
    Bar('meter', 'start_and_stop', None, 5, 'ms', 1000),
    Bar('meter', 'wall', 'off', None),
    Bar('help', 'wall', None, 150, 'ms', 1000),
    Bar('help', 'jax_imported', None, 0, ''),
)


@dataclass(frozen=True)
class Verdict:
    """A bar, and how it came out: the value with its interval where there is one."""

    bar: Bar
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def told(self) -> str:
        """One word."""
        if self.bar.limit is None:
            return 'told'
        return 'held' if self.value <= self.bar.limit else 'MISSED'


def judge(runs: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> list[Verdict]:
    """Every bar that the runs can answer.

    Args:
        runs: By workload and peer, the figures of each round.
    """
    return [verdict for bar in BARS if (verdict := _verdict(bar, runs.get(bar.workload, {}))) is not None]


def _verdict(bar: Bar, peers: Mapping[str, list[dict[str, Any]]]) -> Verdict | None:
    ours = [run[bar.figure] for run in peers.get('hefted', ()) if bar.figure in run]
    if not ours:
        return None
    if bar.over is None:
        return Verdict(bar, statistics.median(ours) * bar.scale)
    theirs = [run[bar.figure] for run in peers.get(bar.over, ())]
    return Verdict(bar, *median_ratio(ours, theirs)) if len(theirs) == len(ours) else None
