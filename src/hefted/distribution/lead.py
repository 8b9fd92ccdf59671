"""One decides for all: what follows from a clock, a budget or a person is settled by rank 0, and the others follow.

Processes that train together dispatch the same chunks in the same order, or wait for one another for ever. What chunk
comes next depends on how long the last one took, on what a budget has left and on Ctrl-C, which differ from process
to process. So at each such question rank 0 answers, and all others take its answer:

    steps = lead.decide(steps)

The questions are numbered as they are asked: every process asks the same ones in the same order. Every training imports
this file, so it imports the rest of the room only where there are others.
"""

from __future__ import annotations

import itertools
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from hefted.distribution.watch import Watch

Answer = TypeVar('Answer', bool, int, str, float)

_FOLDER = 'hefted/lead/'
_KEPT = 1024  # answers behind the last one: nobody is further behind, as each chunk is waited for
_SECONDS = 1.0  # of waiting, after which it is seen whether rank 0 still lives

_questions = itertools.count()


def watch() -> Watch | None:
    """Who watches over the processes that train together; None where this one is alone."""
    together = sys.modules.get('hefted.distribution.together')
    return None if together is None else together.watch()


def first() -> bool:
    """Whether this process decides."""
    watched = watch()
    return watched is None or watched.world.rank == 0


def training() -> AbstractContextManager[None]:
    """While it lasts, all processes run one program, step by step (`together.training`)."""
    if watch() is None:
        return nullcontext()
    from hefted.distribution import together

    return together.training()


def meet(call: str) -> None:
    """See that all processes make the same call now (`hosts.meet`), all or none with parts of batches; alone, nothing.

    Example:
        >>> meet('fit')
    """
    if watch() is not None:
        from hefted.distribution import hosts
        from hefted.distribution.parallel import distribution

        how = distribution()
        parts = how is not None and not how.auto_shard_dataset
        hosts.meet(f'{call} with auto_shard_dataset=False' if parts else call)


def decide(answer: Answer, what: str = '') -> Answer:
    """The answer of rank 0, whatever this process would have said; alone, its own.

    Args:
        answer: This process's.
        what: What is asked.

    Raises:
        HostsDifferError: Rank 0 was asked something else: they do not do the same.
        HostLostError: Somebody is lost.

    Example:
        >>> decide(4)
        4
    """
    watched = watch()
    if watched is None:
        return answer
    number = next(_questions)
    key = f'{_FOLDER}{number}'
    watched.check()
    if watched.world.rank == 0:
        watched.store.put(key, json.dumps([what, answer]))
        if number >= _KEPT:
            watched.store.drop(f'{_FOLDER}{number - _KEPT}')
        return answer
    while (found := watched.store.get(key, _SECONDS)) is None:
        watched.check()
    asked, told = json.loads(found)
    if asked != what:
        from hefted.errors import HostsDifferError

        raise HostsDifferError(
            f'The processes do not do the same: rank {watched.world.rank} asks {what!r} where rank 0 asks {asked!r}. '
            'Give all of them the same model, arguments and callbacks, and as many batches, each of as many rows.'
        )
    return told
