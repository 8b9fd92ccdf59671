"""The switches between hosts, as a sensor that each host has of its own links."""

from __future__ import annotations

import pytest

from hefted.metering.meter import Meter
from hefted.metering.sensor import Instant
from hefted.metering.switches import SwitchesSensor, switches


def test_it_counts_by_time_from_its_first_reading():
    sensor = SwitchesSensor(8, 25.0)
    assert sensor.read(Instant(1000.0)) == 0.0
    assert sensor.read(Instant(1010.0)) == pytest.approx(10 * switches(8, 25.0).value)


def test_hosts_that_count_their_own_links_count_each_once():
    whole = switches(32, 6.25)
    assert sum(switches(8, 6.25).value for _ in range(4)) == pytest.approx(whole.value)
    assert whole.low < whole.value < whole.high


def test_its_accuracy_is_a_factor_around_one_and_assumed():
    accuracy = SwitchesSensor(1, 1.25).accuracy
    assert (accuracy.value, accuracy.unit, accuracy.basis) == (1.0, '1', 'assumed')
    assert accuracy.high == pytest.approx(2.5 / 1.2)
    assert accuracy.low == pytest.approx(0.4 / 1.2)


def test_a_meter_tells_it_as_a_component_of_its_own():
    now = [0.0]
    meter = Meter([SwitchesSensor(2, 12.5)], clock=lambda: now[0], boot=lambda: None)
    before = meter.read().joules['switches']
    now[0] = 5.0
    assert meter.read().joules['switches'] - before == pytest.approx(5 * switches(2, 12.5).value)
    assert meter.accuracies['switches'][0] == 'switches'
