"""What a training makes of its devices and its energy: counted, never guessed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place
from hefted.forecast.effort import Effort, Yielded, done_of, effort, short, yielded
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity, Source

PLAN = Plan(batch_size=32, products_per_step=5e12, peak_flops=100e12, tokens_per_row=128, precision='bfloat16')


def took(joules: float | None = 1000.0, seconds: float = 2.0) -> Footprint:
    model = Source('model', 'A model')
    energy = None if joules is None else Quantity.between(joules, 0.5 * joules, 2 * joules, 'J', source=model)
    phases = {'compile': PhaseShare(Quantity(9e9, 'J'), 9e9), 'train': PhaseShare(energy, seconds)}
    return Footprint(energy, None, Quantity(9e9, 's'), Place.of('FR'), phases=phases)


def test_utilisation_is_products_over_the_peak_of_all_devices():
    assert effort(PLAN, 10, 2.0, None) == Effort(0.25, None, 'tokens', 'MFU')
    shared = effort(replace(PLAN, devices=4), 10, 2.0, None)
    assert shared is not None
    assert shared.utilisation == 0.0625


def test_a_processor_without_a_known_peak_has_none():
    found = effort(replace(PLAN, peak_flops=None), 10, 2.0, 64.0)
    assert found == Effort(None, 32 * 128 * 10 / 64, 'tokens', 'MFU')


def test_what_is_computed_again_is_the_hardwares():
    found = effort(replace(PLAN, recomputes=True), 10, 2.0, None)
    assert found is not None
    assert short(found) == '25 % HFU'


def test_rows_that_are_no_sequences_are_rows_and_left_out_of_the_live_line():
    found = effort(replace(PLAN, tokens_per_row=None, peak_flops=None), 10, 2.0, 64.0)
    assert found is not None
    assert (found.per_joule, found.of, short(found)) == (5.0, 'rows', '')


@pytest.mark.parametrize(('steps', 'seconds'), [(0, 1.0), (-5, 1.0), (5, 0.0)])
def test_where_nothing_was_done_nothing_is_told(steps: int, seconds: float):
    assert effort(PLAN, steps, seconds, 1.0) is None


def test_a_plan_that_knows_nothing_tells_nothing():
    assert effort(Plan(), 10, 1.0, 1.0) is None


@pytest.mark.parametrize(
    ('per_joule', 'told'),
    [(1234.0, '1,200 tokens/J'), (2.6e6, '2,600 tokens/mJ'), (0.0021, '2.1 tokens/kJ'), (3.21, '3.2 tokens/J')],
)
def test_a_yield_is_told_by_an_energy_by_which_it_is_read(per_joule: float, told: str):
    assert short(Effort(None, per_joule, 'tokens')) == told


def test_a_runs_yield_is_of_its_training_alone_and_has_the_energys_interval():
    found = yielded(PLAN, 10, took())
    assert found is not None
    assert found.per_joule is not None
    assert found.utilisation is not None
    assert found.per_joule.to('1/J').value == pytest.approx(40.96)
    assert found.per_joule.high == pytest.approx(2 * found.per_joule.value)
    assert found.per_joule.low == pytest.approx(found.per_joule.value / 2)
    assert found.utilisation.value == 0.25
    assert found.words == ('41 tokens/J', '20 to 82, modelled; 25 % MFU')


def test_a_plan_of_a_journal_tells_the_same():
    assert yielded(json.loads(json.dumps(PLAN.to_json())), 10, took()) == yielded(PLAN, 10, took())


def test_without_a_meter_the_peak_alone_is_told():
    found = yielded(PLAN, 10, took(joules=None))
    assert found is not None
    assert found.per_joule is None
    assert found.words == ('25 % MFU', '')
    assert yielded(replace(PLAN, peak_flops=None), 10, took(joules=None)) is None


def test_steps_of_earlier_attempts_are_not_this_runs():
    assert done_of(800, {'step': 700}) == 100
    assert done_of('800', None) is None
    assert done_of(800, {'step': 'x'}) is None


def test_plain_data_holds_quantities_or_nothing():
    told = Yielded(Quantity(5.0, '1/J'), 'rows').to_json()
    assert told['per_joule']['unit'] == '1/J'
    assert told['utilisation'] is None


def test_the_energy_of_one_process_of_several_is_beside_its_own_rows():
    whole, quarter = yielded(PLAN, 10, took()), yielded(PLAN, 10, took(), 0.25)
    assert whole is not None
    assert quarter is not None
    assert whole.per_joule is not None
    assert quarter.per_joule is not None
    assert quarter.per_joule.value == pytest.approx(whole.per_joule.value / 4)
    assert quarter.utilisation == whole.utilisation  # of all devices, whoever asks
