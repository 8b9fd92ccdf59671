"""The journal of one run, and the ledger of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hefted.ledger.index import SHORT, Ledger, RunSummary, open

__all__ = ['SHORT', 'Ledger', 'RunSummary', 'open']


def __getattr__(name: str) -> Any:
    # Late: a training writes its journal and reads none.
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from hefted.ledger import index

    return getattr(index, name)
