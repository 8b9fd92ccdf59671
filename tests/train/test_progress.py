"""What a person sees of the forecast while it trains."""

from __future__ import annotations

import io
import re

import pytest

from hefted.forecast.effort import Effort
from hefted.forecast.local import LocalForecast, price_of
from hefted.forecast.outlook import Outlook
from hefted.forecast.pace import Pace
from hefted.forecast.plan import Plan
from hefted.runs import NullRun, Tick
from hefted.train.progress import LineProgress, LiveProgress, Progress

PACE = Pace('pilot', step=0.1)
PLAN = Plan(steps=100, epochs=1)


def forecast() -> LocalForecast:
    return LocalForecast(PLAN, PACE, price_of(NullRun(), {}))


@pytest.mark.parametrize('kind', [LineProgress, LiveProgress])
def test_the_forecast_is_the_first_line(kind: type[Progress]):
    stream = io.StringIO()
    shown = kind(1, 100, stream)
    shown.foreseen(forecast(), Outlook(PLAN, PACE))
    assert stream.getvalue().strip() == 'Forecast: 10 s (8 to 12) · 100 steps'


def test_where_nothing_is_shown_no_forecast_is_accounted_for():
    told = forecast()
    Progress(1, 100).foreseen(told, Outlook(PLAN, PACE))
    assert told._footprint is None


def test_the_live_line_says_what_is_left_until_all_is_done():
    stream, outlook = io.StringIO(), Outlook(PLAN, PACE)
    shown = LiveProgress(1, 100, stream)
    shown.foreseen(None, outlook)
    shown.epoch_begin(0)
    outlook.hear(25, 2.5, 10.0)
    outlook.hear(25, 2.5, 20.0)
    shown.tick(50, {'loss': 0.5}, Tick(50, 0, {}, 20.0, 4.0, None))
    shown.close()
    assert re.search(r'5[.]0 s \(4[.]\d to 5[.]\d\) · 20 J to go', stream.getvalue())
    outlook.hear(50, 5.0, 40.0)
    assert shown._weight(Tick(100, 0, {}, 40.0, 4.0, None), 80) == '4.0 W · 40 J'


def test_a_narrow_terminal_is_told_what_is_left_without_its_interval():
    outlook = Outlook(PLAN, PACE)
    outlook.hear(25, 2.5, 10.0)
    outlook.hear(25, 2.5, 20.0)
    shown = LiveProgress(1, 100, io.StringIO())
    shown.foreseen(None, outlook)
    tick = Tick(50, 0, {}, 20.0, 4.0, None)
    assert shown._weight(tick, 36) == '4.0 W · 20 J · 5.0 s · 20 J to go'
    assert shown._weight(tick, 60).startswith('4.0 W · 20 J · 5.0 s (')


def test_the_forecast_is_folded_between_its_figures(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('COLUMNS', '32')
    stream = io.StringIO()
    LiveProgress(1, 100, stream).foreseen(forecast(), None)
    assert stream.getvalue().splitlines() == ['Forecast: 10 s (8 to 12)', '100 steps']


def test_what_a_training_makes_of_its_devices_is_told_where_a_row_has_room():
    outlook = Outlook(PLAN, PACE)
    outlook.hear(25, 2.5, 10.0)
    outlook.hear(25, 2.5, 20.0)
    shown = LiveProgress(1, 100, io.StringIO())
    shown.foreseen(None, outlook)
    tick = Tick(50, 0, {}, 20.0, 4.0, None, 5.0, Effort(0.413, 1234.0, 'tokens'))
    assert shown._weight(tick, 200).startswith('4.0 W · 20 J · 41 % MFU · 1,200 tokens/J · 5.0 s (')
    assert shown._weight(tick, 62) == '4.0 W · 20 J · 41 % MFU · 1,200 tokens/J · 5.0 s · 20 J to go'
    assert 'MFU' not in shown._weight(tick, 50)
    assert len(shown._weight(tick, 80)) <= 80


def test_an_epochs_line_tells_it_too():
    stream = io.StringIO()
    shown = LineProgress(1, 100, stream)
    shown.epoch_begin(0)
    shown.epoch_end(0, {}, Tick(100, 0, {}, 20.0, 4.0, None, 5.0, Effort(0.413, 1234.0, 'tokens')), 100)
    assert stream.getvalue().rstrip().endswith('20 J · 41 % MFU · 1,200 tokens/J')
