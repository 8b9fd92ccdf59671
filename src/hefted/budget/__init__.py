"""Budgets: the most that a run, a process or a project may spend of any quantity."""

from __future__ import annotations

from hefted.budget.budget import Budget
from hefted.budget.limits import Limit, limits_of

__all__ = ['Budget', 'Limit', 'limits_of']
