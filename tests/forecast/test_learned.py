"""What earlier forecasts teach the next one: how often its interval holds, and what it costs to ask."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted import ledger
from hefted.forecast import learned as module
from hefted.forecast.learned import FEWEST, Correction, conformal, correction, learned, refresh
from hefted.ledger import record, scored
from hefted.ledger.record import factor_of, machine_key
from hefted.ledger.scores import Outcome, Score
from hefted.metering.machine import this_machine
from hefted.quantities import Error, Quantity, Source

from ..ledger.forecasted import fit, forecast

SRC = str(Path(ledger.__file__).parents[2])
TRIED = Source('tried', 'Steps that were tried')


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    module._correction.cache_clear()
    return tmp_path / 'runs'


def foreseen(value: float = 100.0, low: float = 80.0, high: float = 125.0) -> Quantity:
    return Quantity.between(value, low, high, 's', source=TRIED)


def one(ratio: float, how: str = 'pilot', seconds: float = 10.0, machine: str = 'here', factor: float = 1.0) -> Score:
    told = seconds * factor
    outcome = Outcome(told, 0.9 * told, 1.1 * told, seconds * ratio, 's')
    return Score('r', 'fit', 'm', 'finished', how, machine, outcome, factor=factor)


Draw = Callable[[np.random.Generator, int], np.ndarray]
DISTRIBUTIONS: dict[str, Draw] = {
    'normal': lambda rng, n: rng.normal(0.1, 0.1, n),
    'uniform': lambda rng, n: rng.uniform(-0.5, 0.2, n),
    'skewed': lambda rng, n: rng.exponential(0.3, n),
    'heavy tails': lambda rng, n: 0.05 * rng.standard_t(2, n),
    'two humps': lambda rng, n: rng.choice([-0.4, 0.4], n) + rng.normal(0, 0.02, n),
    'one value': lambda rng, n: np.full(n, 0.3),
    'few values': lambda rng, n: rng.integers(0, 3, n) / 10,
}


@pytest.mark.parametrize('runs', [20, 25, 39, 100, 200])
@pytest.mark.parametrize('name', DISTRIBUTIONS)
def test_an_interval_holds_as_often_as_it_says_whatever_the_distribution(name: str, runs: int):
    rng = np.random.default_rng(runs)
    held = 0
    trials, following = 400, 20
    for _ in range(trials):
        draws = DISTRIBUTIONS[name](rng, runs + following)
        told = conformal(list(draws[:runs]))
        assert told is not None
        set_right = told.applied(foreseen(1.0, 0.999, 1.001))  # a forecast that is far too sure of itself
        actual = np.exp(draws[runs:])
        held += int(((set_right.low <= actual) & (actual <= set_right.high)).sum())
    assert held / (trials * following) >= 0.88


def test_an_interval_is_no_wider_than_it_must_be_when_there_are_many_runs():
    told = conformal(list(np.random.default_rng(1).normal(0.0, 0.2, 200)))
    assert told is not None
    set_right = told.applied(foreseen(100.0, 10.0, 1000.0))  # one that knows next to nothing
    assert 100 * math.exp(-0.2 * 3.3) < set_right.low < 100 * math.exp(-0.2 * 1.4)
    assert 100 * math.exp(0.2 * 1.4) < set_right.high < 100 * math.exp(0.2 * 3.3)


def test_fewer_than_twenty_runs_teach_nothing():
    assert conformal([0.1] * (FEWEST - 1)) is None
    assert conformal([0.1] * FEWEST) is not None


def test_the_middle_is_set_right_and_the_record_is_its_source():
    told = Correction(50, 1.1, 1.2, 1.4).applied(foreseen())
    assert told.value == pytest.approx(120.0)
    assert factor_of(told.sources) == 1.2
    assert TRIED in told.sources
    assert [error.source for error in told.errors] == ['record of forecasts']
    assert told.low <= 110
    assert told.high >= 140


def test_few_runs_narrow_a_forecast_less_than_many():
    widths = [Correction(runs, 0.95, 1.0, 1.05).applied(foreseen(100, 50, 200)) for runs in (20, 60, 200)]
    highs = [told.high for told in widths]
    assert highs == sorted(highs, reverse=True)
    assert highs[0] < 200
    assert highs[-1] > 105


def test_no_interval_is_narrower_than_two_runs_ever_are():
    told = Correction(200, 1.0, 1.0, 1.0).applied(foreseen(100, 100, 100))
    assert told.high == pytest.approx(102.0)
    assert told.low == pytest.approx(100 / 1.02)


def test_a_forecast_is_set_right_once():
    once = Correction(50, 1.1, 1.2, 1.4).applied(foreseen())
    assert Correction(50, 1.1, 1.2, 1.4).applied(once) is once


def test_what_reaches_down_to_nothing_is_set_right_too():
    zero = Quantity(0.0, 's', 'modelled', (Error('tried', 0.0, 1.0),))
    assert Correction(50, 1.1, 1.2, 1.4).applied(zero) is zero
    told = Correction(50, 1.1, 1.2, 1.4).applied(foreseen(100, 0, 300))
    assert 0 < told.low < told.value < told.high


@given(
    st.lists(st.floats(-3, 3), min_size=20, max_size=250),
    st.floats(1e-6, 1e9),
    st.floats(0, 1),
    st.floats(1, 100),
)
def test_the_middle_always_lies_in_the_interval(ratios: list[float], value: float, low: float, high: float):
    told = conformal(ratios)
    assert told is not None
    assert told.low <= told.factor <= told.high
    set_right = told.applied(foreseen(value, value * low, value * high))
    assert 0 < set_right.low < set_right.value < set_right.high < math.inf
    assert set_right.value == pytest.approx(value * told.factor)
    assert factor_of(set_right.sources) == pytest.approx(told.factor, rel=1e-5)


def test_only_runs_like_it_are_heard():
    scores = [one(1.1)] * 20 + [one(3.0, 'known')] * 30 + [one(2.0, seconds=1000.0)] * 30
    told = learned(scores, 'pilot', seconds=20.0, machine='here')
    assert told is not None
    assert (told.runs, told.factor) == (20, 1.1)
    assert learned(scores, 'pilot', machine='elsewhere') is None
    every = learned(scores, 'pilot')
    assert every is not None
    assert every.runs == 50
    assert learned(scores, 'roofline') is None


def test_what_was_set_right_before_teaches_what_it_would_have_been_without():
    told = learned([one(1.3, factor=1.25)] * 20, 'pilot')
    assert told is not None
    assert told.factor == pytest.approx(1.3)


def test_the_newest_runs_are_heard():
    told = learned([one(1.0)] * record.KEPT + [one(9.0)] * 500, 'pilot')
    assert told is not None
    assert told == Correction(record.KEPT, 1.0, 1.0, 1.0)


def test_this_machines_record_is_read_from_its_file():
    for _ in range(FEWEST):
        fit(forecast(8.0))
    assert correction('pilot', 8.0) is None  # nothing was written of them yet
    ledger.open().scores()
    module._correction.cache_clear()
    told = correction('pilot', 8.0)
    assert told is not None
    assert (told.runs, told.factor) == (FEWEST, pytest.approx(1.25))
    assert correction('pilot', 8000.0) is None
    assert correction('pilot') == told
    assert correction('pilot', 8.0, this_machine()._replace(threads=4096.0)) is None


def test_a_record_is_asked_in_less_than_a_millisecond(data: Path):
    key = record.key_of(machine_key(this_machine().to_json()), 'pilot', 'longer')
    kinds = {f'{key}{number}': [0.12345] * record.KEPT for number in range(8)} | {key: [0.1] * record.KEPT}
    data.mkdir(parents=True)
    record_of = [Score(f'{n}', 'fit', 'm', 'finished', 'pilot', 'x', Outcome(9, 8, 10, 9, 's')) for n in range(7000)]
    scored._write(data / record.FILE, {score.run: scored.Entry((1, 1), score) for score in record_of})
    first, _, rest = (data / record.FILE).read_text().partition('\n')
    (data / record.FILE).write_text(
        first.replace('"record":{', f'"record":{str(kinds)[:-1]},'.replace("'", '"')) + '\n' + rest
    )
    times: list[float] = []
    for _ in range(20):
        module._correction.cache_clear()
        begun = time.perf_counter()
        told = correction('pilot', 3600.0)
        times.append(time.perf_counter() - begun)
        assert told is not None
    assert min(times) < 1e-3


def test_a_record_is_brought_up_to_date_when_it_is_old():
    for _ in range(3):
        fit(forecast(8.0))
    assert refresh()
    assert not refresh()
    assert refresh(stale_seconds=-1.0)
    (kept,) = scored.record(ledger.open().scores().scored).values()
    assert len(kept) == 3


def test_without_runs_there_is_nothing_to_bring_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'file'))
    (tmp_path / 'file').write_text('')
    assert not refresh()


def test_a_process_that_asked_brings_the_record_up_to_date_as_it_ends(data: Path):
    run = fit(forecast(8.0))
    ledger.open()._everything()
    program = 'from hefted.forecast.learned import correction; print(correction("pilot", 8.0))'
    environment = os.environ | {'PYTHONPATH': SRC}
    done = subprocess.run([sys.executable, '-c', program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == 'None\n'
    assert done.stderr == ''
    assert run.id in (data / record.FILE).read_text()


def test_a_short_training_is_set_right_by_the_record_too_and_brings_nothing_up_to_date(data: Path):
    for _ in range(FEWEST):
        fit(forecast(0.5), train=0.4, validate=0.1, checkpoint=0.5)  # half a second longer than was foreseen
    ledger.open().scores()
    os.utime(data / record.FILE, (0, 0))
    program = (
        'from hefted.forecast.local import LocalForecast, price_of\n'
        'from hefted.forecast.pace import Pace\n'
        'from hefted.forecast.plan import Plan\n'
        'from hefted.runs import NullRun\n'
        'told = LocalForecast(Plan(steps=100, epochs=1), Pace("pilot", step=0.005), price_of(NullRun(), {}))\n'
        'print(told.duration.value)'
    )
    environment = os.environ | {'PYTHONPATH': SRC}
    done = subprocess.run([sys.executable, '-c', program], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(1.0)
    assert (data / record.FILE).stat().st_mtime == 0
