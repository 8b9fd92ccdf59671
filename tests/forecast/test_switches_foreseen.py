"""The network between nodes is a line of its own, upon which the data centre's overhead comes."""

from __future__ import annotations

import pytest

from hefted.forecast.analytic import forecast_for, forecast_recipe, plan_of
from hefted.forecast.machines import machines
from hefted.forecast.recipes import LAMB_LARGE
from hefted.metering.switches import switches


def test_one_node_has_no_switches_and_several_have():
    plan = plan_of(340e6, 10e9)
    assert 'switches' not in forecast_for(plan, '8 x A100', 'FR').footprint.components
    assert 'switches' in forecast_for(plan, '16 x A100', 'FR').footprint.components


def test_switches_draw_for_as_long_as_the_training_lasts_by_the_speed_of_the_links():
    told = forecast_recipe(LAMB_LARGE, '4 x DGX-2H', 'US')
    chip = machines('4 x DGX-2H').chip
    watts = told.footprint.components['switches'].to('J').value / told.duration.value
    assert watts == pytest.approx(switches(64, chip.network_gb_per_s).value)
    assert switches(64, 25.0).value == pytest.approx(4 * switches(64, 6.25).value)


def test_they_are_a_small_part_and_in_the_whole():
    told = forecast_recipe(LAMB_LARGE, '32 x DGX A100', 'US').footprint
    whole = sum(energy.to('J').value for energy in told.components.values())
    assert told.energy is not None
    assert told.energy.to('J').value == pytest.approx(whole)
    assert 0.01 < told.components['switches'].to('J').value / whole < 0.1


def test_the_overhead_of_the_data_centre_comes_upon_them():
    told = forecast_recipe(LAMB_LARGE, '4 x DGX-2H', 'US', pue=2.0).footprint
    assert told.facility is not None
    assert told.energy is not None
    assert told.facility.to('J').value == pytest.approx(told.energy.to('J').value)


def test_the_forecast_says_that_they_are_covered():
    plan = plan_of(340e6, 10e9)
    assert 'the switches between nodes' in forecast_for(plan, '16 x A100', 'FR').footprint.covers
    assert 'switches' not in forecast_for(plan, '8 x A100', 'FR').footprint.covers
