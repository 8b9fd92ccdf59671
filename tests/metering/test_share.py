"""Whose a machine is: parts that add up to no more than it, whatever runs and however coarsely it is counted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted import host
from hefted.footprint.account import energy_of
from hefted.metering import Meter, discover
from hefted.metering.busy import OthersClock
from hefted.metering.cpu_model import CpuModel, load_curve, watts_for
from hefted.metering.sensor import Instant, Part, SensorError
from hefted.metering.share import DOUBT, LEAST_THREADS, Divided, Share, part
from hefted.processor import CpuIdentity
from hefted.quantities import Error, Quantity, Source

TURIN = CpuIdentity('AuthenticAMD', 26, 2, 1)
THREADS = 4
TICK = 0.01

loads = st.lists(st.floats(0, 100), min_size=1, max_size=8)


class Counter:
    """A counter of the whole machine, at so many watts idle and so many more for each busy thread."""

    name = 'rapl:package-0'
    component = 'cpu'
    counts_always = True
    accuracy = Quantity(1.0, '1', 'measured', (Error('RAPL', -0.05, 0.05),), (Source('RAPL', 'A counter', 2020),))

    def __init__(self):
        self.joules = 0.0
        self.broken = False

    def read(self, instant):
        if self.broken:
            raise SensorError('It is broken.')
        return self.joules


@given(loads, st.floats(0, 100), st.floats(0, 10))
def test_the_parts_of_all_metered_processes_are_no_more_than_the_machine(own, unmetered, seconds):
    busy = sum(own) + unmetered
    parts = [part(seconds, mine, busy - mine, len(own)) for mine in own]
    assert sum(found.idle for found in parts) <= 1 + 1e-9
    if busy > 0:
        assert sum(found.work for found in parts) <= 1 + 1e-9
    for found in parts:
        assert 0 <= found.work <= 1
        assert 0 <= found.idle <= 1


@given(loads.filter(any), st.floats(0.1, 10))
def test_where_all_that_runs_is_metered_nothing_is_left_over(own, seconds):
    parts = [part(seconds, mine, sum(own) - mine, len(own)) for mine in own]
    assert sum(found.work for found in parts) == pytest.approx(1)
    assert sum(found.idle for found in parts) == pytest.approx(1)


def test_a_sleeper_alone_carries_the_machine_and_beside_a_worker_hardly_any_of_it():
    assert part(1.0, 0.0, 0.0).idle == 1.0
    assert part(1.0, 0.0, 0.005).idle > 0.9
    assert part(1.0, 0.0, 1.0, meters=2).idle < LEAST_THREADS
    assert part(1.0, 1.0, 0.0).work == part(1.0, 1.0, 0.0).idle == 1.0


class Simulated:
    """A machine of four threads with processes that read their meters at instants of their own."""

    def __init__(self, count):
        self.now = 100.0
        self.busy = 50.0
        self.whole = 0.0
        self.own = [3.0 * at for at in range(count)]
        self.counters = [Counter() for _ in range(count)]
        clocks = [OthersClock(lambda: math.floor(self.busy / TICK) * TICK) for _ in range(count)]
        self.shares = [Share(clock) for clock in clocks]
        self.divided = [Divided(counter, idle_watts=20.0) for counter in self.counters]
        self.mine = [0.0] * count
        for share in self.shares:
            share.meters = count

    def run(self, seconds, loads):
        """Let processes run at loads in threads, cut to what there is."""
        room = THREADS / max(sum(loads), THREADS)
        self.now += seconds
        for at, load in enumerate(loads[:-1]):
            self.own[at] += load * room * seconds
        self.busy += sum(loads) * room * seconds
        self.whole += (20.0 + 10.0 * sum(loads) * room) * seconds
        for counter in self.counters:
            counter.joules = self.whole

    def read(self, at):
        instant = self.shares[at].instant(self.now, self.own[at], 0)
        self.mine[at] = self.divided[at].read(instant)[Counter.name]
        return instant


steps = st.lists(
    st.tuples(st.floats(0.001, 3), st.lists(st.floats(0, 3), min_size=4, max_size=4), st.sets(st.integers(0, 2))),
    min_size=1,
    max_size=30,
)


@given(steps)
def test_processes_that_read_ticks_at_their_own_pace_are_together_charged_no_more_than_the_machine(steps):
    machine = Simulated(3)
    for at in range(3):
        machine.read(at)
    begun = machine.whole
    most = 0.0
    for seconds, loads, readers in steps:
        machine.run(seconds, loads)
        most = max(most, seconds)
        for at in readers:
            machine.read(at)
    for at in range(3):
        machine.read(at)
    # Each took what it could not know yet to be as it was; and a kernel's tick, once.
    watts = 20 + 10 * THREADS
    assert sum(machine.mine) <= (machine.whole - begun) * 1.001 + 3 * watts * (0.1 + TICK) * 1.01


@pytest.mark.parametrize('pace', [0.003, 0.05, 1.0])
def test_steady_processes_add_up_to_the_machine_at_any_pace_of_reading(pace):
    machine = Simulated(3)
    for at in range(3):
        machine.read(at)
    for _ in range(int(12 / pace)):
        machine.run(pace, [1.5, 0.5, 0.0, 0.0])
        for at in range(3):
            machine.read(at)
    assert sum(machine.mine) == pytest.approx(machine.whole, rel=0.02)
    one, two, sleeper = machine.mine
    assert one > 2 * two > 10 * sleeper > 0
    assert sum(share.occupied for share in machine.shares) == pytest.approx(12, rel=0.02)


def test_a_run_that_is_alone_is_measured_and_one_that_shares_is_as_wide_as_its_share_is_doubtful():
    def told(others):
        machine = Simulated(2)
        machine.read(0)
        for share in machine.shares:
            share.meters = 1 + bool(others)
        for _ in range(20):
            machine.run(0.5, [1.0, others, 0.0])
            machine.read(0)
        counter = machine.divided[0]
        return energy_of({Counter.name: counter._mine, f'{Counter.name}:share': counter._doubt}, counter.accuracies)

    alone, shared = told(0.0), told(1.0)
    assert alone.basis == 'measured'
    assert (alone.high - alone.low) / alone.value == pytest.approx(0.1, rel=0.01)
    assert [source.key for source in alone.sources] == ['RAPL']
    assert shared.basis == 'modelled'
    assert shared.value == pytest.approx(200.0, rel=0.03)  # half of 20 W idle and 20 W of work for 10 s
    assert 0.4 < (shared.high - shared.low) / shared.value < 0.6
    assert 'share of the machine' in [source.key for source in shared.sources]


def test_what_idling_takes_is_the_least_that_was_seen_over_a_second():
    counter = Counter()
    divided = Divided(counter, idle_watts=50.0)
    now = 0.0

    def live(seconds, watts, share):
        nonlocal now
        now += seconds
        counter.joules += seconds * watts
        return divided.read(Instant(now, machine=share))[Counter.name]

    live(0.0, 0.0, Part(1.0, 0.0))
    assert live(10.0, 40.0, Part(1.0, 0.0)) == 0.0  # the model says 50 W of idling: never more than was read
    for _ in range(5):
        live(1.0, 10.0, Part(0.0, 0.0))
    assert live(1.0, 30.0, Part(1.0, 0.0)) == pytest.approx(20.0, rel=0.01)


def test_a_counter_that_rises_in_steps_is_split_as_if_it_rose_evenly():
    counter = Counter()
    divided = Divided(counter, idle_watts=10.0)
    mine = 0.0
    for at in range(1001):
        if at % 100 == 0:
            counter.joules = at * 0.3  # 30 W at a reading each 10 ms, in steps of a second
        mine = divided.read(Instant(at / 100, machine=Part(1.0, 0.0)))[Counter.name]
    assert mine == pytest.approx(200.0, rel=0.1)


def test_a_broken_counter_is_not_taken_for_a_frugal_one():
    counter = Counter()
    divided = Divided(counter, idle_watts=10.0)
    now = mine = 0.0
    for at in range(60):
        now += 0.5
        counter.broken = 20 <= at < 40
        counter.joules += 15.0
        mine = divided.read(Instant(now, machine=Part(1.0, 0.0)))[Counter.name]
    assert mine == pytest.approx((30 - 10) * 29.5, rel=0.25)
    assert len(divided.guard.gaps) == 1


def test_a_meter_keeps_what_the_whole_machine_took_beside_what_is_its_own():
    machine = Simulated(1)
    clock = OthersClock(lambda: machine.busy)
    counter = machine.counters[0]
    tree = type('Tree', (), {'cpu_seconds': lambda _: machine.own[0], 'resident_bytes': lambda _: 0})()
    meter = Meter([Divided(counter, 20.0)], clock=lambda: machine.now, boot=lambda: None, tree=tree, share=Share(clock))
    first = meter.read()
    for _ in range(10):
        machine.run(1.0, [1.0, 1.0])
        last = meter.read()
    assert last.machine_joules[Counter.name] - first.machine_joules.get(Counter.name, 0.0) == pytest.approx(400.0)
    assert last.joules[Counter.name] == pytest.approx(200.0, rel=0.05)
    assert last.others_seconds == pytest.approx(10.0, rel=0.05)
    assert last.occupied == pytest.approx(5.0, rel=0.05)
    assert meter.accuracies[f'{Counter.name}:share'] == ('cpu', DOUBT)


def test_a_run_that_has_the_machine_to_itself_is_charged_with_all_of_it():
    machine = Simulated(1)
    machine.shares = [Share(OthersClock(lambda: machine.busy), alone=True)]
    model = CpuModel(watts_for(TURIN), THREADS)
    model.advance(machine.read(0))
    for _ in range(10):
        machine.run(1.0, [1.0, 1.0])
        model.advance(machine.read(0))
    assert machine.mine[0] == pytest.approx(machine.whole)
    assert machine.shares[0].occupied == pytest.approx(10.0)
    swing = watts_for(TURIN).full[0] - watts_for(TURIN).idle[0]
    assert model.joules['cpu-model:load'] == pytest.approx(20 * swing, rel=0.05)


def modelled(seconds, own, others=0.0, meters=1):
    return sum(CpuModel(watts_for(TURIN), THREADS).between(seconds, own, others, meters).values())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.floats(0.01, 100))
def test_the_modelled_energies_of_processes_add_up_to_the_model_of_the_machine(own, seconds):
    own = [mine * seconds for mine in own]
    each = [modelled(seconds, mine, sum(own) - mine, len(own)) for mine in own]
    assert sum(each) == pytest.approx(modelled(seconds, sum(own)), rel=1e-9)


def test_more_busy_threads_take_more_and_the_first_takes_most():
    idle, one, two = (modelled(1.0, busy) for busy in (0.0, 1.0, 2.0))
    assert idle < one < two
    assert one - idle > two - one  # the load curve is concave


def test_the_same_work_in_twice_the_time_at_half_the_load_takes_more_but_not_twice_as_much():
    fast, slow = modelled(1.0, 4.0), modelled(2.0, 4.0)
    assert fast < slow < 2 * fast
    watts = watts_for(TURIN)
    swing = (watts.full[0] - watts.idle[0]) * THREADS
    assert slow == pytest.approx(watts.idle[0] * THREADS * 2 + swing * load_curve(0.5) * 2)


def test_what_children_worked_and_is_told_late_is_not_lost():
    model = CpuModel(watts_for(TURIN), threads=1)
    for now, cpu in ((0.0, 0.0), (1.0, 0.0), (2.0, 2.0), (3.0, 2.0)):
        model.advance(Instant(now, cpu))
    swing = watts_for(TURIN).full[0] - watts_for(TURIN).idle[0]
    assert model.joules['cpu-model:load'] == pytest.approx(2.0 * swing)


def test_the_others_clock_is_not_asked_at_each_reading_and_its_noise_does_not_add_up():
    asked = []

    def busy():
        asked.append(1)
        return math.floor((7.0 + now) / TICK + len(asked) % 2) * TICK

    clock = OthersClock(busy)
    for at in range(10_001):
        now = at / 1000
        seconds = clock.read(now, now)  # alone on its thread
    assert len(asked) <= 101
    assert 0 <= seconds <= 3 * TICK


def test_a_clock_that_cannot_be_read_stands_and_goes_on():
    broken = [False]

    def busy():
        if broken[0]:
            raise OSError
        return now

    clock = OthersClock(busy)
    for now in (0.0, 1.0):
        last = clock.read(now, 0.0)
    broken[0] = True
    assert clock.read(5.0, 0.0) >= last
    broken[0] = False
    now = 10.0
    assert clock.read(now, 0.0) == pytest.approx(10.0)


def test_a_discovered_machine_has_its_counters_divided_and_the_setting_takes_them_whole(tmp_path, monkeypatch):
    zone = tmp_path / 'intel-rapl:0'
    zone.mkdir()
    (zone / 'name').write_text('package-0\n')
    (zone / 'max_energy_range_uj').write_text('262143328850\n')
    (zone / 'energy_uj').write_text('1000000\n')
    for mode in ('process', 'machine'):
        monkeypatch.setenv('HEFTED_SHARE', mode)
        meter = discover(str(tmp_path))
        meter.read()
        until = host.monotonic() + 0.15
        while host.monotonic() < until:
            pass
        (zone / 'energy_uj').write_text('6000000\n')
        reading = meter.read()
        (zone / 'energy_uj').write_text('1000000\n')
        assert reading.machine_joules == {'rapl:package-0': pytest.approx(5.0)}
        assert 0 < reading.joules['rapl:package-0'] <= 5.0 + 1e-9
        assert 'cpu-model:load' not in reading.joules
        assert meter.accuracies['rapl:package-0'][1].basis == 'measured'
    assert reading.joules['rapl:package-0'] == pytest.approx(5.0)
    assert reading.joules['rapl:package-0:share'] == 0.0
