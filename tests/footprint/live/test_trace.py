"""A trace of the grid, from a file of one's own: checked line by line, and what runs are priced by."""

from __future__ import annotations

import math
import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from hefted import ledger, runs
from hefted.errors import ArgumentError
from hefted.footprint import live
from hefted.footprint.live.trace import Follow, Trace, read
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.ledger.journal import settle

NOW = 1_772_323_200.0  # 2026-03-01T00:00Z
HERE = Place.of('FR')


def iso(seconds, zone=UTC):
    return datetime.fromtimestamp(seconds, zone).isoformat()


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / 'grid.csv'

    def write(*rows, columns='time,intensity'):
        path.write_text('\n'.join([columns, *rows]) + '\n', 'utf-8')
        return path

    return write


def test_each_row_holds_until_the_next_and_the_last_as_long_as_the_one_before(trace):
    slots = read(trace('2026-03-01T00:00Z,240', '2026-03-01T00:30Z,96', '', '2026-03-01T02:00:00+01:00,300'))
    assert [(slot.start - NOW, slot.end - NOW) for slot in slots] == [(0, 1800), (1800, 3600), (3600, 5400)]
    assert [slot.intensity.value for slot in slots] == [240, 96, 300]
    assert slots[0].intensity.high / 240 == pytest.approx(math.exp(math.hypot(math.log(1.16), math.log(1.10))))
    assert slots[0].intensity.sources[0].key == 'grid:trace'


def test_its_own_interval_is_taken_where_it_has_one_and_its_error_is_one_in_all_hours(trace):
    path = trace('2026-03-01T00:00Z,240,200,300', '2026-03-01T01:00Z,96,80,120', columns='time,intensity,low,high')
    one, two = (slot.intensity for slot in read(path))
    assert (one.low, one.high, two.low, two.high) == pytest.approx((200, 300, 80, 120))
    assert (one - two).high == pytest.approx(300 - 120)


