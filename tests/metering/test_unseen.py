"""What no sensor sees: a sum rather than a factor, never twice, and as uncertain as its coefficients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint.account import energy_of
from hefted.metering.machine import Machine
from hefted.metering.tables import rows
from hefted.metering.unseen import FIXED, Unseen, coefficients

V100S = ('Tesla V100-SXM2-32GB',) * 8
H100S = ('NVIDIA H100 80GB HBM3',) * 8
MACHINES = [
    Machine('laptop'),
    Machine('desktop', gpus=('NVIDIA GeForce RTX 4090',)),
    Machine('server'),
    Machine('gpu-server', gpus=V100S),
    Machine('gpu-server', gpus=H100S),
    Machine('gpu-server', gpus=H100S, cooling='liquid'),
    Machine('gpu-server', gpus=H100S[:1], virtual=True),
]

machines = st.sampled_from(MACHINES)
watts = st.floats(0, 8000)
seconds = st.floats(0, 1e6)
joules = st.fixed_dictionaries({}, optional={'cpu': watts, 'dram': watts, 'gpu': watts, 'other': watts})


def energy(unseen, found):
    accuracies = {part.name: (part.component, part.accuracy) for part in unseen.sensors}
    return energy_of(found, accuracies, 'unseen')


@given(machines, st.booleans(), seconds, joules)
def test_it_is_never_negative_and_every_sensor_is_told(machine, cpu_measured, time, read):
    unseen = Unseen(machine, cpu_measured)
    found = unseen.between(time, read)
    assert set(found) == {part.name for part in unseen.sensors}
    assert all(value >= 0 for value in found.values())
    told = energy(unseen, found)
    if not any(found.values()):
        assert told is None  # a model that counted nothing tells nothing
        return
    assert 0 <= told.low <= told.value <= told.high
    assert told.value == pytest.approx(sum(found.values()))


@given(machines, st.booleans(), seconds, joules, st.sampled_from(['cpu', 'dram', 'gpu', 'other']), watts)
def test_more_that_is_read_never_means_less_that_is_not(machine, cpu_measured, time, read, component, more):
    unseen = Unseen(machine, cpu_measured)
    before = unseen.between(time, read)
    after = unseen.between(time, read | {component: read.get(component, 0.0) + more})
    assert all(after[name] >= value for name, value in before.items())


@given(machines, st.booleans(), seconds, joules, seconds, joules)
def test_two_stretches_cost_what_both_at_once_cost(machine, cpu_measured, time, read, later, also):
    unseen = Unseen(machine, cpu_measured)
    both = {name: read.get(name, 0.0) + also.get(name, 0.0) for name in {*read, *also}}
    whole = unseen.between(time + later, both)
    for name, value in unseen.between(time, read).items():
        assert value + unseen.between(later, also)[name] == pytest.approx(whole[name])


@given(machines, seconds, joules)
def test_what_is_read_and_what_is_not_are_all_that_comes_out_of_the_wall(machine, time, read):
    machine = machine._replace(virtual=None)
    unseen = Unseen(machine, cpu_measured=True)
    known = {name: figure.value for name, figure in coefficients(machine).items()}
    board = known['board']
    if machine.kind == 'gpu-server':
        board += known['gpu board' if 'V100' in machine.gpus[0] else 'switched gpu board'] * len(machine.gpus)
    total = sum(read.values())
    behind_the_supply = total * (1 + known['fans']) + known['regulators'] * read.get('cpu', 0.0) + board * time
    wall = total + sum(unseen.between(time, read).values())
    assert wall * known['supply'] == pytest.approx(behind_the_supply)


def test_a_modelled_processor_has_its_board_and_supply_in_it_already():
    read = {'cpu': 300.0, 'dram': 20.0}
    assert Unseen(Machine('server'), cpu_measured=False).between(10.0, read)[  # and only GPUs would add to it
        'unseen:supply'
    ] == pytest.approx(0)
    with_gpus = Unseen(Machine('gpu-server', gpus=H100S), cpu_measured=False)
    assert with_gpus.between(10.0, read) == with_gpus.between(10.0, {})
    assert 'unseen:regulators' not in with_gpus.between(10.0, read)
    measured = Unseen(Machine('gpu-server', gpus=H100S), cpu_measured=True)
    board = coefficients(Machine('gpu-server'))['board'].value
    supply = coefficients(Machine('gpu-server'))['supply'].value
    assert measured.watts - with_gpus.watts == pytest.approx(board / supply)


def test_a_virtual_machine_has_no_board_of_its_own_but_the_boards_of_the_gpus_that_it_was_lent():
    assert FIXED not in Unseen(Machine('server', virtual=True), cpu_measured=True).between(10.0, {'cpu': 100.0})
    one = Unseen(Machine('gpu-server', gpus=H100S[:1], virtual=True), cpu_measured=False)
    eight = Unseen(Machine('gpu-server', gpus=H100S, virtual=True), cpu_measured=False)
    assert eight.watts == pytest.approx(8 * one.watts)
    assert 60 < one.watts < 180


def test_a_board_with_switches_draws_more_than_one_with_links_and_a_card_reads_itself_whole():
    linked, switched = (Unseen(Machine('gpu-server', gpus=names), True).watts for names in (V100S, H100S))
    assert linked < switched
    card = Machine('desktop', gpus=('NVIDIA GeForce RTX 4090',))
    assert Unseen(card, True).watts == Unseen(Machine('desktop'), True).watts


def test_liquid_saves_fans():
    read = {'cpu': 300.0, 'gpu': 5500.0}
    air, liquid = (
        sum(Unseen(Machine('gpu-server', gpus=H100S, cooling=cooling), True).between(1.0, read).values())
        for cooling in ('air', 'liquid')
    )
    assert liquid < air - 400


@pytest.mark.parametrize(('cpu', 'gpu', 'low', 'high'), [(150.0, 30.0, 77, 105), (60.0, 150.0, 70, 95)])
def test_a_desktop_lacks_what_wall_meters_have_found(cpu, gpu, low, high):
    found = Unseen(Machine('desktop'), True).between(1.0, {'cpu': cpu, 'gpu': gpu})
    assert low < sum(found.values()) < high


def test_errors_of_one_supply_add_up_over_the_parts_that_it_feeds():
    unseen = Unseen(Machine('desktop'), True)
    told = energy(unseen, unseen.between(1.0, {'cpu': 150.0, 'gpu': 100.0}))
    supply = next(error for error in told.errors if error.source == 'unseen supply desktop')
    assert supply.down > 0 > supply.up  # a worse supply draws more
    exact = coefficients(Machine('desktop'))
    at_worst = (150 * 1.12 + 100 + 2.5 + exact['board'].value) / exact['supply'].low - 250
    assert told.value + supply.down == pytest.approx(at_worst)


def test_a_kind_of_which_no_machine_was_held_against_a_meter_is_assumed():
    for machine in MACHINES:
        found = {part.accuracy.basis for part in Unseen(machine, True).sensors}
        assert found == {'assumed' if machine.kind in ('laptop', 'server') else 'modelled'}


def test_every_kind_has_each_coefficient_once_with_its_source():
    needed = {'board', 'regulators', 'supply', 'fans'}
    for machine in MACHINES:
        mine = [
            row['parameter']
            for row in rows('unseen')
            if row['kind'] == machine.kind and row['cooling'] in ('', machine.cooling)
        ]
        assert len(mine) == len(set(mine))
        assert set(mine) - {'gpu board', 'switched gpu board'} == needed
    for row in rows('unseen'):
        assert float(row['low']) < float(row['value']) < float(row['high'])
        assert row['source']
        assert row['basis'] in ('modelled', 'assumed')
    assert all(row['high'] < '1' for row in rows('unseen') if row['parameter'] == 'supply')
