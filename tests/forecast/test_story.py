"""The story's figures: those of the paper follow from its own constants, the others from model and machine alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hefted.errors import UnknownNameError
from hefted.footprint.strubell import POUNDS_PER_KWH
from hefted.forecast.here import calibrated, forecast_here
from hefted.forecast.recipes import MODERN_BASE, ORIGINAL_BASE
from hefted.forecast.story import POUND, Story, story
from hefted.metering.machine import Machine
from hefted.quantities import Quantity

LAPTOP = Machine('laptop', threads=8.0, memory_bytes=16 * 2**30)


@pytest.fixture(scope='module')
def told() -> Story:
    return story(['8 x A100-80GB', '8 x H100'], ['FR', 'US-VA'])


def test_the_papers_figures_follow_from_its_hours(told: Story):
    printed = told.printed
    assert printed.power.value * 79.2 / 1000 * 1.58 == pytest.approx(printed.energy_again)
    assert round(printed.energy_again) == printed.energy.value == 1507
    assert round(printed.pounds_again) == round(printed.carbon.value / POUND) == 1438
    assert (round(printed.least.value), round(printed.most.value)) == (3751, 12_571)
    assert round(printed.flights.value, 2) == 0.72


def test_sixty_four_v100_draw_more_than_the_paper_took_and_no_more_than_their_machines_can(told: Story):
    """A DGX-2H takes at most 12 kW (its data sheet, 2018)."""
    assert told.printed.power.value < told.wall.low < told.wall.value < 4 * 12_000
    assert told.drawn.value == pytest.approx(told.wall.value / 1000 * 79.2 * 1.58)
    assert told.drawn_carbon.value == pytest.approx(told.drawn.value * POUNDS_PER_KWH * POUND)


def test_nvidias_hours_are_in_the_interval_and_the_papers_are_not(told: Story):
    base, _, lamb, _ = told.then
    assert base.published is not None
    assert base.forecast.duration.to('h').high < base.published.value == 79.2
    assert lamb.published is not None
    assert lamb.forecast.duration.to('h').low < lamb.published.value < lamb.forecast.duration.to('h').high


def test_today_is_each_machine_at_each_place(told: Story):
    assert [each.forecast.footprint.place.code for each in told.now] == ['FR', 'FR', 'US-VA', 'US-VA']
    assert told.least.forecast.on.startswith('8 x H100')
    assert told.least.forecast.footprint.place.code == 'FR'
    times = told.times(told.least)
    assert times is not None
    assert times.low > 1000


def test_every_figure_of_the_json_has_its_basis_and_sources(told: Story):
    data = json.loads(json.dumps(told.to_json()))
    figures = [each for each in data['published'].values() if isinstance(each, dict)]
    figures += [data['drawn']['energy'], *data['drawn']['watts'].values()]
    figures += [each['published_over_this'] for each in data['now']]
    assert len(figures) > 10
    assert all(each['sources'] and each['basis'] in ('measured', 'modelled', 'assumed') for each in figures)
    assert all(each['forecast']['footprint']['energy']['sources'] for each in (*data['then'], *data['now']))


def test_a_machine_that_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match='H10O'):
        story(['8 x H10O'])


def test_this_machines_processors_are_reckoned_by_their_products():
    slow, fast = (
        forecast_here(MODERN_BASE, 'FR', machine=LAPTOP, products=Quantity(rate, '1/s'), gpus=tuple)
        for rate in (1e11, 4e11)
    )
    assert slow.duration.value == pytest.approx(4 * fast.duration.value)
    assert slow.duration.value == pytest.approx((MODERN_BASE.whole.flops or 0) / 0.7e11)
    assert slow.energy is not None
    assert fast.energy is not None
    assert slow.energy.value == pytest.approx(4 * fast.energy.value)
    assert slow.fits is True
    assert slow.duration.basis == 'assumed'


def test_this_machines_gpus_are_those_of_the_catalogue():
    one = forecast_here(MODERN_BASE, 'FR', machine=LAPTOP, gpus=lambda: ('NVIDIA H200',))
    assert one.on.startswith('this machine, 1 x H200')
    assert one.how == 'catalogue'
    unknown = forecast_here(MODERN_BASE, 'FR', machine=LAPTOP, gpus=lambda: ('a GPU that nobody knows',))
    assert unknown.on == 'this machine'


def test_a_calibration_is_read_where_an_earlier_fit_kept_it(tmp_path: Path):
    folder = tmp_path / 'calibration'
    assert calibrated(folder) is None
    folder.mkdir(mode=0o700)
    assert calibrated(folder) is None
    (folder / 'a.json').write_text('{"flops": 1.5e11, "bandwidth": 1e10}', 'utf-8')
    found = calibrated(folder)
    assert found is not None
    assert (found.value, found.basis) == (1.5e11, 'measured')
    (folder / 'a.json').write_text('[1, 2]', 'utf-8')
    assert calibrated(folder) is None


def test_more_work_takes_longer_here():
    modern, original = (forecast_here(each, 'FR', machine=LAPTOP, gpus=tuple) for each in (MODERN_BASE, ORIGINAL_BASE))
    assert original.duration.value > 5 * modern.duration.value
