"""`fit(when=…)`: real trainings that wait some seconds for a trace's next hour."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

import hefted
from hefted import Input, Sequential, ledger
from hefted.callbacks import BackupAndRestore, Callback
from hefted.errors import ArgumentError, NotCompiledError
from hefted.footprint.footprint import Footprint
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.layers import Dense
from hefted.ledger.journal import settle
from hefted.models import fitting
from hefted.quantities import Quantity, Source
from hefted.report.exports.record import facts_of
from hefted.train.governor import Governor

X = np.random.default_rng(0).random((320, 3), np.float32)
Y = X.sum(1, keepdims=True)


def compiled() -> Sequential:
    hefted.utils.set_random_seed(1)
    model = Sequential([Input((3,)), Dense(1)])
    model.compile('sgd', 'mse')
    return model


@pytest.fixture
def grid(tmp_path, monkeypatch):
    """Write a trace whose hours begin so many seconds from now; a training takes a minute by its forecast."""
    duration = Quantity.between(60, 50, 70, 's', source=Source('pilot', 'Steps that were tried'))
    nothing: dict[str, Any] = dict.fromkeys(('energy', 'carbon', 'water', 'minerals', 'cost'))
    forecast = Forecast(Plan(steps=80), Footprint(**nothing, duration=duration, place=Place.of('FR')))
    monkeypatch.setattr(fitting, 'foresee', lambda prepared, run: forecast)
    monkeypatch.setattr(fitting, 'listening', lambda prepared, forecast, run: Governor())
    compiled().fit(X, Y, epochs=2, verbose=0)  # what follows compiles nothing

    def write(**grams: float) -> None:
        now = time.time()
        rows = [f'{datetime.fromtimestamp(now + float(at[1:]), UTC).isoformat()},{g}' for at, g in grams.items()]
        (tmp_path / 'grid.csv').write_text('\n'.join(['time,intensity', *rows]))
        monkeypatch.setenv('HEFTED_GRID_TRACE', str(tmp_path / 'grid.csv'))

    return write


def test_a_training_waits_for_the_cleaner_hour_and_its_receipt_says_what_that_saved(grid, capsys):
    grid(_0=240, _6=24, _3000=300)
    begun = time.time()
    history = compiled().fit(X, Y, epochs=2, verbose=2, when='cleanest within 10 min')
    assert 2 < time.time() - begun < 20
    footprint, receipt = history.footprint, history.receipt()
    assert footprint.phases['wait'].seconds > 0
    assert footprint.phases['wait'].energy.value > 0
    out = capsys.readouterr().out
    assert out.index('Waiting until') < out.index('Epoch 1/2')
    assert 'for 24 g CO2e/kWh, now 240; deadline' in out
    assert ' rather than ' in receipt.facts.waited
    assert ' at once, ' in receipt.facts.waited
    assert f'Waited      {receipt.facts.waited[:20]}' in str(receipt)
    settle(30)
    run = ledger.open().get(history.run)
    told = run.told('when')
    assert told['wish'] == 'cleanest within 0.166667 h'
    assert told['saved']['unit'] == 'g CO2e'
    assert told['used']['value'] == pytest.approx(footprint.operational.value, rel=0.5)
    assert facts_of(run).waited == receipt.facts.waited
    assert json.dumps(receipt.to_json())


def test_waiting_changes_no_bit_of_what_is_learned(grid):
    plain = compiled()
    plain.fit(X, Y, epochs=2, verbose=0)
    grid(_0=240, _4=24, _3000=300)
    held = compiled()
    history = held.fit(X, Y, epochs=2, verbose=0, when='cleanest within 10 min')
    assert history.footprint.phases['wait'].seconds > 0
    for one, two in zip(plain.get_weights(), held.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_pause_in_the_middle_keeps_a_checkpoint_and_the_bits(grid, tmp_path):
    class Slow(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            time.sleep(0.3)

    def fit(**more: Any) -> Any:
        model = compiled()
        history = model.fit(X, Y, epochs=8, verbose=0, callbacks=[Slow(), BackupAndRestore(tmp_path / 'kept')], **more)
        return model.get_weights(), history

    plain, _ = fit()
    for _ in range(4):  # a busy machine may begin only when the dirty hour has
        grid(_0=150, _1=2000, _3=150, _3000=300)
        held, history = fit(when='grid < 200 g within 20 min')
        phases = history.footprint.phases
        if 'wait' in phases and 'checkpoint' in phases:
            break
    assert 0 < phases['wait'].seconds < 4
    assert 'checkpoint' in phases
    for one, two in zip(plain, held, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(('number', 'raised'), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_ends_the_wait_with_the_state_whole_and_what_was_kept_goes_on(grid, tmp_path, number, raised):
    grid(_0=240, _60=24, _3000=300)
    model = compiled()
    before = model.get_weights()
    kept = BackupAndRestore(tmp_path / 'kept')
    strike = threading.Timer(3.0, os.kill, [os.getpid(), number])
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where tests run in the background
    strike.start()
    begun = time.time()
    try:
        with pytest.raises(raised):
            model.fit(X, Y, epochs=2, verbose=0, callbacks=[kept], when='cleanest within 10 min')
    finally:
        signal.signal(signal.SIGINT, heard)
    assert time.time() - begun < 30
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert list((tmp_path / 'kept').iterdir())
    plain = compiled()
    plain.fit(X, Y, epochs=2, verbose=0)
    again = compiled()
    again.fit(X, Y, epochs=2, verbose=0, callbacks=[BackupAndRestore(tmp_path / 'kept')])
    for one, two in zip(plain.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_is_wrong_is_told_before_anything_is_done(grid):
    grid(_0=240)
    model = compiled()
    with pytest.raises(ArgumentError, match="Did you mean 'cleanest'"):
        model.fit(None, None, when='cleanset')
    with pytest.raises(NotCompiledError):
        Sequential([Input((3,)), Dense(1)]).fit(X, Y, when='cleanest')


def test_without_a_forecast_of_the_grid_it_says_what_to_set(monkeypatch):
    monkeypatch.delenv('HEFTED_GRID_TRACE', raising=False)
    with pytest.raises(ArgumentError, match='HEFTED_GRID_TRACE'):
        compiled().fit(None, None, when='cleanest')


def test_an_unmetered_training_waits_as_well(grid):
    grid(_0=240, _4=24, _3000=300)
    begun = time.time()
    history = compiled().fit(X, Y, epochs=1, verbose=0, meter=None, when='cleanest within 10 min')
    assert time.time() - begun > 1
    assert history.footprint is None


def test_a_training_that_nobody_can_foresee_starts_at_once_and_says_so(grid, monkeypatch, capsys):
    grid(_0=240, _60=24, _3000=300)
    monkeypatch.setattr(fitting, 'foresee', lambda prepared, run: None)
    compiled().fit(X, Y, epochs=1, verbose=2, when='cleanest within 10 min')
    assert 'Starting at once. Nobody knows how long this training takes' in capsys.readouterr().out
