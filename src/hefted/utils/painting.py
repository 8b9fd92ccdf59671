"""The library that paints terminals, imported so that the program does not notice."""

from __future__ import annotations

import random
import sys


def import_rich() -> None:
    """Import rich, which draws from Python's `random`; put back what it drew.

    Seeds of layers come from there too: a program would get other weights after its first summary or receipt.
    """
    if 'rich.style' in sys.modules:
        return
    state = random.getstate()
    import rich.style  # pyright: ignore[reportUnusedImport]  # noqa: F401

    random.setstate(state)
