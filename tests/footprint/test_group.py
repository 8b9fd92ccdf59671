"""Of a training of several processes each part is counted once, and the sum can be made again from what they told."""

from __future__ import annotations

import json

import pytest

from hefted.footprint import group
from hefted.footprint.account import Accuracies, Shares, footprint, rebuild
from hefted.footprint.factors import Factors
from hefted.footprint.place import Place
from hefted.metering.reading import Gap
from hefted.quantities import Error, Quantity, Source

MODEL = Source('watts', 'A model')
ACCURACIES: Accuracies = {
    'cpu-model': ('cpu', Quantity(1.0, '1', 'modelled', (Error('watts', -0.3, 0.5),), (MODEL,))),
    'nvml:GPU-1': ('gpu', Quantity(1.0, '1', 'measured', (Error('nvml', -0.05, 0.05),), (Source('nvml', 'NVML'),))),
}
FACTORS = Factors(Quantity(50, 'g CO2e/kWh'), embodied=Quantity(2, 'g CO2e/h'))
PLACE = Place.of('FR')
GAP = Gap('rapl', 'It cannot be read.', 1.0)


def shares(scale: float) -> Shares:
    found = Shares()
    found.add('start-up', 2.0, {'cpu-model': 10.0 * scale}, 1.0)
    found.add('train', 8.0, {'cpu-model': 100.0 * scale, 'nvml:GPU-1': 3.6e6 * scale}, 4.0)
    return found


def account(rank: int, machine: str, scale: float) -> group.Account:
    lines = group.lines_of(shares(scale), ACCURACIES, PLACE, FACTORS, [GAP])
    return json.loads(json.dumps({'rank': rank, 'machine': machine, 'lines': lines}))


def alone(scale: float):
    return footprint(shares(scale), ACCURACIES, PLACE, FACTORS, [GAP])


def test_what_a_process_tells_makes_the_same_footprint_again():
    told = rebuild(account(1, 'a', 0.5)['lines'])
    assert told.to_json() == alone(0.5).to_json()


def test_figures_of_all_processes_add_and_the_time_in_which_they_worked_together_does_not():
    whole = group.whole(alone(1.0), [account(1, 'a', 0.5), account(2, 'b', 0.25)])
    assert whole.energy is not None and whole.energy.value == pytest.approx(1.75 * (110 + 3.6e6))
    assert whole.embodied is not None and whole.embodied.value == pytest.approx(3 * 2 * 5 / 3600)
    assert whole.duration.value == 10.0
    assert whole.phases['train'].seconds == 8.0
    assert whole.phases['train'].energy is not None
    assert whole.phases['train'].energy.value == pytest.approx(1.75 * (100 + 3.6e6))
    assert whole.gaps == (GAP,)


def test_errors_of_one_model_add_linearly_over_processes():
    whole = group.whole(alone(1.0), [account(1, 'a', 1.0)])
    one = alone(1.0).components['cpu']
    both = whole.components['cpu']
    assert both.low / both.value == pytest.approx(one.low / one.value)


def test_a_component_is_left_out_of_all():
    whole = group.whole(
        alone_without := rebuild(account(0, 'a', 1.0)['lines'], ['gpu']), [account(1, 'a', 1.0)], ['gpu']
    )
    assert alone_without.energy is not None and whole.energy is not None
    assert whole.energy.value == pytest.approx(220.0)


def test_hosts_are_told_apart_by_machine_in_the_order_of_their_ranks():
    mine = {'rank': 0, 'machine': 'a'}
    found = group.by_host(alone(1.0), mine, [account(3, 'b', 0.25), account(1, 'a', 0.5), account(2, 'b', 0.25)])
    assert [(share.number, share.ranks) for share in found] == [(1, (0, 1)), (2, (2, 3))]
    joules = [share.footprint.energy.value for share in found if share.footprint.energy]
    assert joules == [pytest.approx(1.5 * 3600110), pytest.approx(0.5 * 3600110)]
