"""What `fit` foresees once it is compiled, before its first step; and `Model.forecast`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hefted.data.source import Source
from hefted.train.binding import Binding
from hefted.train.program import Stretcher

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast


@dataclass(frozen=True)
class Prepared:
    """A training that is compiled and has not begun.

    Attributes:
        loop: Its compiled loop.
        source: Where its batches come from.
        binding: Its variables.
        epochs: How many it has.
        steps_per_epoch: Steps of one; None where nobody knows.
        judge_steps: Steps of one validation; 0 without any, None where nobody knows.
        validations: How many of them.
        kept: The model's own cache of what was found out about this program.
    """

    loop: Stretcher
    source: Source
    binding: Binding
    epochs: int
    steps_per_epoch: int | None
    judge_steps: int | None
    validations: int
    kept: dict[Any, Any]


def foresee(prepared: Prepared, run: Any) -> Forecast | None:  # noqa: ARG001
    """What the training will take from here on; None where nothing can be said."""
    return None
