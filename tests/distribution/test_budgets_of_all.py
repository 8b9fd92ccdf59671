"""A budget of several processes is of all of them together: the sum of what their journals hold keeps within it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from hefted import ledger
from hefted.budget.project import ProjectTotal
from hefted.train.shared import Shared

worlds = runpy.run_path(str(Path(__file__).parent / 'worlds.py'))

SPENDS = """
import json, os
import numpy as np
import hefted
from hefted import Sequential, distribution
from hefted.layers import Dense

world = distribution.initialize()
hefted.utils.set_random_seed(7)
draw = np.random.default_rng(0)
x = draw.normal(size=(2048, 64)).astype('float32')
y = (x[:, :1] > 0).astype('float32')
model = Sequential([Dense(64, activation='relu'), Dense(1, activation='sigmoid')])
model.compile(optimizer='adam', loss='binary_crossentropy')
said = {}
for number, budget in enumerate(json.loads(os.environ['BUDGETS'])):
    try:
        history = model.fit(x, y, epochs=100_000 if budget else 20, batch_size=64, verbose=0, budget=budget)
        energy, foreseen = history.footprint.energy, history.forecast.footprint.energy
        said[number] = {'joules': energy.value, 'by': history.stopped_by, 'epochs': len(history.epoch),
                        'foreseen': foreseen and foreseen.value, 'notes': history.forecast.notes}
    except Exception as error:
        said[number] = {'error': type(error).__name__, 'told': str(error)}
print(json.dumps(said), flush=True)
"""


def spent(folder: Path, size: int, *budgets: str | None) -> list[list[dict[str, Any]]]:
    """What each process says of each of its trainings."""
    folder.mkdir(exist_ok=True)
    port = worlds['free_port']()
    told = [worlds['plain'](rank, size, port) | {'BUDGETS': json.dumps(budgets)} for rank in range(size)]
    ended = worlds['run'](SPENDS, size, folder, told)
    assert [each.code for each in ended] == [0] * size, ended
    lines = [json.loads(next(line for line in each.out.splitlines() if line.startswith('{'))) for each in ended]
    return [[each[str(number)] for number in range(len(budgets))] for each in lines]


@pytest.fixture(scope='module')
def of_a_project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[dict[str, Any]]]]:
    """Two trainings without a budget of their own, by two processes, of a project, and their folder."""
    folder = tmp_path_factory.mktemp('of_a_project')
    (folder / 'pyproject.toml').write_text("[tool.hefted]\nproject = 'whales'\nbudget = '1 kWh'\n")
    return folder, spent(folder, 2, None, None)


def test_what_all_processes_spend_together_keeps_within_the_budget_and_uses_most_of_it(tmp_path: Path):
    size = 4
    free, *_ = spent(tmp_path / 'free', size, None)
    before = free[0]['joules']  # with the start-up of each
    for times in (2, 4, 8):  # a busy machine starts slower, or stands still for longer than is held back
        folder, most = tmp_path / str(times), round(times * before)
        told = spent(folder, size, f'{most} J')
        if all('joules' in each[0] for each in told) and 0.75 * most <= told[0][0]['joules'] <= most:
            break
    else:
        pytest.fail(str(told))
    whole, parts = told[0][0]['joules'], [each[0]['joules'] for each in told[1:]]
    runs = ledger.open(folder / 'data' / 'runs').runs(kind='fit')
    alone = [run.footprint_alone for run in runs]
    assert len(alone) == size
    sums = [each.energy.value for each in alone if each and each.energy]
    assert whole == pytest.approx(sum(sums), rel=1e-6)
    assert all(part < whole for part in parts)
    assert {each[0]['by'] for each in told} == {f'budget {most} J'}
    assert len({each[0]['epochs'] for each in told}) == 1


def test_one_that_pays_for_no_step_of_all_is_refused_by_all_with_the_same_words(of_a_project: Any, tmp_path: Path):
    _, (free, _) = of_a_project
    most = 0.1 * free[0]['joules']  # less than either start-up, however busy the machine was then
    first, second = spent(tmp_path, 2, f'{most:.1f} J')
    assert first[0]['error'] == second[0]['error'] == 'BudgetError'
    assert first[0]['told'] == second[0]['told']


def test_what_is_foreseen_is_of_all_processes(of_a_project: Any):
    _, (first, second) = of_a_project
    assert any('Of all 2 processes' in note for note in first[1]['notes'])
    assert not any('Of all' in note for note in second[1]['notes'])
    assert 1.4 < first[1]['foreseen'] / second[1]['foreseen'] < 3


class Store(dict[str, str]):
    def put(self, key: str, value: str) -> None:
        self[key] = value

    def get(self, key: str, seconds: float) -> str | None:
        return dict.get(self, key)

    def below(self, folder: str) -> dict[str, str]:
        return {key: value for key, value in self.items() if key.startswith(folder)}

    def drop(self, key: str) -> None:
        del self[key]


def test_between_two_questions_others_are_carried_on_as_fast_as_they_went_beside_rank_0():
    store, joules = Store(), {0: 10.0, 1: 5.0}
    first, second = [Shared(lambda rank=rank: {'energy': joules[rank]}, rank, 2, store, 1) for rank in (0, 1)]
    for shared in (second, first):
        shared.tell()
    joules |= {0: 12.0, 1: 11.0}  # three times as much
    second._own = None
    for shared in (second, first):
        shared.tell()
    assert first.read() == {'energy': 23.0}
    joules[0] = 13.0
    assert first.read() == {'energy': 27.0}
    assert second.read() == {'energy': 11.0}


def test_a_project_counts_a_training_of_several_processes_once(of_a_project: Any):
    folder, (first, _) = of_a_project
    total = ProjectTotal('whales', folder / 'data' / 'runs')
    total.look()
    assert total.amounts()['energy'] == pytest.approx(first[0]['joules'] + first[1]['joules'], rel=1e-6)
