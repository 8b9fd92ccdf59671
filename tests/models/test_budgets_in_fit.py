"""A budget on a `fit`: the final figure keeps within it, the state stays whole, and an impossible one costs nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Budget, ledger
from hefted.budget.limits import spent
from hefted.callbacks import BackupAndRestore, Callback, EarlyStopping, ModelCheckpoint
from hefted.errors import ArgumentError, BudgetError
from hefted.layers import Dense, Dropout
from hefted.ledger.journal import settle
from hefted.models import Sequential, load_model
from hefted.report.exports.record import facts_of
from hefted.report.receipt import receipt
from hefted.utils import set_random_seed

ROWS = 4096
X = np.random.default_rng(0).random((ROWS, 32), 'float32')
Y = (X.sum(1) > 16).astype('float32')
FOR_EVER = 1_000_000


def small(width: int = 32) -> Sequential:
    model = Sequential([Dense(width, activation='relu'), Dropout(0.2), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
    return model


@pytest.fixture(scope='module')
def model() -> Sequential:
    model = small()
    model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y))
    return model


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HEFTED_PRICE', '10 USD/h')


def kept(fit: Callable[[str], Any], amount: float, unit: str, *, used: float = 0.0) -> Any:
    """The history of a training that kept within a budget, and used at least such a part of it.

    A busy machine takes longer to begin, and may stand still for longer than is held back: then it is tried again,
    with twice as much. What is passed, or left, at each try is no accident.
    """
    shares: list[float | None] = []
    for times in (1, 2, 4, 8, 16):
        budget = Budget(f'{amount * times:g} {unit}')
        (name,) = budget.limits
        try:
            history = fit(str(budget))
        except BudgetError:
            shares.append(None)
            continue
        assert history.stopped_by == f'budget {budget}'
        if history.footprint is None:
            return history
        shares.append((spent(history.footprint, [name])[name] or 0.0) / budget.most(name))
        if used < shares[-1] <= 1:
            return history
    return pytest.fail(f'no budget was kept: parts used were {shares}')


@pytest.mark.parametrize(('amount', 'unit'), [(2, 'J'), (900, 'ms'), (0.5, 'mg CO2e'), (4, 'µL'), (18, 'ng Sb eq')])
def test_the_final_figure_keeps_within_the_budget_and_nearly_all_of_it_is_used(
    model: Sequential, amount: float, unit: str
):
    kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget), amount, unit, used=0.8)


def test_money_is_limited_where_a_price_is_known(model: Sequential, priced: None):
    history = kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget), 0.001, 'USD', used=0.8)
    assert history.footprint.cost is not None


def test_of_several_limits_the_tightest_stops(model: Sequential):
    kept(lambda tightest: model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=['1 kWh', tightest, '1 L']), 300, 'ms')


def test_the_receipt_and_the_journal_say_what_stopped_it(model: Sequential, capsys: pytest.CaptureFixture[str]):
    history = kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget), 1, 'J')
    limit = history.stopped_by.removeprefix('budget ')
    told = str(history.receipt())
    assert 'stopped by its budget: ' in told
    assert f'of {limit}' in told
    settle(30)
    run = ledger.open().get(str(history.run))
    assert run.status == 'stopped'
    again = receipt(run.footprint, facts_of(run))
    assert again.facts.stopped_by == f'budget {limit}'
    assert next(line.value for line in again.lines if line.label == 'Budget').endswith(f'of {limit}')


def trained(epochs: int, held_out: bool = False, **more: Any) -> tuple[Sequential, Any]:
    """A model that is trained from the same seed each time."""
    set_random_seed(7)
    model = small()
    data = (X, Y) if held_out else None
    return model, model.fit(X, Y, epochs=epochs, verbose=0, validation_data=data, **more)


def test_a_budget_that_is_enough_changes_nothing():
    _, one = trained(2)
    _, two = trained(2, budget='1 kWh')
    assert one.history == two.history
    assert two.stopped_by is None
    settle(30)
    assert ledger.open().get(str(two.run)).status == 'finished'
    assert 'of 1 kWh' in str(two.receipt())


class Heard(Callback):
    """What was called, in order; batches are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.batches = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.names.append(f'begin {epoch}')

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.names.append(f'end {epoch}')

    def on_train_end(self, logs: Any = None) -> None:
        self.names.append('over')


