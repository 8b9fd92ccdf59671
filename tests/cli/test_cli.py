"""The command, used as a person uses it: in a process of its own, with an empty home."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import hefted.cli.main
from hefted.cli.ledger import _rows, table
from hefted.cli.main import _COMMANDS
from hefted.ledger import RunSummary
from hefted.quantities import Quantity

SOURCE = str(Path(hefted.cli.main.__file__).parents[2])

WORK = """
import os, signal, sys, time
from hefted import runs

def work(seconds):
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        sum(range(1000))

def fit(name):
    run = runs.start('fit', name=name)
    run.enter('compile')
    work(0.02)
    run.enter('train')
    for step in range(2):
        work(0.11)
        run.tick(step, 0, {'loss': 0.5})
    return run

"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ('PATH', 'SYSTEMROOT') if name in os.environ}
    return kept | {
        'HOME': str(home / 'home'),
        'HEFTED_DATA_DIR': str(home / 'data'),
        'PYTHONPATH': SOURCE,
        'PYTHONIOENCODING': 'utf-8',
    }


def python(home: Path, program: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', program],
        env=environment(home) | more,
        capture_output=True,
        text=True,
        encoding='utf-8',
        timeout=120,
    )


def hefted_says(home: Path, *arguments: str, code: int = 0, **more: str) -> str:
    """What the command prints: on stdout when it succeeds, on stderr when it fails."""
    done = subprocess.run(
        [sys.executable, '-m', 'hefted.cli', *arguments],
        env=environment(home) | more,
        capture_output=True,
        text=True,
        encoding='utf-8',
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done.stderr if code else done.stdout


def test_help_comes_at_once_and_imports_nothing_heavy(home: Path, starts: Callable[..., bool]):
    program = """
import sys
sys.argv = ['hefted', '--help']
from hefted.cli.main import main
try:
    main()
finally:
    heavy = {'jax', 'numpy', 'rich', 'h5py', 'psutil', 'pynvml', 'platformdirs', 'sqlite3'} & set(sys.modules)
    assert not heavy, heavy
"""
    done = python(home, program)
    assert done.returncode == 0, done.stderr
    for name in ('demo', 'doctor', 'ledger', 'receipt'):
        assert name in done.stdout
    assert starts(environment(home), '-m', 'hefted.cli', '--help', within=15)


@pytest.mark.parametrize('command', ['ledger', 'receipt', 'doctor'])
def test_no_command_that_reads_imports_jax(home: Path, command: str):
    python(home, WORK + "fit('sequential').finish()")
    program = f"""
import sys
sys.argv = ['hefted', {command!r}]
from hefted.cli.main import main
try:
    main()
finally:
    assert 'jax' not in sys.modules
"""
    done = python(home, program)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize('command', _COMMANDS)
def test_each_command_helps(home: Path, command: str):
    assert hefted_says(home, command, '--help').startswith(f'Usage: hefted {command}')


def test_a_mistyped_command_is_corrected(home: Path):
    assert "Unknown command: 'recepit'. Did you mean receipt?" in hefted_says(home, 'recepit', code=2)
    assert f'There are {", ".join(_COMMANDS)}.' in hefted_says(home, 'zzz', code=2)


def test_the_version_is_told(home: Path):
    assert hefted_says(home, '--version').startswith('hefted')


def test_an_empty_ledger_says_how_to_fill_it(home: Path):
    assert '`hefted demo` makes the first' in hefted_says(home, 'ledger')
    assert json.loads(hefted_says(home, 'ledger', '--json')) == []
    assert hefted_says(home, 'receipt', code=2) == (
        'hefted: run: expected one that is in the ledger, but no run has been kept yet.\n'
    )


def test_a_run_is_listed_and_its_receipt_told_as_text_json_and_html(home: Path):
    done = python(home, WORK + "run = fit('sequential'); print(run.finish().energy); print(run.id)", HEFTED_PLACE='FR')
    energy, run_id = done.stdout.splitlines()
    table = hefted_says(home, 'ledger')
    assert re.search(rf'^{run_id[:13]} .* fit · sequential +finished ', table, re.M)
    assert energy.replace(', modelled)', ')') in table
    for arguments in (('receipt',), ('receipt', 'last'), ('receipt', run_id[:13]), ('receipt', run_id)):
        text = hefted_says(home, *arguments)
        assert text.startswith('Hefted · fit · sequential · finished')
        assert energy.partition(' (')[0] in text
        assert re.search(r'^start-up +\d', text, re.M)
        assert 'France' in text
    told = json.loads(hefted_says(home, 'receipt', '--json'))
    assert told['run_id'] == run_id
    assert told['footprint']['energy']['sources']
    page = home / 'receipt.html'
    assert hefted_says(home, 'receipt', '--html', str(page)) == ''
    assert page.read_text('utf-8').startswith('<!doctype html>')
    assert '--html' in hefted_says(home, 'receipt', '--html', str(home / 'none' / 'r.html'), code=1)


@pytest.mark.skipif(os.name != 'posix', reason='needs SIGKILL')
def test_a_killed_run_is_listed_as_interrupted_and_its_receipt_tells_what_it_had_used(home: Path):
    done = python(home, WORK + "fit('killed'); time.sleep(1); os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL
    (run,) = json.loads(hefted_says(home, 'ledger', '--json'))
    assert run['status'] == 'interrupted'
    assert run['energy']['value'] > 0
    assert re.search(r'interrupted.*\n\nEnergy +\d', hefted_says(home, 'receipt'))


def test_a_sweep_is_one_line_with_its_total_and_all_shows_its_parts(home: Path):
    python(home, WORK + "for name in 'abc': fit(name).finish()")
    table = hefted_says(home, 'ledger').splitlines()
    assert len(table) == 2
    assert 'sweep · 3 runs' in table[1]
    everything = hefted_says(home, 'ledger', '--all').splitlines()
    assert len(everything) == 5
    assert [line[:2] for line in everything[2:]] == ['  '] * 3
    (sweep,) = json.loads(hefted_says(home, 'ledger', '--json'))
    parts = sum(child['energy']['value'] for child in sweep['children'])
    assert sweep['energy']['value'] == pytest.approx(parts)
    text = hefted_says(home, 'receipt', sweep['id'])
    assert text.startswith('Hefted · sweep · 3 runs · finished')
    assert re.search(r'^train +\d', text, re.M)


@pytest.mark.parametrize('width', [60, 80, 120])
def test_the_table_fits_the_terminal(width: int):
    runs = [
        RunSummary(
            f'0193a7c4-5f2{number}-7abc-8000-1234567890ab',
            kind='fit',
            name='a-model-with-a-rather-long-name',
            status='interrupted',
            energy=Quantity(17, 'kWh'),
            carbon=Quantity(2, 'kg CO2e'),
        )
        for number in range(3)
    ]
    lines = list(table(list(_rows(runs, 13, parts=False)), width))
    assert max(len(click.unstyle(line)) for line in lines) <= width
    assert all('17 kWh' in line and 'interrupted' in line for line in lines[1:])


def test_a_long_name_is_cut_before_a_column_is_left_out():
    run = RunSummary(
        '0193a7c4-5f21-7abc-8000-1234567890ab', kind='meter', name='a study ' * 20, energy=Quantity(1, 'J')
    )
    head, line = (click.unstyle(line) for line in table(list(_rows([run], 13, parts=False)), 120))
    assert 'Started' in head and 'Carbon' in head
    assert 'a study' in line and '…' in line and len(line) <= 120


def test_a_run_that_is_not_there_is_one_clear_line(home: Path):
    python(home, WORK + "fit('sequential').finish()")
    said = hefted_says(home, 'receipt', 'zzzz', code=2)
    assert said.count('\n') == 1
    assert said.startswith("hefted: run: expected the start of a run's id")


def test_a_wrong_setting_is_one_clear_line(home: Path):
    said = hefted_says(home, 'ledger', code=2, HEFTED_DATA_DIR='relative/folder')
    assert said.startswith('hefted: HEFTED_DATA_DIR: expected an absolute path')
    assert said.count('\n') == 1


def test_a_damaged_journal_is_listed_and_its_receipt_says_that_nothing_is_known(home: Path):
    folder = home / 'data' / 'runs'
    folder.mkdir(parents=True)
    (folder / '0193a7c4-5f21-7abc-8000-1234567890ab.jsonl').write_bytes(os.urandom(300))
    assert re.search(r'first line cannot be read +damaged', hefted_says(home, 'ledger'))
    assert 'not known' in hefted_says(home, 'receipt', '0193')


def test_the_doctor_says_what_is_modelled_and_where_runs_are_kept(home: Path):
    said = ' '.join(hefted_says(home, 'doctor').split())
    assert re.search(r'CPU (measured|modelled|assumed)', said)
    assert 'the world (assumed)' in said
    assert 'HEFTED_PLACE' in said
    assert str(home / 'data' / 'runs') in said
    (home / 'file').write_text('')
    assert 'cannot be written' in ' '.join(hefted_says(home, 'doctor', HEFTED_DATA_DIR=str(home / 'file')).split())


def test_a_folder_of_runs_that_cannot_be_read_is_said(home: Path):
    (home / 'file').write_text('')
    for command in ('ledger', 'receipt'):
        said = hefted_says(home, command, code=1, HEFTED_DATA_DIR=str(home / 'file'))
        assert re.search(r'file/runs, cannot be read \(Not a directory\).*HEFTED_DATA_DIR', said)


def test_the_table_is_plain_where_the_terminal_holds_no_more(home: Path):
    python(home, WORK + "fit('sequential').finish()")
    assert '·' in hefted_says(home, 'ledger')
    said = hefted_says(home, 'ledger', PYTHONIOENCODING='ascii')
    assert said.isascii()
    assert 'fit - sequential' in said


def test_the_package_itself_is_the_command(home: Path):
    done = subprocess.run(
        [sys.executable, '-m', 'hefted', '--help'], env=environment(home), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith('Usage: hefted ')


def test_the_doctor_names_the_service_that_tells_the_grid_and_asks_it_nothing(home: Path):
    said = ' '.join(hefted_says(home, 'doctor', HEFTED_GRID='uk', HEFTED_GRID_URL='http://127.0.0.1:9').split())
    assert 'asked of a service while a run goes on (HEFTED_GRID=uk)' in said
    assert 'HEFTED_GRID' not in hefted_says(home, 'doctor')
