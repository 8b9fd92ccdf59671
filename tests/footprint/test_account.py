"""From counters to a footprint."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint.account import Accuracies, Shares, energy_of, footprint, rebuild
from hefted.footprint.factors import Factors
from hefted.footprint.place import Place
from hefted.metering import measured
from hefted.metering.reading import Gap
from hefted.metering.share import DOUBT
from hefted.quantities import Error, Quantity, Source

WORLD = Place.of(None)
FACTORS = Factors(Quantity(360.0, 'g CO2e/kWh', 'modelled'))


def accuracy(key, basis, down, up):
    return Quantity(1.0, '1', basis, (Error(key, down, up),), (Source(key, key, 2024),))


ACCURACIES = {
    'idle': ('cpu', accuracy('watts', 'modelled', -0.5, 0.5)),
    'load': ('cpu', accuracy('watts', 'modelled', -0.5, 0.5)),
    'counter': ('gpu', accuracy('nvml', 'measured', -0.05, 0.05)),
}


def test_errors_of_one_source_add_and_of_two_combine_in_quadrature():
    shares = Shares()
    shares.add('train', 1.0, {'idle': 60.0, 'load': 40.0})
    one = footprint(shares, ACCURACIES, WORLD, FACTORS)
    assert (one.energy.low, one.energy.high) == (50.0, 150.0)
    shares.add('train', 1.0, {'counter': 100.0})
    two = footprint(shares, ACCURACIES, WORLD, FACTORS)
    assert two.energy.value == 200.0
    assert two.energy.high - 200.0 < 55.0
    assert two.components['gpu'].basis == 'measured'
    assert two.energy.basis == 'modelled'


some = st.floats(0, 1e6).map(lambda joules: joules or 1e-9)  # models that counted nothing tell nothing
joules = st.dictionaries(st.sampled_from(['idle', 'load', 'counter']), some, min_size=1)


@given(st.dictionaries(st.sampled_from(['compile', 'train', 'validate']), joules, min_size=1))
def test_parts_sum_to_the_whole_and_its_interval_lies_within_the_sum_of_theirs(by_phase):
    shares = Shares()
    for phase, used in by_phase.items():
        shares.add(phase, 1.0, used)
    told = footprint(shares, ACCURACIES, WORLD, FACTORS)
    for parts in (told.components.values(), [share.energy for share in told.phases.values()]):
        assert sum(part.value for part in parts) == pytest.approx(told.energy.value)
        slack = 1e-9 * told.energy.value + 1e-300  # no fraction of the least float there is can be told
        assert sum(part.low for part in parts) <= told.energy.low + slack
        assert told.energy.high <= sum(part.high for part in parts) + slack


def test_what_was_silent_for_the_whole_run_is_missing_and_not_zero():
    accuracies = ACCURACIES | {
        'gpu': ('gpu', measured(Source('NVML', 'NVML'), 0.05)),
        'gpu:share': ('gpu', DOUBT),
        'off': ('other', measured(Source('plug', 'A plug'), 0.05)),
    }
    shares = Shares()
    shares.add('train', 1.0, {'load': 5.0, 'gpu': 0.0, 'gpu:share': 0.0, 'off': 0.0})
    told = footprint(shares, accuracies, WORLD, FACTORS, [Gap('gpu', 'It is lost.', 3.0)])
    assert 'gpu' not in told.components
    assert told.components['other'].value == 0.0  # it was read, and drew nothing
    mended = footprint(shares, accuracies, WORLD, FACTORS, [Gap('gpu', 'It was lost.', 3.0, 4.0)])
    assert mended.components['gpu'].value == 0.0


def test_a_model_that_was_replaced_before_the_run_tells_nothing_of_it():
    shares = Shares()
    shares.add('train', 1.0, {'idle': 0.0, 'load': 0.0, 'counter': 5.0})
    assert footprint(shares, ACCURACIES, WORLD, FACTORS).energy.value == 5.0
    assert energy_of({'idle': 0.0}, ACCURACIES) is None


def test_a_sensor_that_counted_nothing_does_not_say_how_much_the_others_are_worth():
    shares = Shares()
    shares.add('train', 1.0, {'counter': 5.0, 'idle': 0.0})
    told = footprint(shares, ACCURACIES, WORLD, FACTORS)
    assert told.energy.basis == 'measured'
    assert 'cpu' not in told.components
    assert [source.key for source in told.energy.sources] == ['nvml']


def test_components_and_phases_add_up_to_the_whole():
    shares = Shares()
    shares.add('compile', 2.0, {'idle': 3.0, 'counter': 4.0})
    shares.divide({'train': 1.0}, 5.0, {'idle': 5.0, 'counter': 6.0})
    told = footprint(shares, ACCURACIES, WORLD, FACTORS)
    assert sum(energy.value for energy in told.components.values()) == pytest.approx(told.energy.value)
    assert sum(share.energy.value for share in told.phases.values()) == pytest.approx(told.energy.value)
    assert told.duration.value == 7.0
    assert told.carbon.value == pytest.approx(told.energy.value / 3.6e6 * 360)


def test_every_figure_follows_from_energy_time_and_its_factor():
    shares = Shares()
    shares.add('train', 7200.0, {'counter': 3.6e6}, occupied=3600.0)
    factors = Factors(
        intensity=Quantity(100, 'g CO2e/kWh'),
        pue=Quantity(1.5, '1'),
        water_on_site=Quantity(2, 'L/kWh'),
        water_off_site=Quantity(4, 'L/kWh'),
        electricity_minerals=Quantity(1e-8, 'kg Sb eq/kWh'),
        embodied=Quantity(30, 'g CO2e/h'),
        minerals=Quantity(1e-6, 'kg Sb eq/h'),
        electricity_price=Quantity(0.2, 'USD/kWh'),
    )
    told = footprint(shares, ACCURACIES, WORLD, factors)
    figures = ('energy', 'facility', 'operational', 'embodied', 'carbon', 'water_on_site', 'water_off_site', 'water')
    values = [getattr(told, name).value for name in figures]
    assert values == pytest.approx([3.6e6, 1.8e6, 150, 30, 180, 2, 6, 8])  # WUE is per kWh of the machines alone
    assert told.minerals.value == pytest.approx(1.015e-6)
    assert told.cost.value == pytest.approx(0.3)
    rented = footprint(shares, ACCURACIES, WORLD, replace(factors, price=Quantity(2, 'USD/h')))
    assert rented.cost.value == pytest.approx(2.0)


def test_networks_are_outside_the_data_centre():
    shares = Shares()
    shares.add('train', 1.0, {'counter': 10.0, 'moved:network': 5.0})
    accuracies = ACCURACIES | {'moved:network': ('network', Quantity(1.0, '1'))}
    told = footprint(shares, accuracies, WORLD, Factors(pue=Quantity(2.0, '1'), water_on_site=Quantity(3.6e6, 'L/kWh')))
    assert (told.energy.value, told.facility.value, told.water.value) == pytest.approx((15, 10, 10))


def test_a_component_that_is_left_out_is_in_no_figure():
    shares = Shares()
    shares.add('train', 1.0, {'counter': 4.0, 'unseen:fixed': 6.0})
    accuracies = ACCURACIES | {'unseen:fixed': ('unseen', accuracy('unseen', 'modelled', -0.5, 0.5))}
    whole = footprint(shares, accuracies, WORLD, FACTORS)
    seen = footprint(shares, accuracies, WORLD, FACTORS, without=['unseen'])
    assert (whole.energy.value, seen.energy.value) == (10.0, 4.0)
    assert seen.phases['train'].energy.value == 4.0
    assert seen.carbon.value == pytest.approx(0.4 * whole.carbon.value)
    assert 'unseen' not in seen.components
    assert seen.energy.basis == 'measured'


def test_what_nothing_reads_is_absent_and_the_total_says_what_it_covers():
    shares = Shares()
    shares.add('train', 1.0, {'counter': 4.0})
    told = footprint(shares, ACCURACIES, WORLD, Factors())
    assert told.components.keys() == {'gpu'}
    assert told.carbon is None
    assert told.covers == 'GPUs, measured; no board, fans or supply'


def test_lines_that_go_back_in_time_and_keys_not_known_are_passed_over():
    def line(monotonic, joules, phase):
        return {'monotonic': monotonic, 'joules': {'counter': joules}, 'phase': phase, 'boot': 0.0, 'new': 1}

    header = {
        'schema': 9,
        'sensors': {'counter': {'component': 'gpu', 'accuracy': ACCURACIES['counter'][1].to_json()}},
        'start': line(10.0, 0.0, ''),
        'start_up': {'seconds': 1.0, 'joules': {'counter': 2.0}},
        'gaps': [Gap('counter', 'It was away.', 9.0, 10.0).to_json()],
        'place': Place.of('FR').to_json(),
        'factors': FACTORS.to_json(),
        'future': [1, 2],
    }
    late = {'sensors': {'late': {'component': 'other', 'accuracy': Quantity(1.0, '1').to_json()}}}
    more = line(13.0, 7.0, 'train') | late
    more['joules'] = {'counter': 7.0, 'late': 1.0}
    told = rebuild([header, line(12.0, 5.0, 'train'), line(11.0, 1.0, 'compile'), {'note': 'x'}, more])
    assert told.phases.keys() == {'start-up', 'train'}
    assert told.energy.value == 10.0
    assert told.components['other'].value == 1.0
    assert told.gaps == (Gap('counter', 'It was away.', 9.0, 10.0),)
    assert told.place.code == 'FR'


def test_what_a_total_covers_is_told_once_and_a_meter_that_was_never_read_is_not_in_it():
    def covers(unseen: float, sensor: str = 'plug') -> str:
        shares = Shares()
        shares.add('train', 1.0, {'cpu-model:idle': 1.0, 'dram-model': 1.0, sensor: unseen})
        return footprint(shares, accuracies, Place.of('FR'), Factors()).covers

    modelled = Quantity(1, '1', 'modelled')
    accuracies: Accuracies = {
        'cpu-model:idle': ('cpu', modelled),
        'dram-model': ('dram', modelled),
        'plug': ('unseen', modelled),
        'unseen': ('unseen', Quantity(1, '1', 'modelled', sources=(Source('unseen gpu board gpu-server', 'Logs'),))),
    }
    assert covers(0.0) == 'CPU and memory, modelled; with a server’s board, fans and supply'
    assert covers(3.0) == (
        'CPU, memory, and supplies, fans and board, modelled; together what the meter of the whole machine reads'
    )
    assert covers(3.0, 'unseen').endswith('supplies, fans and board, modelled; with a server’s board, fans and supply')


@pytest.mark.parametrize(
    ('group', 'told'),
    [
        ('Zen 4 (Genoa)', 'CPU, modelled; with a server’s board, fans and supply'),
        ('any laptop', 'CPU, modelled; no board, fans or supply'),
        ('Apple silicon', 'CPU, modelled; no board, fans or supply'),
    ],
)
def test_watts_of_a_laptops_package_are_not_told_to_hold_its_board(group: str, told: str):
    watts = Quantity.between(1, 0.5, 2, '1', source=Source(f'watts {group}', 'Watts by microarchitecture', 2024))
    shares = Shares()
    shares.add('train', 1.0, {'cpu-model:idle': 1.0})
    assert footprint(shares, {'cpu-model:idle': ('cpu', watts)}, Place.of('FR'), Factors()).covers == told


def test_an_older_journal_whose_header_tells_the_intensity_alone_is_priced_by_it():
    sensors = {'counter': {'component': 'gpu', 'accuracy': Quantity(1.0, '1').to_json()}}
    start = {'monotonic': 1.0, 'joules': {'counter': 5.0}}
    header = {'sensors': sensors, 'start': start, 'intensity': Quantity(50, 'g CO2e/kWh').to_json()}
    header['start_up'] = {'seconds': 1.0, 'joules': {'counter': 3.6e6}}
    line = {'monotonic': 3.0, 'joules': {'counter': 3.6e6 + 5.0}, 'phase': 'train'}
    told = rebuild([header, line])
    assert told.carbon.value == pytest.approx(100.0)
    assert told.duration.value == 3.0
    assert told.embodied is None
    assert rebuild([header, line], ['gpu']).energy is None
    with pytest.raises(ValueError, match='expected a header'):
        rebuild([line])


def test_what_making_the_machine_took_is_told_where_no_energy_is_known():
    shares = Shares()
    shares.add('train', 7200.0, {}, occupied=1800.0)
    told = footprint(shares, {}, WORLD, replace(FACTORS, embodied=Quantity(30, 'g CO2e/h'), price=Quantity(2, 'USD/h')))
    assert (told.energy, told.operational, told.facility) == (None, None, None)
    assert told.embodied.value == told.carbon.value == pytest.approx(15.0)
    assert told.cost.value == pytest.approx(1.0)


def test_the_facilitys_part_has_the_errors_of_the_energy_once_and_those_of_the_pue_whole():
    shares = Shares()
    shares.add('train', 1.0, {'counter': 100.0})
    pue = Quantity.between(1.5, 1.2, 1.9, '1', source=Source('pue', 'pue'))
    told = footprint(shares, ACCURACIES, WORLD, replace(FACTORS, pue=pue))
    errors = {error.source: (error.down, error.up) for error in told.facility.errors}
    assert errors == {'nvml': pytest.approx((-2.5, 2.5)), 'pue': pytest.approx((-30.0, 40.0))}
    whole = {error.source: (error.down, error.up) for error in (told.energy + told.facility).errors}
    assert whole == {'nvml': pytest.approx((-7.5, 7.5)), 'pue': pytest.approx((-30.0, 40.0))}
    carbon = {error.source: error.up / told.operational.value for error in told.operational.errors}
    assert carbon['nvml'] == pytest.approx(0.05)  # the energy's own, once