class HeardByBatch(Heard):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1


@pytest.mark.parametrize('kind', [Heard, HeardByBatch])
@pytest.mark.parametrize('held_out', [True, False])
def test_a_stop_within_an_epoch_does_not_end_it(model: Sequential, kind: type[Heard], held_out: bool):
    data = (X, Y) if held_out else None
    heard = kind()

    def fit(budget: str) -> Any:
        heard.__init__()
        return model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget, callbacks=[heard], validation_data=data)

    history = kept(fit, 0.5, 's')
    assert heard.names[-1] == 'over'
    last = next(name for name in reversed(heard.names) if name != 'over')
    begun, ended = (sum(name.startswith(what) for name in heard.names) for what in ('begin', 'end'))
    assert begun - ended == (1 if last.startswith('begin') else 0)
    assert len(history.epoch) == ended
    assert all(len(values) == ended for values in history.history.values())
    assert not ended or not held_out or 'val_loss' in history.history


def batches_of(rows: int, pause: float = 0.0) -> Any:
    import time

    while True:
        time.sleep(pause)
        yield X[:rows], Y[:rows]


@pytest.mark.parametrize('pause', [0.0, 0.01])
def test_generators_stop_within_the_budget_too(model: Sequential, pause: float):
    model.fit(batches_of(64), steps_per_epoch=2, verbose=0)  # compiled by now
    data = batches_of(64, pause)
    kept(lambda budget: model.fit(data, epochs=FOR_EVER, steps_per_epoch=50, verbose=0, budget=budget), 500, 'ms')


def test_steps_run_by_python_stop_within_the_budget():
    model = small()
    model.compile(optimizer='sgd', loss='binary_crossentropy', run_eagerly=True)
    model.fit(X[:64], Y[:64], verbose=0)
    kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget), 600, 'ms')


def test_without_a_meter_a_duration_is_kept_and_energy_is_refused(model: Sequential):
    kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget, meter=None), 200, 'ms')
    with pytest.raises(BudgetError, match='the meter is off'):
        model.fit(X, Y, verbose=0, budget='5 Wh', meter=None)


def test_money_without_a_price_is_refused_with_how_to_set_it(model: Sequential):
    weights = model.get_weights()
    with pytest.raises(BudgetError, match='no price is known; set HEFTED_PRICE'):
        model.fit(X, Y, verbose=0, budget='$3')
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_a_budget_that_cannot_be_read_fails_before_a_run_begins(model: Sequential):
    settle(30)
    before = len(ledger.open().runs(kind='fit'))
    with pytest.raises(ArgumentError, match='budget: expected'):
        model.fit(X, Y, verbose=0, budget=5)
    assert len(ledger.open().runs(kind='fit')) == before


@pytest.mark.parametrize('said', ['1 µL', '0.1 mJ', '1 ms'])
def test_an_impossible_budget_raises_before_a_step(model: Sequential, said: str):
    weights = model.get_weights()
    said = {'1 µL': '0.001 µL'}.get(said, said)
    with pytest.raises(BudgetError, match=r'received less'):
        model.fit(X, Y, epochs=3, verbose=0, budget=said)
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_what_would_fit_is_said(model: Sequential):
    said = ''
    for budget in ('5 mJ', '10 mJ', '20 mJ', '40 mJ'):  # a busy machine takes the first ones before it can say more
        with pytest.raises(BudgetError) as refused:
            model.fit(X, Y, epochs=300, verbose=0, budget=budget)
        said = str(refused.value)
        if 'What would fit' in said:
            break
    assert re.search(r'at least .*J for one step, .* for one epoch, .* for all 300 epochs', said), said


def test_how_far_it_goes_is_said_before_it_starts(model: Sequential, capsys: pytest.CaptureFixture[str]):
    history = kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=2, budget=budget), 300, 'ms')
    lines = capsys.readouterr().out.splitlines()
    told = history.stopped_by.removeprefix('budget ')
    at = next(number for number, line in enumerate(lines) if line.startswith(f'Budget {told}: about '))
    assert lines[at - 1].startswith('Forecast: ')
    following = next(line for line in lines[at + 1 :] if line)
    assert following.startswith('Epoch 1/') or 'fit' in following  # the receipt, where the budget was spent before it


