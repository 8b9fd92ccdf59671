"""One decides for all: what follows from a clock, a budget or a person is settled by rank 0, and the others follow.

Processes that train together dispatch the same chunks in the same order, or wait for one another for ever. What chunk
comes next depends on how long the last one took, on what a budget has left and on Ctrl-C, which differ from process
to process. So at each such question rank 0 answers, and all others take its answer:

    steps = lead.decide(steps)

The questions are numbered as they are asked: every process asks the same ones in the same order.
"""

from __future__ import annotations

import itertools
import json
from typing import TypeVar

from hefted.distribution import together

Answer = TypeVar('Answer', bool, int, str, float)

_FOLDER = 'hefted/lead/'
_KEPT = 1024  # answers behind the last one: nobody is further behind, as each chunk is waited for
_SECONDS = 1.0  # of waiting, after which it is seen whether rank 0 still lives

_questions = itertools.count()


def first() -> bool:
    """Whether this process decides."""
    watch = together.watch()
    return watch is None or watch.world.rank == 0


def decide(answer: Answer) -> Answer:
    """The answer of rank 0, whatever this process would have said; alone, its own.

    Args:
        answer: This process's.

    Raises:
        HostLostError: Somebody is lost.

    Example:
        >>> decide(4)
        4
    """
    watch = together.watch()
    if watch is None:
        return answer
    number = next(_questions)
    key = f'{_FOLDER}{number}'
    watch.check()
    if watch.world.rank == 0:
        watch.store.put(key, json.dumps(answer))
        if number >= _KEPT:
            watch.store.drop(f'{_FOLDER}{number - _KEPT}')
        return answer
    while (found := watch.store.get(key, _SECONDS)) is None:
        watch.check()
    return json.loads(found)
