"""No garbage collection while much is made that stays.

Imports and traces make some 300,000 objects that live on. Python's collector walks them again and again to find next to
nothing: 80 of the 700 ms of the reference program's start.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

_COLLECTED_BYTES = 256 << 20
_since = 0  # bytes of models since the last collection


@contextmanager
def uncollected(stays: bool = False) -> Generator[None, None, None]:
    """Nothing is collected inside.

    Args:
        stays: Whether all that is made lives as long as the process, as modules do: it counts as old afterwards, so
            that it is not walked at once.
    """
    if not gc.isenabled():  # by the user, or by a caller of ours
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if stays and not gc.get_freeze_count():  # what a user froze stays frozen
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def count_model(nbytes: int) -> None:
    """Collect discarded models where they may hold much memory.

    A model is part of cycles, so its arrays go when Python's collector finds it; and that counts objects, not bytes: in
    a loop of 25 models of 50 MB, nine that were discarded were kept.

    Args:
        nbytes: Of a model that is about to be trained for the first time.
    """
    global _since
    if _since + nbytes > _COLLECTED_BYTES and _since and gc.isenabled():
        gc.collect()
        _since = 0
    _since += nbytes
