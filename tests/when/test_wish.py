"""What `when` may say, and what it is told where it cannot be read."""

from __future__ import annotations

import time

import pytest

import hefted
from hefted.errors import ArgumentError
from hefted.when import When


@pytest.mark.parametrize(
    ('wish', 'below', 'seconds'),
    [
        ('cleanest', None, 86400),
        ('Cleanest  within 8 h', None, 28800),
        ('cleanest within 90min', None, 5400),
        ('cleanest within 90m', None, 5400),
        ('cleanest within 1h30', None, 5400),
        ('cleanest within 1 h 30 min', None, 5400),
        ('grid < 200 g', 200, 86400),
        ('grid<200 g CO2e/kWh within 12 hours', 200, 43200),
        ('grid below 0.15 kg within 2 days', 150, 172800),
        ('grid under 99.5 g/kWh within 1 d', 99.5, 86400),
    ],
)
def test_wishes_are_read(wish, below, seconds):
    when = When(wish)
    assert (when.below, when.seconds, when.minute) == (below, seconds, None)
    assert When.of(str(when)) == When.of(when) == when
    assert when.deadline(1e9) == 1e9 + seconds


def test_a_time_of_day_is_the_next_one():
    when = hefted.When('grid < 200 g', by='06:00')
    assert when == When('grid < 200 g by 06:00')
    noon = time.mktime((2026, 3, 1, 12, 0, 0, 0, 0, -1))
    assert time.localtime(when.deadline(noon))[:5] == (2026, 3, 2, 6, 0)
    assert time.localtime(When('cleanest by 12:01').deadline(noon))[:5] == (2026, 3, 1, 12, 1)
    assert str(when) == 'grid < 200 g by 06:00'


def test_no_wish_is_none():
    assert When.of(None) is None


@pytest.mark.parametrize(
    ('wish', 'words'),
    [
        ('cleanset', ["Did you mean 'cleanest'", "'grid < 200 g'"]),
        ('sometimes', ["received 'sometimes'", "Write 'cleanest'"]),
        ('grid < 200', ['has no unit', "Write 'grid < 200 g'"]),
        ('grid > 200 g', ['expected hours to wait for']),
        ('grid < 0 g', ['above 0']),
        ('grid < -5 g', ['above 0']),
        ('cleanest within 8', ["'8 h'", "received '8'"]),
        ('cleanest within 0 h', ['above 0', 'Leave `when` out']),
        ('cleanest within -3 h', ['above 0']),
        ('cleanest within 3 hourz', ["Did you mean 'hour'"]),
        ('cleanest within a day', ['a stretch of time']),
        ('cleanest by 25:00', ["'06:00'", "received '25:00'"]),
        ('cleanest within 3 h by 06:00', ['one deadline']),
        (200, ['received 200']),
        (True, ['received True']),
    ],
)
def test_what_cannot_be_read_is_told_with_its_remedy(wish, words):
    with pytest.raises(ArgumentError) as caught:
        When.of(wish)
    assert all(word in str(caught.value) for word in words), caught.value


def test_two_deadlines_are_one_too_many():
    with pytest.raises(ArgumentError, match='one deadline'):
        When('cleanest within 3 h', within='4 h')
    with pytest.raises(ArgumentError, match='a stretch of time'):
        When('cleanest', within=8)  # pyright: ignore[reportArgumentType]
