"""The ledger: whatever lies in the folder, the runs in it are listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hefted import ledger
from hefted.errors import LedgerError
from hefted.footprint.place import Place
from hefted.ledger import journal
from hefted.ledger.index import RunSummary
from hefted.quantities import Quantity


def run_id(number: int) -> str:
    milliseconds = 1_795_473_000_000 + number * 1000
    text = f'{milliseconds:012x}'
    return f'{text[:8]}-{text[8:]}-7000-8000-{number:012x}'


def counters(second: int, joules: float) -> dict[str, Any]:
    return {'monotonic': second / 3, 'joules': {'counter': joules}, 'cpu_seconds': 2.0 * second}


def keep(folder: Path, number: int, *, end: str | None = 'finished', joules: float = 2.0, **header: Any) -> str:
    name = run_id(number)
    sensor = {'component': 'cpu', 'accuracy': Quantity(1, '1').to_json()}
    lines: list[dict[str, Any]] = [
        {
            'schema': 1,
            'run': name,
            'kind': 'fit',
            'name': 'sequential',
            'sensors': {'counter': sensor},
            'start': counters(0, 0.0),
            'place': Place.of('FR').to_json(),
        }
        | header
    ]
    lines += [{'phase': 'train', 'step': step} | counters(step, joules * step / 3) for step in range(1, 4)]
    if end is not None:
        footprint = {'energy': Quantity(joules, 'J').to_json(), 'duration': Quantity(1, 's').to_json()}
        lines.append({'status': end, 'footprint': footprint, 'meter_cost': 0.01, 'cpu_seconds': 6.0})
    (folder / f'{name}.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return name


def opened(folder: Path) -> ledger.Ledger:
    return ledger.open(folder)


def test_runs_are_listed_newest_first_with_what_they_took(tmp_path: Path):
    for number in (1, 3, 2):
        keep(tmp_path, number, joules=number)
    runs = opened(tmp_path).runs()
    assert [run.id for run in runs] == [run_id(3), run_id(2), run_id(1)]
    assert [str(run.energy) for run in runs] == ['3.0 J', '2.0 J', '1.0 J']
    assert {run.status for run in runs} == {'finished'}
    assert runs[0].started == 1_795_473_003.0
    assert runs[0].meter_share == 0.01 / 6
    assert len(opened(tmp_path).runs(limit=2)) == 2


def test_a_folder_that_is_not_there_holds_no_runs(tmp_path: Path):
    assert opened(tmp_path / 'none').runs() == []
    with pytest.raises(LedgerError, match='no run has been kept yet'):
        opened(tmp_path / 'none').get('last')


def test_a_run_that_was_killed_is_interrupted_and_shows_what_it_had_used(tmp_path: Path):
    name = keep(tmp_path, 1, end=None, joules=3.0)
    with (tmp_path / f'{name}.jsonl').open('ab') as file:
        file.write(b'{"step":4,"jou')
    (run,) = opened(tmp_path).runs()
    assert run.status == 'interrupted'
    assert str(run.energy) == '3.0 J'
    assert run.place == 'France'
    assert run.footprint is not None


def test_an_end_that_was_cut_off_is_an_interruption_and_one_that_is_told_is_not(tmp_path: Path):
    for number, end in enumerate(('finished', 'stopped', 'failed')):
        keep(tmp_path, number, end=end)
    assert [run.status for run in opened(tmp_path).runs()] == ['failed', 'stopped', 'finished']


@pytest.mark.skipif(os.name != 'posix', reason='needs advisory locks')
def test_a_run_is_running_while_its_process_lives_and_interrupted_once_it_is_killed(tmp_path: Path):
    program = f"""
