"""Scores: what was foreseen beside what a run took, from journals that real runs kept."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hefted import ledger
from hefted.errors import LedgerError
from hefted.ledger import record, scored
from hefted.ledger.record import RECORD, factor_of, record_source
from hefted.ledger.scores import Outcome, Score, summary
from hefted.quantities import Error, Quantity

from .forecasted import fit, forecast


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    yield tmp_path / 'runs'


def only() -> Score:
    (score,) = ledger.open().scores().scored
    return score


def test_what_was_foreseen_stands_beside_what_training_validation_and_checkpoints_took():
    run = fit(forecast(9.0, 'known'), train=7.0, validate=2.0, checkpoint=1.0, name='small')
    score = only()
    assert (score.run, score.name, score.kind, score.how) == (run.id, 'small', 'fit', 'known')
    assert score.duration == pytest.approx((9.0, 7.2, 11.7, 10.0, 's'))
    assert score.duration is not None
    assert score.duration.inside
    assert score.duration.ratio == pytest.approx(10 / 9)
    assert score.energy == pytest.approx((90.0, 72.0, 117.0, 100.0, 'J'))


def test_an_interval_that_did_not_hold_is_told():
    fit(forecast(5.0), train=8.0)
    duration = only().duration
    assert duration is not None
    assert not duration.inside
    assert duration.error == pytest.approx(1.0)


def test_too_much_and_too_little_by_the_same_factor_are_the_same_error():
    assert Outcome(1, 1, 1, 2, 's').error == Outcome(2, 1, 3, 1, 's').error == 1.0


def test_compiling_counts_where_it_was_foreseen_and_nowhere_else():
    fit(forecast(13.0, phases=('compile', 'train')), train=8.0)
    duration = only().duration
    assert duration is not None
    assert duration.actual == pytest.approx(13.0)


@pytest.mark.parametrize('status', ['stopped', 'failed', 'interrupted'])
def test_a_run_that_did_not_finish_is_set_apart(status):
    run = fit(forecast(10.0), status=status)
    scores = ledger.open().scores()
    assert not scores.scored
    assert [(score.run, score.status, score.duration) for score in scores.apart] == [(run.id, status, None)]


def test_an_attempt_that_went_on_is_held_against_the_forecast_of_its_rest():
    first = fit(forecast(10.0), status='stopped')
    again = fit(forecast(5.0), train=3.0, resumes=first.id)
    scores = ledger.open().scores()
    assert [(score.run, score.duration.actual) for score in scores.scored] == [(again.id, pytest.approx(5.0))]
    assert [(score.run, score.status) for score in scores.apart] == [(first.id, 'stopped')]


def test_a_run_that_goes_on_is_set_apart_and_scored_once_it_has_ended():
    run = fit(forecast(10.0), status=None)
    book = ledger.open()
    assert [score.status for score in book.scores().apart] == ['running']
    run.finish()
    assert [score.run for score in book.scores().scored] == [run.id]


def test_runs_without_a_forecast_have_no_score():
    fit(None)
    assert ledger.open().scores() == ((), ())
    assert scored._read(Path(ledger.open().folder) / record.FILE)  # and that is remembered


def test_energy_counts_as_measured_only_where_a_counter_read_most_of_it():
    fit(forecast(10.0))
    assert only().measured
    assert ledger.open().scores().energy_by_how()['pilot'].runs == 1


def test_modelled_energy_is_told_but_not_summed_up():
    fit(forecast(10.0), basis='modelled')
    assert only().energy is not None
    assert not only().measured
    assert ledger.open().scores().energy_by_how() == {}


def test_what_was_foreseen_on_the_way_is_scored_beside_it():
    fit(forecast(5.0), later={'share': 0.05, 'step': 1, 'seconds': 9.5, 'low': 9.0, 'high': 10.5})
    fit(forecast(5.0), later={'share': 0.05})
    fit(forecast(5.0))
    scores = ledger.open().scores()
    assert scores.later_by_how()['pilot'].runs == 1
    assert scores.later_by_how()['pilot'].inside == 1.0
    assert (scores.by_how()['pilot'].runs, scores.by_how()['pilot'].inside) == (3, 0.0)
    (later,) = [score.later for score in scores.scored if score.later]
    assert later == pytest.approx((9.5, 9.0, 10.5, 10.0, 's'))
    assert ledger.open().scores() == scores  # and is kept


def test_the_newest_come_first_and_are_summed_up_by_what_they_rested_on():
    ids = [fit(forecast(seconds, how)).id for seconds, how in ((10.0, 'known'), (5.0, 'pilot'), (8.0, 'pilot'))]
    scores = ledger.open().scores()
    assert [score.run for score in scores.scored] == ids[::-1]
    by_how = scores.by_how()
    assert list(by_how) == ['pilot', 'known']
    assert by_how['pilot'].runs == 2
    assert by_how['pilot'].median_error == pytest.approx((1.0 + 0.25) / 2)
    assert by_how['pilot'].worst_error == pytest.approx(1.0)
    assert by_how['pilot'].inside == 0.5
    assert by_how['pilot'].width == pytest.approx(1.3 / 0.8)
    assert by_how['known'].median_error == pytest.approx(0.0)


def test_an_interval_down_to_nothing_has_no_width():
    assert summary([Outcome(1, 0, 2, 1, 's')]).width == float('inf')


def test_what_set_a_forecast_right_is_taken_back_when_the_next_is_learnt(data: Path):
    source = record_source(25, 1.25)
    duration = Quantity(12.5, 's', 'modelled', (Error(source.key, -1.0, 1.0),), (source,))
    right = forecast(10.0)
    fit(replace(right, footprint=replace(right.footprint, duration=duration)))
    assert only().factor == factor_of(duration.sources) == 1.25
    assert only().bare_ratio == pytest.approx(10.0 / 10.0)
    assert scored.record([only()]) == {f'{only().machine} | pilot | under a minute': [0.0]}


def test_a_journal_is_read_once(data: Path):
    fit(forecast(10.0))
    first = ledger.open().scores()
    read: list[str] = []
    again = scored.scores_of(data, lambda run, path: read.append(run))
    assert again == first
    assert read == []


@pytest.mark.parametrize('junk', [b'', b'junk\n', b'{"schema":1,"record":7}\n{"run":1}\n', b'{"schema":99}\n', b'[]\n'])
def test_a_damaged_index_is_made_again(data: Path, junk: bytes):
    fit(forecast(10.0))
    first = ledger.open().scores()
    whole = (data / record.FILE).read_bytes()
    (data / record.FILE).write_bytes(junk)
    assert record.ratios(data / record.FILE, 'any') == []
    assert ledger.open().scores() == first
    assert (data / record.FILE).read_bytes() == whole


def test_a_damaged_forecast_has_no_score_and_stops_nobody(data: Path):
    odd = forecast(10.0).to_json()
    odd['footprint']['duration']['errors'][0]['up'] = 'Infinity'
    none = forecast(10.0).to_json()
    none['footprint']['duration']['sources'] = [{'key': RECORD, 'title': 'actual over foreseen 0'}]
    for told in (odd, none, {'how': 'pilot'}, {'footprint': {'duration': 7}}, 'much', {'footprint': None}):
        run = fit(None, status=None)
        run.tell(forecast=told)
        run.finish()
    fit(forecast(10.0))
    assert len(ledger.open().scores().scored) == 1


def test_a_journal_that_is_gone_is_forgotten(data: Path):
    run = fit(forecast(10.0))
    book = ledger.open()
    assert len(book.scores().scored) == 1
    (data / f'{run.id}.jsonl').unlink()
    assert book.scores().scored == ()
    assert scored._read(data / record.FILE) == {}


def test_an_index_that_cannot_be_written_is_done_without(data: Path):
    fit(forecast(10.0))
    (data / record.FILE).mkdir(parents=True)
    assert len(ledger.open().scores().scored) == 1
    assert [path.name for path in data.glob('scores*')] == [record.FILE]


def test_no_folder_has_no_scores_and_a_file_is_none(tmp_path: Path):
    assert ledger.open(tmp_path / 'none').scores() == ((), ())
    (tmp_path / 'file').write_text('')
    assert ledger.open(tmp_path / 'file').scores() == ((), ())


def test_who_has_no_patience_reads_the_newest_first_and_the_rest_another_time(data: Path):
    for _ in range(3):
        fit(forecast(10.0))
    ledger.open()._everything()
    assert ledger.open().scores(patience=-1.0).scored == ()
    assert len(ledger.open().scores().scored) == 3


def test_the_record_is_of_the_newest_by_machine_kind_and_length_the_oldest_first(data: Path):
    for train in (8.0, 18.0):
        fit(forecast(10.0), train=train)
    fit(forecast(0.1), train=0.1, validate=0.0, checkpoint=0.0)
    score = ledger.open().scores().scored[0]
    path = data / record.FILE
    of_seconds = record.ratios(path, record.key_of(score.machine, 'pilot', 'under a minute'))
    assert of_seconds == pytest.approx([0.0, 0.6931], abs=1e-4)
    assert record.ratios(path, record.key_of(score.machine, 'pilot', 'under a second')) == pytest.approx(
        [0.0], abs=1e-3
    )
    assert record.ratios(path, record.key_of(score.machine, 'roofline', 'under a second')) == []


def test_no_more_is_kept_of_a_kind_than_tells_of_the_machine_as_it_is_now():
    score = Score('r', 'fit', 'm', 'finished', 'pilot', 'x', Outcome(10, 8, 12, 10, 's'))
    newest = score._replace(duration=Outcome(10, 8, 12, 20, 's'))
    (kept,) = scored.record([newest] + [score] * 500).values()
    assert len(kept) == record.KEPT
    assert kept[-1] == pytest.approx(0.6931472)
    assert kept[0] == 0.0


def test_seven_thousand_journals_are_scored_in_seconds_and_again_at_once(data: Path):
    run = fit(forecast(10.0))
    ledger.open()._everything()
    text = (data / f'{run.id}.jsonl').read_text()
    count = 700  # a tenth of them, in a tenth of the time
    for number in range(count):
        (data / f'{run.id[:-8]}{number:08x}.jsonl').write_text(text)
    begun = time.process_time()
    assert len(ledger.open().scores().scored) >= count
    assert time.process_time() - begun < 2.0
    begun = time.process_time()
    assert len(ledger.open().scores().scored) >= count
    assert time.process_time() - begun < 0.2


def test_the_index_holds_no_path_and_is_its_owners_alone(data: Path):
    fit(forecast(10.0))
    ledger.open().scores()
    text = (data / record.FILE).read_text()
    assert str(data) not in text
    if os.name == 'posix':
        assert stat.S_IMODE((data / record.FILE).stat().st_mode) == 0o600
    assert json.loads(text.splitlines()[0])['schema'] == 1


def test_what_cannot_be_read_is_an_error_of_the_ledgers(tmp_path: Path):
    with pytest.raises(LedgerError, match='cannot be read'):
        ledger.open(tmp_path / ('x' * 5000)).scores()
