"""`hefted export`, used as a person uses it: real runs in real processes, one of them killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hefted.cli.main
from hefted.report.exports import FORMATS

SOURCE = str(Path(hefted.cli.main.__file__).parents[2])
USER = 'ottoline-quist'
FIT = """
import os, signal, sys, time
from hefted import runs
run = runs.start('fit', name='net', place='FR')
run.enter('train')
for step in range(3):
    begun = time.process_time()
    while time.process_time() - begun < 0.11:
        sum(range(1000))
    run.tick(step, 0, {'loss': 0.5})
if 'killed' in sys.argv:
    run._journal.flush(30)
    os.kill(os.getpid(), signal.SIGKILL)
run.finish()
"""


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one finished run, of a script with arguments that nobody should read."""
    folder = tmp_path_factory.mktemp('private-home-of-ottoline')
    (folder / 'secret_script.py').write_text(FIT, 'utf-8')
    fit(folder, '--password=hunter2')
    return folder


def fit(home: Path, *arguments: str) -> int:
    script = [sys.executable, str(home / 'secret_script.py'), *arguments]
    return subprocess.run(script, env=environment(home), cwd=home, timeout=120).returncode


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ('PATH', 'SYSTEMROOT') if name in os.environ}
    names = dict.fromkeys(('USER', 'LOGNAME', 'USERNAME', 'LNAME'), USER)
    folders = {'HOME': str(home), 'HEFTED_DATA_DIR': str(home / 'data'), 'PYTHONPATH': SOURCE}
    return kept | names | folders | {'PYTHONIOENCODING': 'utf-8'}


def says(home: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, '-m', 'hefted.cli', 'export', *arguments],
        env=environment(home), capture_output=True, text=True, encoding='utf-8', timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done.stderr if code else done.stdout


@pytest.mark.parametrize('format', FORMATS)
def test_no_export_holds_host_user_home_or_arguments(home: Path, format: str):
    text = says(home, '--as', format)
    assert 'France' in text or 'FR' in text
    host = socket.gethostname()
    for private in (USER, str(home), home.name, 'secret_script', 'hunter2', sys.executable):
        assert private not in text
    assert not re.search(rf'(?<![\w.-]){re.escape(host)}(?![\w-])', text)


def test_what_is_asked_for_is_there(home: Path):
    told = json.loads(says(home, '--as', 'json', '--include', 'host,user'))['included']
    assert told['host'].startswith(socket.gethostname())
    assert told['user'].startswith(USER)
    assert 'A journal holds no arguments' in says(home, '--as', 'json', '--include', 'arguments', code=2)


def test_it_is_written_to_a_file_as_it_is_to_the_terminal(home: Path, tmp_path: Path):
    path = tmp_path / 'emissions.csv'
    assert says(home, '--as', 'codecarbon', '--output', str(path)) == ''
    assert path.read_text('utf-8') == says(home, '--as', 'codecarbon')


def test_what_is_wrong_is_said_with_its_remedy(home: Path, tmp_path: Path):
    assert "Did you mean 'cyclonedx'?" in says(home, '--as', 'cyclondx', code=2)
    assert 'There are json, markdown' in says(home, code=2)
    nowhere = tmp_path / 'none' / 'x.json'
    assert f'--output: {nowhere} cannot be written' in says(home, '--as', 'json', '--output', str(nowhere), code=1)
    assert f'--output: {tmp_path} cannot be written' in says(home, '--as', 'json', '--output', str(tmp_path), code=1)
    assert 'no run has been kept' in says(tmp_path, '--as', 'json', code=2)
    assert 'received "zzz"' in says(home, 'zzz', '--as', 'json', code=2).replace("'", '"')


@pytest.mark.skipif(os.name == 'nt', reason='hardware: a system without SIGKILL')
def test_a_run_that_was_killed_is_written_too(tmp_path: Path):
    (tmp_path / 'secret_script.py').write_text(FIT, 'utf-8')
    assert fit(tmp_path, 'killed') == -signal.SIGKILL
    for format in FORMATS:
        says(tmp_path, '--as', format)
    assert 'The run was killed' in says(tmp_path, '--as', 'eu-ai-act')
    assert json.loads(says(tmp_path, '--as', 'json'))['footprint']['energy']['value'] > 0


def test_it_comes_at_once_and_imports_nothing_heavy(home: Path, starts: Callable[..., bool]):
    program = """
import sys
sys.argv = ['hefted', 'export', '--as', 'cyclonedx']
from hefted.cli.main import main
try:
    main()
finally:
    heavy = {'jax', 'numpy', 'rich', 'h5py', 'jsonschema', 'sqlite3', 'csv'} & set(sys.modules)
    assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, '-c', program], env=environment(home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert starts(environment(home), '-m', 'hefted.cli', 'export', '--as', 'json', within=20)
