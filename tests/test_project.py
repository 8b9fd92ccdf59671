"""What a person finds who opens the repository: the papers, the README's code, the data's licences."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hefted

ROOT = Path(__file__).parent.parent
TEXTS = ('.md', '.py', '.toml', '.csv', '.json', '.cfg', '.txt', '')
OURS = ('src', 'tests', 'docs', 'examples', 'benchmarks', '.ci')
# Licences that a table may ship under; 'fact' is a single one from a primary source that the row cites.
LICENCES = {'public domain', 'CC0', 'CC-BY-4.0', 'MIT', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'fact'}


def files() -> list[Path]:
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in OURS:
        found += [path for path in (ROOT / folder).rglob('*') if path.is_file()]
    left_out = {'__pycache__', '.envs'}
    return [path for path in found if path.suffix in TEXTS and not left_out & set(path.parts)]


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {'PYTHONPATH': str(ROOT / 'src'), 'HEFTED_DATA_DIR': str(folder)}
    return subprocess.run(
        [sys.executable, '-W', 'error', '-c', code],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'says'),
    [
        ('LICENSE', 'Apache License'),
        ('NOTICE', 'Attributions'),
        ('CHANGELOG.md', hefted.__version__),
        ('CONTRIBUTING.md', 'make test'),
        ('docs/decisions.md', '## 20'),
        ('docs/differences.md', 'Keras'),
    ],
)
def test_the_papers_are_there(name: str, says: str):
    assert says in (ROOT / name).read_text('utf-8')


def test_the_readmes_program_trains_and_leaves_a_receipt(tmp_path: Path):
    code = re.findall(r'```python\n(.*?)```', (ROOT / 'README.md').read_text('utf-8'), re.DOTALL)
    program, forecasts, *_ = code
    done = run(program + forecasts, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('Forecast: ')
    assert 'Epoch 10/10' in done.stdout
    assert 'Hefted · forecast · 8 x H200' in done.stdout
    assert re.search(r'Energy +\d', done.stdout), done.stdout


def test_the_readme_and_the_example_are_the_same_program():
    readme = (ROOT / 'README.md').read_text('utf-8')
    example = (ROOT / 'examples' / 'reference.py').read_text('utf-8')
    assert example.partition('"""\n\n')[2] in readme


def test_links_in_the_papers_lead_somewhere():
    for paper in (*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md')):
        for target in re.findall(r'\]\((?!https?:)([^)#]+)', paper.read_text('utf-8')):
            assert (paper.parent / target).exists(), f'{paper.name}: {target}'


def test_the_readme_counts_the_differences_from_keras():
    rows = [line for line in (ROOT / 'docs' / 'differences.md').read_text('utf-8').splitlines() if line.startswith('|')]
    assert f'There are {len(rows) - 2} of them' in (ROOT / 'README.md').read_text('utf-8')
    assert len(set(rows)) == len(rows)


def test_no_file_holds_a_path_of_one_machine():
    folders = '|'.join(('work', 'root', 'tmp', 'home/[a-z]', 'Users/[a-z]'))
    machine_path = re.compile(rf'(?<![\w.:/~}}<-])/(?:{folders})/')
    wrong = [
        f'{path.relative_to(ROOT)}:{number}'
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text('utf-8').splitlines(), 1)
        if machine_path.search(line)
    ]
    assert not wrong


def test_every_public_name_can_be_had_and_there_are_no_others():
    assert list(hefted.__all__) == sorted(hefted.__all__)
    assert all(getattr(hefted, name) is not None for name in hefted.__all__)
    assert set(dir(hefted)) == {*hefted.__all__, '__version__'}
    with pytest.raises(AttributeError, match='Sequentiel'):
        _ = hefted.Sequentiel


TABLES = sorted((ROOT / 'src').rglob('*.csv'))


@pytest.mark.parametrize('table', TABLES, ids=lambda table: table.name)
def test_every_row_that_ships_has_a_source_and_a_licence_that_allows_it(table: Path):
    with table.open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    if 'licence' not in rows[0]:  # a data set, whose licence stands beside it
        beside = (table.parent / 'README.md').read_text('utf-8')
        assert table.name in beside
        assert 'Source: ' in beside
        assert re.search(r'Licence: (CC BY 4.0|CC0|MIT)', beside)
        return
    assert rows
    for number, row in enumerate(rows, 2):
        assert row['licence'] in LICENCES, f'{table.name}:{number}: {row["licence"]!r}'
        assert row.get('source') or row.get('key'), f'{table.name}:{number}'


def test_the_package_that_is_built_carries_tables_and_notice():
    import tomllib

    project = tomllib.loads((ROOT / 'pyproject.toml').read_text('utf-8'))
    assert project['project']['license-files'] == ['LICENSE', 'NOTICE']
    assert project['project']['version'] == hefted.__version__
    assert len(TABLES) >= 6
