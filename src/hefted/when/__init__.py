"""When a training runs: what the user wishes, what the grid will be, and which hours that makes best."""

from __future__ import annotations

from hefted.when.wish import When

__all__ = ['When']
