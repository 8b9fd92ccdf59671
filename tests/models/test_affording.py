"""A budget that is spent before anything is trained: the error says by whom."""

from __future__ import annotations

import pytest

from hefted.budget import Limit
from hefted.errors import BudgetError
from hefted.models.affording import require_left
from hefted.quantities import Quantity


@pytest.mark.parametrize(
    ('before', 'elsewhere', 'told'),
    [
        (10.0, 0.0, 'the run’s beginning alone took 10 of 10 s'),
        (0.5, 12.0, 'what ran before took 12 of 10 s'),
        (1.0, 9.5, 'what ran before and the run’s beginning took 10.5 of 10 s, the latter 1 s'),
    ],
)
def test_who_has_spent_it_is_said(before: float, elsewhere: float, told: str):
    limit = Limit('duration', Quantity(10, 's'), 'budget of the project whales', lambda: elsewhere)
    with pytest.raises(BudgetError, match=told):
        require_left([limit], {'duration': before}, None)


def test_what_is_left_is_enough_to_go_on():
    limit = Limit('duration', Quantity(10, 's'), 'budget', lambda: 9.0)
    require_left([limit], {'duration': 0.5}, None)
