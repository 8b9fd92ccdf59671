"""Batches of several shapes, as of texts in rows of several lengths: each has its loop, and its part of a pass.

A training is foreseen by all of them: what a step does is their mean, and so is what it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from hefted.data.source import Layout, Source, Stretch
from hefted.data.stream import StreamSource
from hefted.data.trial import block_of
from hefted.models.planning import Work, work_of

if TYPE_CHECKING:
    from hefted.train.program import Stretcher


class Kind(NamedTuple):
    """Batches of one shape.

    Attributes:
        loop: The compiled loop over them.
        layout: Theirs.
        trial: Makes rows of them to try steps on.
        part: Of all batches of a pass, how many are such; a short one counts as a whole one.
    """

    loop: Stretcher
    layout: Layout
    trial: Callable[[], Stretch]
    part: float = 1.0


def kinds_of(source: Source, loop: Stretcher, others: Callable[[Layout], Stretcher]) -> list[Kind]:
    """The kinds of batches of a source, that of its first batch first.

    Args:
        source: Where they come from.
        loop: The compiled one of the source's own layout.
        others: Compiles that of another.
    """
    own = source.layout
    told = source.kinds() if isinstance(source, StreamSource) and loop.step is not None else []
    if len(told) < 2:
        return [Kind(loop, own, source.trial)]
    kinds = [
        Kind(loop if layout is own else others(layout), layout, lambda r=rows, at=layout: block_of(r, at), part)
        for rows, layout, part in told
    ]
    return sorted(kinds, key=lambda kind: kind.layout is not own)


def work_of_all(kinds: list[Kind]) -> Work:
    """What a step does on average, and the most memory that one needs."""
    works = [work_of(kind.loop, kind.layout) for kind in kinds]
    if len(works) == 1:
        return works[0]

    def mean(of: Callable[[Work], float | None]) -> float | None:
        found = [(kind.part, told) for kind, work in zip(kinds, works, strict=True) if (told := of(work)) is not None]
        return sum(part * told for part, told in found) if len(found) == len(works) else None

    def most(of: Callable[[Work], int | None]) -> int | None:
        found = [told for work in works if (told := of(work)) is not None]
        return max(found) if len(found) == len(works) else None

    return works[0]._replace(
        flops=mean(lambda work: work.flops),
        nbytes=mean(lambda work: work.nbytes),
        peak_bytes=most(lambda work: work.peak_bytes),
        more_bytes=most(lambda work: work.more_bytes),
        products=mean(lambda work: work.products),
        recomputes=any(work.recomputes for work in works),
        between=mean(lambda work: work.between),
    )
