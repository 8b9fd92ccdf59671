"""The journal: written from the first moment, readable whatever happens, and never in the training's way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hefted.ledger import journal
from hefted.ledger.journal import Journal
from hefted.ledger.lines import read

RUN = '0193a7c4-5f21-7000-8000-000000000001'


def kept(folder: Path, *lines: dict[str, object]) -> Journal:
    opened = Journal.open(RUN, {'kind': 'fit'}, folder)
    for line in lines:
        opened.write(line)
    assert opened.flush(5.0)
    return opened


def test_the_header_is_the_first_line_and_the_schema_is_first_in_it(tmp_path: Path):
    kept(tmp_path / 'runs', {'step': 1}).close()
    first, second = (tmp_path / 'runs' / f'{RUN}.jsonl').read_text().splitlines()
    assert first.startswith('{"schema":1,"run":')
    assert json.loads(first)['kind'] == 'fit'
    assert json.loads(second) == {'step': 1}


def test_numbers_that_json_has_no_word_for_come_back_through_float(tmp_path: Path):
    opened = kept(tmp_path, {'loss': float('nan'), 'logs': {'acc': [float('inf'), -float('inf'), 0.5]}})
    line = read(tmp_path / f'{RUN}.jsonl')[1]
    assert line == {'loss': 'NaN', 'logs': {'acc': ['Infinity', '-Infinity', 0.5]}}
    assert float(line['logs']['acc'][1]) == -float('inf')
    assert opened.failure is None


def test_what_json_cannot_hold_is_told_by_the_name_of_its_type_and_hurts_nothing(tmp_path: Path):
    loop: list[object] = []
    loop.append(loop)
    opened = kept(tmp_path, {'x': object(), 1: 'one'}, {('a', 'b'): 1}, {'loop': loop}, {'step': 2})
    lines = read(tmp_path / f'{RUN}.jsonl')
    assert lines[1] == {'x': 'object', '1': 'one'}
    assert lines[-1] == {'step': 2}
    assert opened.failure is None


def test_numpy_scalars_are_written_as_numbers(tmp_path: Path):
    np = pytest.importorskip('numpy')
    kept(tmp_path, {'loss': np.float32(0.5), 'bad': np.float32('nan'), 'step': np.int64(3)})
    assert read(tmp_path / f'{RUN}.jsonl')[1] == {'loss': 0.5, 'bad': 'NaN', 'step': 3}


def test_a_folder_that_cannot_be_made_is_a_sentence_without_a_path_and_not_an_error(tmp_path: Path):
    (tmp_path / 'file').write_text('')
    opened = kept(tmp_path / 'file' / 'runs', {'step': 1})
    opened.close()
    assert opened.failure is not None
    assert opened.failure.startswith('The journal could not be kept: not a directory.')
    assert str(tmp_path) not in opened.failure


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
def test_a_full_disk_stops_the_journal_and_nothing_else(tmp_path: Path):
    (tmp_path / f'{RUN}.jsonl').symlink_to('/dev/full')
    opened = kept(tmp_path, {'step': 1}, {'step': 2})
    assert opened.failure is not None
    assert 'no space left on device' in opened.failure


def test_a_disk_that_fills_up_later_leaves_what_was_written_readable(tmp_path: Path):
    program = """
import resource, signal, sys
from pathlib import Path
from hefted.ledger.journal import Journal
from hefted.ledger.lines import read
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
journal = Journal.open('run', {}, Path(sys.argv[1]))
for step in range(100):
    journal.write({'step': step, 'filler': 'x' * 40})
assert journal.flush(5.0)
assert 'too large' in journal.failure, journal.failure
lines = read(journal.path)
assert 5 < len(lines) < 20 and lines[-1]['step'] == len(lines) - 2, lines
print('kept')
"""
    assert python(program, tmp_path) == 'kept'


def test_a_run_id_that_is_no_file_name_never_becomes_a_path(tmp_path: Path):
    opened = Journal.open('../escape', {}, tmp_path / 'runs')
    opened.flush(5.0)
    assert opened.failure is not None
    assert 'not a file name' in opened.failure
    assert not list(tmp_path.rglob('*.jsonl'))


def test_a_second_attempt_begins_a_new_line_after_a_torn_one(tmp_path: Path):
    (tmp_path / f'{RUN}.jsonl').write_bytes(b'{"schema":1,"run":"a"}\n{"step":7,"los')
    kept(tmp_path, {'step': 8})
    lines = read(tmp_path / f'{RUN}.jsonl')
    assert [line.get('step') for line in lines] == [None, None, 8]


def test_reading_takes_junk_torn_lines_unknown_keys_and_newer_schemas(tmp_path: Path):
    path = tmp_path / 'a.jsonl'
    deep = b'{"a":' * 100_000
    path.write_bytes(
        b'{"schema":99,"run":"a","later":{"unknown":1}}\n'
        + bytes(range(256))
        + b'\n'
        + deep
        + b'\n[1,2]\n{"n":'
        + b'9' * 5000
        + b'}\n{"step":1}\n{"step":2,"lo'
    )
    assert read(path) == [{'schema': 99, 'run': 'a', 'later': {'unknown': 1}}, {'step': 1}]


def test_two_journals_share_one_thread_and_keep_apart(tmp_path: Path):
    first = Journal.open('a', {}, tmp_path)
    second = Journal.open('b', {}, tmp_path)
    for step in range(50):
        (first if step % 2 else second).write({'step': step})
    assert first.flush(5.0)
    assert [line['step'] for line in read(tmp_path / 'a.jsonl')[1:]] == list(range(1, 50, 2))
    assert [line['step'] for line in read(tmp_path / 'b.jsonl')[1:]] == list(range(0, 50, 2))
    assert sum(thread.name == 'hefted-journal' for thread in threading.enumerate()) == 1


def test_opening_writing_and_closing_cost_the_caller_little_and_the_thread_knows_its_own_cost(tmp_path: Path):
    kept(tmp_path)
    costs: list[float] = []
    for number in range(21):
        begun = time.perf_counter()
        opened = Journal.open(f'run-{number}', {'kind': 'fit'}, tmp_path)
        costs.append(time.perf_counter() - begun)
        opened.close()
        opened.flush(5.0)
    assert sorted(costs)[10] < 0.3e-3
    assert 0 < journal.writer_cost_seconds() < 5


def test_a_journal_is_in_the_folder_that_was_set_when_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However late the thread comes to it: what a program sets afterwards is for its next run."""
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'first'))
    go_on = threading.Event()
    journal._writer().hand_over(None, lambda: go_on.wait(5.0) and None)
    opened = Journal.open(RUN, {'kind': 'fit'})
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'second'))
    go_on.set()
    assert opened.flush(5.0)
    assert read(tmp_path / 'first' / 'runs' / f'{RUN}.jsonl')[0]['kind'] == 'fit'
    assert not (tmp_path / 'second').exists()