import sys, time
from pathlib import Path
from hefted.ledger.journal import Journal
journal = Journal.open({run_id(1)!r}, {{}}, Path(sys.argv[1]))
journal.write({{'joules': 1}})
journal.flush(9)
print('go', flush=True)
time.sleep(60)
"""
    source = str(Path(journal.__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, '-c', program, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {'PYTHONPATH': source},
    )
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        book = opened(tmp_path)
        assert book.runs()[0].status == 'running'
        process.kill()
        process.wait()
        assert book.runs()[0].status == 'interrupted'


def test_a_damaged_file_is_listed_as_damaged_and_the_others_as_they_are(tmp_path: Path):
    keep(tmp_path, 1)
    (tmp_path / f'{run_id(2)}.jsonl').write_bytes(os.urandom(4096))
    (tmp_path / f'{run_id(3)}.jsonl').write_bytes(b'')
    (tmp_path / f'{run_id(4)}.jsonl').mkdir()
    (tmp_path / 'notes.txt').write_text('not a journal')
    runs = opened(tmp_path).runs()
    assert [run.status for run in runs] == ['damaged', 'damaged', 'damaged', 'finished']
    assert all(run.reason for run in runs[:3])
    assert runs[1].footprint is None


def test_a_journal_whose_figures_are_of_another_kind_is_listed_without_them(tmp_path: Path):
    name = keep(tmp_path, 1, end=None, schema=99)
    with (tmp_path / f'{name}.jsonl').open('a') as file:
        file.write('{"status": ["new"], "footprint": {"energy": {"value": "much"}, "place": 7}}\n')
    (run,) = opened(tmp_path).runs()
    assert run.energy is None
    assert run.status == 'finished'


def test_the_parts_of_a_sweep_are_one_line_with_their_total(tmp_path: Path):
    sweep = run_id(0)
    for number in (1, 2, 3):
        keep(tmp_path, number, parent=sweep, joules=number, end=None if number == 2 else 'finished')
    keep(tmp_path, 4)
    lone, family = opened(tmp_path).runs()
    assert lone.id == run_id(4)
    assert (family.id, family.kind, family.status) == (sweep, 'sweep', 'interrupted')
    assert [child.id for child in family.children] == [run_id(1), run_id(2), run_id(3)]
    assert str(family.energy) == '6.0 J'
    assert family.footprint is not None
    assert str(family.footprint.phases['train'].energy) == '6.0 J'
    assert family.footprint.duration.value == 3
    assert opened(tmp_path).get(sweep).children == family.children


def test_a_process_with_one_run_is_that_run_and_not_a_sweep(tmp_path: Path):
    keep(tmp_path, 1, parent=run_id(0))
    (run,) = opened(tmp_path).runs()
    assert run.id == run_id(1)
    assert run.children == ()


def test_a_metered_block_inside_a_process_keeps_its_own_total_and_its_parts(tmp_path: Path):
    block = keep(tmp_path, 1, parent=run_id(0), kind='meter', joules=9.0)
    keep(tmp_path, 2, parent=block, joules=3.0)
    keep(tmp_path, 3, parent=block, joules=4.0)
    keep(tmp_path, 4, parent=run_id(0), joules=1.0)
    (process,) = opened(tmp_path).runs()
    assert process.kind == 'process'
    assert str(process.energy) == '10 J'
    assert [str(child.energy) for child in process.children[0].children] == ['3.0 J', '4.0 J']
    assert opened(tmp_path).get(block).children == process.children[0].children


def test_a_parent_whose_journal_tells_no_figures_is_the_sum_of_its_parts(tmp_path: Path):
    block = keep(tmp_path, 1, end=None, kind='meter', sensors=7)
    keep(tmp_path, 2, parent=block, joules=3.0)
    keep(tmp_path, 3, parent=block, joules=4.0)
    (parent,) = opened(tmp_path).runs()
    assert parent.footprint is not None
    assert str(parent.footprint.energy) == str(parent.energy) == '7.0 J'


def test_journals_that_name_one_another_as_parents_are_listed_each_by_itself(tmp_path: Path):
    keep(tmp_path, 1, parent=run_id(2))
    keep(tmp_path, 2, parent=run_id(1))
    keep(tmp_path, 3, parent=run_id(3))
    assert [run.id for run in opened(tmp_path).runs()] == [run_id(3), run_id(2), run_id(1)]


@pytest.mark.parametrize('key', ['sensors', 'start', 'place', 'kind', 'name', 'parent', 'run'])
@pytest.mark.parametrize('junk', [None, 7, 'x', [], {'cpu': {}}])
def test_a_header_with_junk_in_it_never_stops_the_list(tmp_path: Path, key: str, junk: Any):
    keep(tmp_path, 1, end=None, **{key: junk})
    keep(tmp_path, 2)
    runs = opened(tmp_path).runs()
    assert {run.id for run in runs} == {run_id(1), run_id(2)}
    assert runs[0].energy is not None
    assert opened(tmp_path).get(run_id(1)).status == 'interrupted'


def test_parts_are_listed_by_themselves_when_a_kind_is_asked_for(tmp_path: Path):
    keep(tmp_path, 1, parent=run_id(0))
    keep(tmp_path, 2, parent=run_id(0))
    keep(tmp_path, 3, kind='evaluate')
    assert [run.id for run in opened(tmp_path).runs(kind='fit')] == [run_id(2), run_id(1)]


def test_a_run_is_found_by_the_start_of_its_id_and_the_newest_by_last(tmp_path: Path):
    for number in (1, 2):
        keep(tmp_path, number)
    book = opened(tmp_path)
    assert book.get(run_id(1)).id == run_id(1)
    assert book.get(run_id(1)[:13].upper()).id == run_id(1)
    assert book.get('last').id == run_id(2)


def test_the_newest_is_found_without_reading_the_others(tmp_path: Path):
    for number in range(1, 30):
        keep(tmp_path, number)
    book = opened(tmp_path)
    assert book.get('last').id == run_id(29)
    assert set(book._known) == {run_id(29)}
    (tmp_path / f'{run_id(30)}.jsonl').write_text('no journal')
    assert book.get('last').id == run_id(29)


def test_a_start_that_fits_many_or_none_is_an_error_that_names_the_nearest(tmp_path: Path):
    for number in range(1, 6):
        keep(tmp_path, number)
    book = opened(tmp_path)
    with pytest.raises(LedgerError, match=f'the start of 5 ids: {run_id(1)[:18]}.*, ….*Give more of it'):
        book.get(run_id(1)[:6])
    wrong = run_id(1)[:17] + 'x'
    with pytest.raises(LedgerError, match=f"received '{wrong}'. Did you mean .*{run_id(1)[:18]}"):
        book.get(wrong)
    with pytest.raises(LedgerError, match='The newest are'):
        book.get('zzzzzz')


def test_a_thousand_runs_list_in_about_a_second(tmp_path: Path):
    for number in range(1000):
        keep(tmp_path, number)
    begun = time.process_time()
    book = opened(tmp_path)
    assert len(book.runs()) == 1000
    assert time.process_time() - begun < 1.5


def test_a_journal_that_has_grown_is_read_again(tmp_path: Path):
    name = keep(tmp_path, 1, end=None, joules=3.0)
    book = opened(tmp_path)
    assert str(book.runs()[0].energy) == '3.0 J'
    with (tmp_path / f'{name}.jsonl').open('a') as file:
        file.write(json.dumps({'phase': 'train'} | counters(4, 5.0)) + '\n')
    assert str(book.runs()[0].energy) == '5.0 J'


def test_a_summary_says_little_when_printed(tmp_path: Path):
    assert str(tmp_path) not in repr(RunSummary(run_id(1), path=tmp_path))


def test_attempts_are_one_training_by_the_last_ones_id_and_end(tmp_path: Path) -> None:
    first = keep(tmp_path, 1, end=None, joules=6.0)
    keep(tmp_path, 2, end=None, joules=3.0, attempt=2, resumes=first)
    last = keep(tmp_path, 3, joules=2.0, attempt=3, resumes=first)
    alone = keep(tmp_path, 4)
    newest, training = ledger.open(tmp_path).runs()
    assert newest.id == alone
    assert (training.id, training.status, training.attempts) == (last, 'finished', 3)
    assert [child.attempt for child in training.children] == [1, 2, 3]
    assert training.energy is not None
    assert training.energy.value == pytest.approx(6.0 + 3.0 + 2.0)


def test_each_attempt_is_found_by_its_own_id_with_its_own_figures_and_those_of_all(tmp_path: Path) -> None:
    first = keep(tmp_path, 1, end=None, joules=6.0)
    last = keep(tmp_path, 2, joules=2.0, attempt=2, resumes=first)
    kept = ledger.open(tmp_path)
    for name, energy in ((first, 6.0), (last, 2.0), ('last', 2.0)):
        run = kept.get(name)
        assert run.energy is not None
        assert run.of_all_attempts is not None
        assert (run.energy.value, run.of_all_attempts.value) == pytest.approx((energy, 8.0))
    assert kept.energy_of([first, last, run_id(9)]) == kept.get(first).of_all_attempts


def test_attempts_of_which_the_first_kept_no_journal_are_one_training_still(tmp_path: Path) -> None:
    for number in (2, 3):
        keep(tmp_path, number, attempt=number, resumes=run_id(1))
    (training,) = ledger.open(tmp_path).runs()
    assert training.attempts == 2


def test_an_attempt_that_is_a_part_of_a_sweep_is_counted_there_and_only_there(tmp_path: Path) -> None:
    first = keep(tmp_path, 1, end=None, joules=6.0, parent=run_id(50))
    keep(tmp_path, 2, joules=1.0, parent=run_id(51), attempt=2, resumes=first)
    keep(tmp_path, 3, joules=1.0, parent=run_id(51))
    listed = ledger.open(tmp_path).runs()
    assert sum(run.energy.value for run in listed if run.energy) == pytest.approx(8.0)
    assert sorted(len(run.children) for run in listed) == [0, 2]
