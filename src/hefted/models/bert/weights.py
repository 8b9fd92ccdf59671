"""How BERT's weights begin."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from hefted import initializers


class _Beginning(threading.local):
    drawn = True


_beginning = _Beginning()


@contextmanager
def undrawn() -> Generator[None]:
    """Within the block weights begin as zeros, which cost nothing: a file's values are about to take their place."""
    before, _beginning.drawn = _beginning.drawn, False
    try:
        yield
    finally:
        _beginning.drawn = before


def first_values() -> Any:
    """Normal draws of deviation 0.02, none beyond two of it (Devlin et al. 2019)."""
    return initializers.TruncatedNormal(stddev=0.02) if _beginning.drawn else 'zeros'