def test_a_folder_that_is_set_wrongly_is_the_journals_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', 'not/absolute')
    opened = Journal.open(RUN, {'kind': 'fit'})
    assert opened.flush(5.0)
    assert 'HEFTED_DATA_DIR' in (opened.failure or '')


def test_lines_reach_the_file_at_once_and_not_only_at_the_end(tmp_path: Path):
    opened = Journal.open(RUN, {}, tmp_path)
    opened.write({'step': 1})
    deadline = time.monotonic() + 5
    path = tmp_path / f'{RUN}.jsonl'
    while time.monotonic() < deadline and not (path.exists() and len(read(path)) == 2):
        time.sleep(0.005)
    assert len(read(path)) == 2


def test_a_program_that_just_ends_has_its_last_lines_in_the_file(tmp_path: Path):
    program = """
import sys
from pathlib import Path
from hefted.ledger.journal import Journal
journal = Journal.open('run', {}, Path(sys.argv[1]))
for step in range(2000):
    journal.write({'step': step})
journal.close()
"""
    python(program, tmp_path)
    assert len(read(tmp_path / 'run.jsonl')) == 2001


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_a_forked_child_leaves_its_parents_journal_alone_and_keeps_its_own(tmp_path: Path):
    program = """
import os, sys, warnings
warnings.simplefilter('ignore')
from pathlib import Path
from hefted.ledger.journal import Journal
from hefted.ledger.lines import read
folder = Path(sys.argv[1])
mine = Journal.open('parent', {}, folder)
mine.write({'step': 1})
child = os.fork()
if child == 0:
    mine.write({'step': 'from the child'})
    mine.flush(1.0)
    own = Journal.open('child', {}, folder)
    own.write({'step': 2})
    os._exit(0 if own.flush(5.0) else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
mine.write({'step': 3})
mine.flush(5.0)
print(status, [line.get('step') for line in read(folder / 'parent.jsonl')],
      [line.get('step') for line in read(folder / 'child.jsonl')])
"""
    assert python(program, tmp_path) == '0 [None, 1, 3] [None, 2]'


@pytest.mark.skipif(os.name != 'posix', reason='needs SIGKILL')
@pytest.mark.parametrize('draw', range(6))
def test_a_process_killed_at_any_instant_leaves_a_journal_that_holds_all_but_the_last_moments(
    tmp_path: Path, draw: int
):
    program = """
import os, sys, time
from pathlib import Path
from hefted.ledger.journal import Journal
journal = Journal.open('run', {'kind': 'fit'}, Path(sys.argv[1]))
os.write(1, b'0 %f\\n' % time.monotonic())
step = 0
while True:
    journal.write({'step': step, 'filler': 'x' * (step * 7919 % 30000)})  # long enough to be cut
    step += 1
    if step % 5 == 0:
        os.write(1, b'%d %f\\n' % (step, time.monotonic()))
        time.sleep(0.002)
"""
    for attempt in range(3):  # a busy machine may let all its threads stand still as it is killed
        folder = tmp_path / str(attempt)
        process = subprocess.Popen(
            [sys.executable, '-c', program, str(folder)], stdout=subprocess.PIPE, env=environment()
        )
        assert process.stdout is not None
        told = [process.stdout.readline()]
        time.sleep(random.Random(draw).uniform(0, 0.6))
        killed = time.monotonic()
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        path = folder / 'run.jsonl'
        lines = read(path) if path.exists() else []
        steps = [line['step'] for line in lines[1:]]
        assert steps == list(range(len(steps)))
        assert lines[:1] in ([], [{'schema': 1, 'run': 'run', 'kind': 'fit'}])
        long_ago = [int(line.split()[0]) for line in told if float(line.split()[1]) < killed - 0.25]
        if (lines or not long_ago) and len(steps) >= max(long_ago, default=0):
            break
    assert lines or not long_ago
    assert len(steps) >= max(long_ago, default=0)


def environment() -> dict[str, str]:
    source = Path(journal.__file__).parents[2]
    return os.environ | {'PYTHONPATH': str(source)}


def python(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, '-c', program, str(folder)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
