"""A project's budget: its runs so far, those of other processes that go on, and none that is another's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from hefted.budget.project import ProjectTotal

SCRIPT = """
    import json, sys
    import numpy as np
    import hefted
    from hefted.layers import Dense

    x = np.random.default_rng(0).random((2048, 32), 'float32')
    model = hefted.Sequential([Dense(32, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy')
    with hefted.meter('both') if 'metered' in sys.argv else hefted.utils.named() as metered:
        history = model.fit(x, x[:, 0] > 0.5, epochs=int(sys.argv[1]), verbose=0)
    print(json.dumps([(metered or history).footprint.energy.value, history.stopped_by]))
""".replace('hefted.utils.named()', '__import__("contextlib").nullcontext()')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / 'project'
    folder.mkdir()
    (folder / 'pyproject.toml').write_text("[project]\nname = 'whales'\n[tool.hefted]\nbudget = '30 J'\n")
    return folder


def started(project: Path, *arguments: Any) -> subprocess.Popen[str]:
    environment = os.environ | {'HEFTED_DATA_DIR': str(project.parent / 'data')}
    command = [sys.executable, '-c', textwrap.dedent(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=project, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def begun_anew(project: Path, joules: int) -> None:
    shutil.rmtree(project.parent / 'data', ignore_errors=True)
    (project / 'pyproject.toml').write_text(f"[project]\nname = 'whales'\n[tool.hefted]\nbudget = '{joules} J'\n")


def ended(process: subprocess.Popen[str], *, may_be_refused: bool = False) -> tuple[float, str | None]:
    out, error = process.communicate(timeout=120)
    if may_be_refused and 'BudgetError: budget of the project' in error:
        return 0.0, 'refused'
    assert process.returncode == 0, error
    return json.loads(out.splitlines()[-1])


def total_of(project: Path, name: str = 'whales') -> float:
    total = ProjectTotal(name, project.parent / 'data' / 'runs')
    total.look()
    return total.amounts()['energy']


def test_runs_add_up_until_the_project_is_over_its_budget(project: Path):
    shares: list[float] = []
    for most in (30, 60, 120):  # enough that two starts, however long they take a busy machine, find room in it
        begun_anew(project, most)
        first, stopped = ended(started(project, 20), may_be_refused=True)
        if stopped is not None:
            continue
        assert total_of(project) == pytest.approx(first)
        second, stopped = ended(started(project, 1_000_000), may_be_refused=True)
        if stopped == 'refused':
            continue
        assert stopped == f'budget of the project whales {most} J'
        assert total_of(project) == pytest.approx(first + second)
        shares.append((first + second) / most)
        if 2 / 3 < shares[-1] <= 1:
            break
    else:
        pytest.fail(f'no budget was kept: parts used were {shares}')
    refused = started(project, 1)
    _, error = refused.communicate(timeout=120)
    assert refused.returncode == 1
    assert f'BudgetError: budget of the project whales {most} J: expected more than what is spent already' in error


def test_two_processes_at_once_are_both_counted(project: Path):
    for most in (50, 100, 200):  # enough that the one which a busy machine lets begin later finds something left
        begun_anew(project, most)
        several = [started(project, 1_000_000) for _ in range(2)]
        (one, by_one), (two, by_two) = [ended(each) for each in several]
        assert by_one == by_two == f'budget of the project whales {most} J'
        if 0.6 * most < one + two <= most:
            break
    else:
        pytest.fail(f'{one} and {two} J of {most}')


def test_what_is_part_of_another_run_is_counted_there(project: Path):
    energy, _ = ended(started(project, 20, 'metered'))
    assert total_of(project) == pytest.approx(energy)


def test_the_file_of_totals_is_made_again_when_it_is_gone_or_spoilt(project: Path):
    ended(started(project, 5))
    before = total_of(project)
    file = project.parent / 'data' / 'projects.json'
    assert json.loads(file.read_text())['runs']
    for spoilt in (None, '', '[]', '{"schema": 1}'):
        file.unlink()
        if spoilt is not None:
            file.write_text(spoilt)
        assert total_of(project) == before
        assert json.loads(file.read_text())['runs']


def test_runs_of_another_project_and_of_none_are_not_counted(project: Path):
    ended(started(project, 5))
    assert total_of(project, 'dolphins') == 0
    (project / 'pyproject.toml').write_text('')
    before = total_of(project)
    ended(started(project, 5))
    assert total_of(project) == before


def test_a_run_that_was_killed_counts_as_far_as_its_journal_goes(project: Path):
    process = started(project, 1_000_000)
    deadline = time.monotonic() + 60
    while not total_of(project) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.kill()
    process.communicate()
    killed = total_of(project)
    assert 0 < killed <= 30
    assert total_of(project) == killed


def test_a_journal_names_its_project_and_no_path(project: Path):
    ended(started(project, 1))
    (journal,) = (project.parent / 'data' / 'runs').glob('*.jsonl')
    text = journal.read_text()
    assert json.loads(text.splitlines()[0])['attributes'] == {'project': 'whales'}
    assert str(project) not in text
