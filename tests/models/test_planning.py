"""Whether a plan's memory is there, and what is said if not."""

from __future__ import annotations

from hefted.models.planning import Work, fits


def test_what_needs_more_memory_than_is_free_does_not_fit_and_says_so():
    room, notes = fits(Work(1.0, 1.0, 10**18, 10**18, 'float32'))
    assert room is False
    assert 'smaller batch_size' in notes[0]


def test_what_needs_little_fits():
    assert fits(Work(1.0, 1.0, 1000, 1000, 'float32')) == (True, ())


def test_where_nobody_counted_nobody_knows():
    assert fits(Work(None, None, None, None, 'float32')) == (None, ())
