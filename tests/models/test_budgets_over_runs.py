"""Budgets over several runs: a with block's and a process's."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Budget
from hefted.errors import ArgumentError, BudgetError
from hefted.layers import Dense
from hefted.models import Sequential

X = np.random.default_rng(0).random((2048, 32), 'float32')
Y = (X.sum(1) > 16).astype('float32')
FOR_EVER = 1_000_000


@pytest.fixture(scope='module')
def model() -> Sequential:
    model = Sequential([Dense(32, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy')
    model.fit(X, Y, epochs=2, verbose=0)
    model.predict(X, verbose=0)
    return model


def joules(history: Any) -> float:
    return history.footprint.energy.to('J').value


def test_fits_in_a_block_share_its_budget(model: Sequential):
    for most in (3, 6, 12, 24):  # a busy machine may stand still for longer than is held back, or leave nothing
        with Budget(f'{most} J') as rest, suppress(BudgetError):
            first = model.fit(X, Y, epochs=20, verbose=0)
            if first.stopped_by is not None:
                assert first.stopped_by == f'budget of the with block {most} J'
                continue
            assert rest.left['energy'].value == pytest.approx(most - joules(first))
            second = model.fit(X, Y, epochs=FOR_EVER, verbose=0)
            assert second.stopped_by == f'budget of the with block {most} J'
            assert rest.spent['energy'].value == pytest.approx(joules(first) + joules(second))
            assert f'stopped by the budget of the with block {most} J' in str(second.receipt())
            if most / 2 < joules(first) + joules(second) <= most:
                break
    else:
        pytest.fail('no budget was kept')
    after = model.fit(X, Y, epochs=2, verbose=0)
    assert after.stopped_by is None


def test_what_a_block_has_spent_is_refused_before_anything_runs(model: Sequential):
    with Budget('2 s'):
        model.fit(X, Y, epochs=FOR_EVER, verbose=0)
        with pytest.raises(BudgetError, match=r'budget of the with block 2 s: .*(what ran before took|one step)'):
            for _ in range(50):
                model.predict(X, verbose=0)
                model.fit(X, Y, epochs=FOR_EVER, verbose=0)


def test_evaluate_and_predict_count_too(model: Sequential):
    with Budget('1 kWh') as rest:
        model.evaluate(X, Y, verbose=0)
        evaluated = rest.spent['energy'].value
        assert evaluated > 0
        model.predict(X, verbose=0)
        predicted = rest.spent['energy'].value
        assert predicted > evaluated
    model.predict(X, verbose=0)
    left = rest.left['energy'].value
    model.predict(X, verbose=0)
    assert rest.left['energy'].value == left  # what comes after the block is not the block's
    assert rest.spent['energy'].value + left == pytest.approx(1.0)


def test_a_fit_within_a_metered_block_is_counted_once(model: Sequential):
    with Budget('1 kWh') as rest:
        with hefted.meter('both') as both:
            model.fit(X, Y, epochs=3, verbose=0)
        assert both.footprint is not None and both.footprint.energy is not None
        assert rest.spent['energy'].to('J').value == pytest.approx(both.footprint.energy.value)


def test_the_stricter_of_a_block_and_a_fit_holds(model: Sequential):
    with Budget('1 kWh, 10 min'):
        assert model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget='10 J').stopped_by == 'budget 10 J'
        with Budget('5 J'):
            stopped = model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget='10 J')
            assert stopped.stopped_by == 'budget of the with block 5 J'


def test_a_block_around_what_is_not_metered_is_no_silent_pass(model: Sequential):
    with Budget('1 kWh'), pytest.raises(BudgetError, match='the meter is off'):
        model.fit(X, Y, verbose=0, meter=None)


def test_a_setting_that_cannot_be_read_says_which(model: Sequential, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('HEFTED_BUDGET', '5')
    with pytest.raises(ArgumentError, match='HEFTED_BUDGET: budget: expected an amount with its unit'):
        model.fit(X, Y, verbose=0)


SCRIPT = """
    import json
    import numpy as np
    import hefted
    from hefted.layers import Dense

    x = np.random.default_rng(0).random((2048, 32), 'float32')
    model = hefted.Sequential([Dense(32, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy')
    told = []
    try:
        while True:
            history = model.fit(x, x[:, 0] > 0.5, epochs=100, verbose=0)
            model.predict(x, verbose=0)
            told.append([history.footprint.energy.value, history.stopped_by])
    except hefted.errors.BudgetError as error:
        print(json.dumps([told, str(error)]))
"""


def test_a_process_has_a_budget_for_all_its_runs(monkeypatch: pytest.MonkeyPatch):
    found = []
    for most in (20, 40, 80, 160):  # a busy machine takes longer to start, and may stand still
        monkeypatch.setenv('HEFTED_BUDGET', f'{most} J')
        command = [sys.executable, '-c', textwrap.dedent(SCRIPT)]
        told, error = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert f'budget of the process {most} J' in error
        found.append((len(told), sum(energy for energy, _ in told) / most))
        if found[-1][0] > 1 and 0.5 < found[-1][1] <= 1:
            break
    else:
        pytest.fail(f'no budget was kept: runs, and parts used, were {found}')
