"""The journal of one run, and the ledger of all."""

from hefted.ledger.index import Ledger, RunSummary, open

__all__ = ['Ledger', 'RunSummary', 'open']
