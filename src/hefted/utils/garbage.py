"""No garbage collection while much is made that stays.

Imports and traces make some 300,000 objects that live on. Python's collector walks them again and again to find next to
nothing: 80 of the 700 ms of the reference program's start.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


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
