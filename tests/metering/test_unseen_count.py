"""What no sensor sees is counted beside what is read, by the machine that it is, and never twice."""

import importlib
import time
from pathlib import Path

import pytest

from hefted import ledger, processor
from hefted.footprint.place import Place
from hefted.ledger.lines import read
from hefted.metering import Meter, discover, measured, register, unregister
from hefted.metering.cpu_model import watts_for
from hefted.metering.discover import machine_of
from hefted.metering.machine import Machine
from hefted.metering.unseen import Unseen
from hefted.metering.unseen_count import UnseenCount
from hefted.quantities import Quantity, Source
from hefted.run import Run

ACCURACIES = {'counter': ('cpu', Quantity(1.0, '1')), 'board': ('gpu', Quantity(1.0, '1'))}


class Counter:
    """A counter that a test moves."""

    counts_always = False
    accuracy = measured(Source('counter', 'A counter'), 0.05)

    def __init__(self, component, name='counter', device=''):
        self.component, self.name, self.device, self.joules = component, name, device, 0.0

    def read(self, instant):
        return self.joules


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_joules_follow_from_time_and_from_what_was_read_since_the_last_reading():
    machine = Machine('desktop')
    count, model = UnseenCount(), Unseen(machine, cpu_measured=True)
    count.follow(model, ACCURACIES)
    count.read({'counter': 500.0}, 0.0)
    once = dict(count.read({'counter': 600.0}, 2.0))
    assert once == pytest.approx(model.between(2.0, {'cpu': 100.0}))
    twice = count.read({'counter': 700.0}, 4.0)
    assert twice == pytest.approx({name: 2 * joules for name, joules in once.items()})


def test_another_model_goes_on_from_what_was_counted():
    count = UnseenCount()
    count.follow(Unseen(Machine('server'), cpu_measured=True), ACCURACIES)
    count.read({'counter': 0.0, 'board': 0.0}, 0.0)
    before = dict(count.read({'counter': 100.0, 'board': 0.0}, 1.0))
    larger = Unseen(Machine('gpu-server', gpus=('Tesla V100-SXM2-32GB',) * 8), cpu_measured=True)
    count.follow(larger, ACCURACIES)
    after = count.read({'counter': 200.0, 'board': 300.0}, 2.0)
    grown = {name: after[name] - before.get(name, 0.0) for name in after}
    assert grown == pytest.approx(larger.between(1.0, {'cpu': 100.0, 'gpu': 300.0}))
    count.follow(None, {})
    assert count.read({'counter': 900.0, 'board': 900.0}, 9.0) == after


def test_a_meter_adds_the_unseen_to_its_readings_and_a_wall_meter_takes_its_place():
    clock, cpu = Clock(), Counter('cpu')
    meter = Meter([cpu], clock, boot=lambda: None)
    model = Unseen(Machine('desktop'), cpu_measured=True)
    meter.model_unseen(model)
    clock.now, cpu.joules = 1.0, 100.0
    joules = meter.read().joules
    assert {name: joules[name] for name in joules if 'unseen' in name} == pytest.approx(
        model.between(1.0, {'cpu': 100.0})
    )
    assert meter.accuracies['unseen:fixed'][0] == 'unseen'
    meter.add_whole_machine(Counter('other', 'plug'))
    clock.now, cpu.joules = 2.0, 200.0
    meter.read()
    clock.now, cpu.joules = 3.0, 300.0
    assert meter.read().joules['unseen:fixed'] == joules['unseen:fixed']
    meter.model_unseen(model)  # passed over: the wall meter tells it
    clock.now = 4.0
    assert meter.read().joules['unseen:fixed'] == joules['unseen:fixed']


@pytest.fixture
def folders(tmp_path):
    """A machine whose package counter can be read."""
    zone = tmp_path / 'powercap' / 'intel-rapl:0'
    zone.mkdir(parents=True)
    (zone / 'name').write_text('package-0\n')
    (zone / 'max_energy_range_uj').write_text('262143328850\n')
    (zone / 'energy_uj').write_text('1000000\n')
    return {'powercap': str(tmp_path / 'powercap'), 'sensors_folder': str(tmp_path / 'hwmon')}


@pytest.mark.parametrize('setting', ['on', 'off'])
def test_a_discovered_machine_has_it_where_its_cpu_is_read_unless_the_user_says_off(folders, setting, monkeypatch):
    monkeypatch.setenv('HEFTED_UNSEEN', setting)
    told = [name for name in discover(**folders).read().joules if name.startswith('unseen')]
    assert bool(told) == (setting == 'on')


def test_where_the_cpu_is_modelled_as_a_whole_server_nothing_is_added(tmp_path):
    meter = discover(str(tmp_path / 'none'), str(tmp_path / 'none'))
    assert not [name for name in meter.read().joules if name.startswith('unseen')]


def test_a_gpu_that_is_found_late_changes_the_machine_its_unseen_and_the_factors_in_the_journal(
    tmp_path: Path, monkeypatch
):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    meter = discover(str(tmp_path / 'none'), str(tmp_path / 'none'))
    run = Run('fit', 'model', Place.of('FR'), meter, 'parent')
    before = run._factors.embodied
    gpu = Counter('gpu', 'nvml:GPU-1', 'NVIDIA H100 80GB HBM3')
    register(gpu)
    try:
        assert machine_of(meter).kind == 'gpu-server'
        run.enter('train')
        time.sleep(0.02)
        run.enter('validate')
        footprint = run.finish()
    finally:
        unregister(gpu.name)
    assert run._factors.embodied.value > 5 * before.value

    summary = ledger.open(tmp_path / 'runs').get('last')
    lines = [line for line in read(summary.path) if 'machine' in line]
    assert [line['machine']['gpus'] for line in lines] == [[], ['NVIDIA H100 80GB HBM3']]
    assert summary.footprint.embodied == footprint.embodied


def test_a_laptop_whose_package_is_modelled_has_its_board_beside_it(tmp_path, monkeypatch):
    laptop = watts_for(processor.CpuIdentity('Apple', name='Apple M2'))
    assert laptop.of_package
    assert not watts_for(processor.CpuIdentity('AuthenticAMD', 26, 2, 1)).of_package
    room = importlib.import_module('hefted.metering.discover')
    monkeypatch.setattr(room, 'watts_for', lambda identity: laptop)
    monkeypatch.setattr(room, 'this_machine', lambda: Machine('laptop'))
    told = discover(str(tmp_path / 'none'), str(tmp_path / 'none')).read().joules
    assert {'unseen:fixed', 'unseen:regulators', 'unseen:supply', 'cpu-model:idle'} <= told.keys()


def test_a_setting_that_is_spoilt_while_a_run_goes_on_raises_nothing_into_it(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))
    meter = discover(str(tmp_path / 'none'), str(tmp_path / 'none'))
    run = Run('fit', 'model', Place.of('FR'), meter, 'parent')
    before = run._factors
    monkeypatch.setenv('HEFTED_PRICE', 'a lot')
    meter.add([Counter('gpu', 'nvml:GPU-1', 'NVIDIA H100 80GB HBM3')])
    run.enter('train')
    time.sleep(0.02)
    run.enter('validate')
    assert run.finish().duration.value > 0
    assert run._factors == before
