"""Medians, and how sure a ratio of medians is."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

_RESAMPLES = 4000


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The ratio of two medians with its 95 % interval, by a paired bootstrap.

    Runs of one round stood side by side in time, so rounds are drawn whole, with replacement: what slowed both
    of a round cancels (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13).

    Returns:
        The ratio, its low and its high.
    """
    pairs = list(zip(ours, theirs, strict=True))
    draw = random.Random(0)
    ratios = sorted(_ratio(draw.choices(pairs, k=len(pairs))) for _ in range(_RESAMPLES))
    return _ratio(pairs), ratios[int(0.025 * _RESAMPLES)], ratios[int(0.975 * _RESAMPLES) - 1]


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
