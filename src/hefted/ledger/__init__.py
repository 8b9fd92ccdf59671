"""The journal of one run, the ledger of all, and how good their forecasts were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hefted.ledger.index import SHORT, Ledger, RunSummary, open
    from hefted.ledger.scores import Score, Scores

__all__ = ['SHORT', 'Ledger', 'RunSummary', 'Score', 'Scores', 'open']


def __getattr__(name: str) -> Any:
    # Late: a training writes its journal and reads none.
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from hefted.ledger import index, scores

    return getattr(scores if name in ('Score', 'Scores') else index, name)
