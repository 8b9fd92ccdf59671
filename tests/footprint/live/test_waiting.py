"""A training that waits by what a service foresees: a real one on the loopback interface, and the real clock."""

from __future__ import annotations

import time

import pytest

from hefted.footprint.footprint import Footprint
from hefted.footprint.live import chosen
from hefted.footprint.live.forecasts import Outlook
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity, Source
from hefted.runs import NullRun
from hefted.train.holding import Holding
from hefted.when import When

TOKEN = 'key-that-nobody-may-see'


@pytest.fixture
def holding(service):
    """What holds a training of a minute by what the service foresees, and what it has said."""
    said: list[str] = []
    environment = {'HEFTED_GRID_URL': service.address, 'ELECTRICITYMAPS_TOKEN': TOKEN}
    duration = Quantity.between(60, 50, 70, 's', source=Source('pilot', 'Steps that were tried'))
    nothing = dict.fromkeys(('energy', 'carbon', 'water', 'minerals', 'cost'))
    forecast = Forecast(Plan(steps=80), Footprint(**nothing, duration=duration, place=Place.of('FR')))

    def outlook(until, clock):
        return Outlook(chosen('electricitymaps', environment), Place.of('FR'), until, clock)

    return Holding(When('cleanest within 10 min'), outlook, forecast, NullRun(), say=said.append), said


def hours(*points):
    now = time.time()
    rows = [
        {'carbonIntensity': grams, 'datetime': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now + at))}
        for at, grams in points
    ]
    return {'zone': 'FR', 'forecast': rows}


def test_it_waits_for_what_the_service_foresees_and_asks_once(service, holding):
    held, said = holding
    service.says(hours((-60, 240), (6, 24), (3000, 300)))
    begun = time.time()
    held.begin(0, 0)
    assert held.holds()
    held.wait()
    assert 1 < time.time() - begun < 10
    assert not held.holds()
    held.end()
    assert len(service.asked) == 1
    assert 'for 24 g CO2e/kWh, now 240' in said[0]
    assert held.waited > 1


@pytest.mark.parametrize(('status', 'words'), [(403, 'refused the key'), (429, 'asked too often'), (500, 'status 500')])
def test_a_service_that_fails_holds_nothing_and_the_reason_is_said(service, holding, status, words):
    held, said = holding
    service.says({'error': TOKEN}, status=status)
    held.begin(0, 0)
    assert not held.holds()
    (line,) = said
    assert line.startswith('Starting at once. Electricity Maps')
    assert words in line
    assert TOKEN not in line