def test_the_best_weights_are_there_where_they_were_asked_for(model: Sequential, tmp_path: Path):
    class Best(Callback):
        best: float = np.inf
        weights: Any = None

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if logs['loss'] < self.best:
                self.best, self.weights = logs['loss'], self.model.get_weights()

    file, asked = tmp_path / 'best.keras', list[Best]()

    def fit(budget: str) -> Any:
        asked.append(Best())
        callbacks = [
            asked[-1],
            EarlyStopping('loss', patience=FOR_EVER, restore_best_weights=True),
            ModelCheckpoint(file, 'loss', save_best_only=True),
        ]
        return model.fit(X, Y, epochs=FOR_EVER, verbose=0, budget=budget, callbacks=callbacks)

    assert kept(fit, 1.5, 's').epoch
    best = asked[-1]
    for found in (model, load_model(file)):
        assert all(np.array_equal(a, b) for a, b in zip(best.weights, found.get_weights(), strict=True))


@pytest.mark.parametrize('held_out', [True, False])
def test_with_more_to_spend_it_goes_on_to_the_same_bits(tmp_path: Path, held_out: bool):
    whole, unbroken = trained(60, held_out)
    stops, history, model, seconds = 0, None, whole, 0.4
    while not stops or history.stopped_by:
        left = Budget(duration=f'{seconds if stops < 3 else 600} s')
        try:
            model, history = trained(60, held_out, budget=left, callbacks=[BackupAndRestore(tmp_path / 'backup')])
        except BudgetError:  # a busy machine takes longer to compile
            seconds *= 1.3
            continue
        stops += bool(history.stopped_by)
        seconds *= 1.0 if stops else 0.8
        assert (tmp_path / 'backup').exists() == bool(history.stopped_by)
    assert stops >= 1
    assert history.history == unbroken.history
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), model.get_weights(), strict=True))


SCRIPT = """
    import json, sys
    import numpy as np
    import hefted
    from hefted.layers import Dense

    x = np.random.default_rng(0).random((4096, 32), 'float32')
    model = hefted.Sequential([Dense(32, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy')
    history = model.fit(x, x[:, 0] > 0.5, epochs=1_000_000, verbose=0, budget=sys.argv[1])
    print(json.dumps([history.stopped_by, history.footprint.duration.value, history.footprint.energy.value]))
"""


def test_the_first_run_of_a_process_has_its_start_up_in_the_budget():
    shares: list[float | None] = []
    for times in (1, 2, 4, 8):  # as `kept`
        budget = [f'{20 * times} s', f'{25 * times} J']
        command = [sys.executable, '-c', textwrap.dedent(SCRIPT), ', '.join(budget)]
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode:
            assert 'BudgetError' in told.stderr, told.stderr
            shares.append(None)
            continue
        stopped_by, seconds, joules = json.loads(told.stdout)
        assert stopped_by in [f'budget {each}' for each in budget]
        shares.append(max(seconds / (20 * times), joules / (25 * times)))
        if 0.8 < shares[-1] <= 1:
            break
    else:
        pytest.fail(f'no budget was kept: parts used were {shares}')


def test_a_budget_below_the_start_up_raises_before_anything_more_runs():
    failed = subprocess.run([sys.executable, '-c', textwrap.dedent(SCRIPT), '1 mJ'], capture_output=True, text=True)
    assert failed.returncode == 1
    assert 'BudgetError: budget 1 mJ: expected more than what is spent already' in failed.stderr


@pytest.mark.parametrize('hook', ['on_epoch_begin', 'on_epoch_end', 'on_train_end'])
def test_what_callbacks_took_before_is_reserved(hook: str):
    slow = Callback()
    setattr(slow, hook, lambda *_: time.sleep(0.2))
    model = small()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[slow])
    if hook == 'on_train_end':  # which is known once a budget was asked to keep it
        model.fit(X, Y, epochs=FOR_EVER, verbose=0, callbacks=[slow], budget='6 s')
    kept(lambda budget: model.fit(X, Y, epochs=FOR_EVER, verbose=0, callbacks=[slow], budget=budget), 1.5, 's')
