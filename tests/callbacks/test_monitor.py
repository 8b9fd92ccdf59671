"""A callback that watches a metric refuses what it cannot compare with before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from hefted import callbacks
from hefted.errors import ArgumentError


@pytest.mark.parametrize(
    ('cls', 'arguments'),
    [
        (callbacks.EarlyStopping, {'patience': '3'}),
        (callbacks.EarlyStopping, {'start_from_epoch': None}),
        (callbacks.EarlyStopping, {'min_delta': '0.1'}),
        (callbacks.ReduceLROnPlateau, {'patience': [3]}),
        (callbacks.ReduceLROnPlateau, {'factor': '0.5'}),
    ],
    ids=str,
)
def test_what_is_to_be_a_number_is_one(cls: Any, arguments: dict[str, Any]) -> None:
    name, value = next(iter(arguments.items()))
    with pytest.raises(ArgumentError, match=f'Expected {name} to be a number, received .*{type(value).__name__}'):
        cls(**arguments)