@pytest.mark.parametrize(
    ('rows', 'words'),
    [
        (['2026-03-01T00:00,240'], ['line 2', 'time', 'zone', '2026-03-01T00:00']),
        (['yesterday,240'], ['line 2', 'time', 'ISO 8601']),
        (['2026-03-01T00:00Z,0'], ['line 2', 'intensity', 'above 0']),
        (['2026-03-01T00:00Z,-1'], ['line 2', 'intensity']),
        (['2026-03-01T00:00Z,nan'], ['line 2', 'intensity']),
        (['2026-03-01T00:00Z,5000'], ['line 2', 'at most 3000']),
        (['2026-03-01T00:00Z,'], ['line 2', 'intensity']),
        (['2026-03-01T00:00Z,240', '2026-03-01T00:00Z,241'], ['line 3', 'after that of the row before']),
        (['2026-03-01T00:00Z,240,1'], ['line 2', '2 of them']),
        ([], ['line 2', 'rows', '2026-03-01T00:00Z,240']),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_what_was_expected(trace, rows, words):
    with pytest.raises(ArgumentError) as caught:
        read(trace(*rows))
    assert all(word in str(caught.value) for word in ['grid.csv of HEFTED_GRID_TRACE', *words]), caught.value


def test_a_wrong_header_interval_or_file_is_told(trace, tmp_path):
    with pytest.raises(ArgumentError, match=r'line 1: columns: expected time,intensity or time,intensity,low,high'):
        read(trace(columns='hour,grams'))
    with pytest.raises(ArgumentError, match='low and high: expected ends around 240'):
        read(trace('2026-03-01T00:00Z,240,250,300', columns='time,intensity,low,high'))
    with pytest.raises(ArgumentError, match='HEFTED_GRID_TRACE: expected a file'):
        read(tmp_path / 'none.csv')


def test_it_tells_now_and_what_is_ahead_and_what_it_does_not_hold(trace):
    clock = [NOW + 1900]
    told = Trace(trace('2026-03-01T00:00Z,240', '2026-03-01T00:30Z,96', '2026-03-01T01:00Z,300'), lambda: clock[0])
    assert told.now(HERE).value == 96
    assert [slot.intensity.value for slot in told.ahead(HERE, 0.1)] == [96]
    assert [slot.intensity.value for slot in told.ahead(HERE, 24)] == [96, 300]
    clock[0] = NOW + 5400
    for asked in (lambda: told.now(HERE), lambda: told.ahead(HERE, 24)):
        with pytest.raises(Unanswered, match='HEFTED_GRID_TRACE'):
            asked()


def test_a_file_that_changes_is_read_again_and_one_that_is_spoilt_stays_as_it_was(trace):
    told = Trace(trace('2026-03-01T00:00Z,240'), lambda: NOW)
    path = trace('2026-03-01T00:00Z,150')
    os.utime(path, ns=(1, 1))
    assert (told.now(HERE).value, told.version) == (150, 1)
    path.write_text('time,inten')
    assert told.now(HERE).value == 150
    path.unlink()
    assert told.now(HERE).value == 150


def test_a_run_follows_it_to_the_second_and_says_where_it_ends(trace):
    clock = [NOW]
    told = Trace(trace('2026-03-01T00:00Z,240', '2026-03-01T00:30Z,96'), lambda: clock[0])
    follow = Follow(told, lambda: clock[0])
    assert (follow.intensity.value, follow.version, follow.gaps(0.0)) == (240, 1, ())
    clock[0] = NOW + 1799
    follow.look()
    assert follow.version == 1
    clock[0] = NOW + 1800
    follow.look()
    assert (follow.intensity.value, follow.version) == (96, 2)
    clock[0] = NOW + 3600
    follow.look()
    assert (follow.intensity, follow.version) == (None, 3)
    (gap,) = follow.gaps(0.0)
    assert 'does not hold these hours' in gap.reason
    assert gap.end is None
    clock[0] = NOW
    follow.look()
    assert follow.intensity.value == 240
    assert follow.gaps(0.0)[0].end is not None


def test_a_run_is_priced_by_it_hour_by_hour_and_its_journal_says_the_same(trace, monkeypatch):
    monkeypatch.setenv('HEFTED_METER', 'on')
    for _ in range(3):  # a busy machine may stand still for all of one hour
        now = time.time()
        path = trace(f'{iso(now - 60)},100', f'{iso(now + 1.5, timezone(timedelta(hours=1)))},300')
        monkeypatch.setenv('HEFTED_GRID_TRACE', str(path))
        with runs.meter('work', place='DE') as run:
            while time.time() < now + 3.5:
                sum(range(20_000))
        told = run.footprint
        grams = told.operational.value / ((told.energy.value + told.facility.value) / 3.6e6)
        if 101 < grams < 299:
            break
    assert 101 < grams < 299
    assert 'grid:trace' in {source.key for source in told.operational.sources}
    assert not [gap for gap in told.gaps if gap.sensor == 'grid']
    settle(30)
    again = ledger.open().get(run.id).footprint
    assert again.operational.value == pytest.approx(told.operational.value, rel=1e-6)


def test_without_a_service_or_a_trace_nobody_can_wait(monkeypatch, trace):
    with pytest.raises(ArgumentError, match=r'Set HEFTED_GRID to .* or HEFTED_GRID_TRACE'):
        live.forecaster()
    monkeypatch.setenv('HEFTED_GRID_TRACE', 'grid.csv')
    with pytest.raises(ArgumentError, match='HEFTED_GRID_TRACE: expected an absolute path'):
        live.forecaster()
    monkeypatch.setenv('HEFTED_GRID_TRACE', str(trace('2026-03-01T00:00Z,240')))
    monkeypatch.setenv('HEFTED_GRID', 'uk')
    assert isinstance(live.forecaster(), Trace)  # it stands before a service
    monkeypatch.delenv('HEFTED_GRID_TRACE')
    assert live.forecaster().name == 'The Carbon Intensity API'


def test_the_doctor_says_that_a_trace_is_followed(monkeypatch, trace):
    from hefted.footprint.factors import Factors
    from hefted.report import checkup

    monkeypatch.setenv('HEFTED_GRID_TRACE', str(trace('2026-03-01T00:00Z,240')))
    told = [finding.text for finding in checkup._place(Factors()) if finding.label == 'Grid']
    assert told[0] == 'by hour, from your own trace grid.csv (HEFTED_GRID_TRACE)'
