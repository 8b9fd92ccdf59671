"""A meter at the wall tells what the parts do not see: nothing is counted twice, and nothing falls below 0."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint.account import energy_of
from hefted.metering import Meter, SensorError, measured
from hefted.metering.busy import OthersClock
from hefted.metering.sensor import Guard, Instant
from hefted.metering.share import Divided, Share
from hefted.metering.whole_machine import PartSoFar, WholeMachine
from hefted.quantities import Source


class Told:
    """A sensor that tells what it is set to."""

    counts_always = False

    def __init__(self, name, component, within=0.05):
        self.name, self.component = name, component
        self.accuracy = measured(Source(name, name), within)
        self.joules = 0.0

    def read(self, instant):
        if self.joules is None:
            raise SensorError('Away.')
        return self.joules


class Bench:
    """A meter with a processor and a plug, whose clock is set by hand."""

    def __init__(self):
        self.now = 0.0
        self.cpu, self.plug = Told('cpu', 'cpu'), Told('plug', 'other', 0.02)
        self.meter = Meter([self.cpu], clock=lambda: self.now, boot=lambda: None)
        self.meter.add_whole_machine(self.plug)
        self.meter.read()

    def at(self, cpu, plug):
        self.now += 1
        self.cpu.joules, self.plug.joules = cpu, plug
        return self.meter.read().joules


def test_the_unseen_is_what_the_wall_tells_beyond_the_parts():
    bench = Bench()
    bench.at(0, 1000)
    assert bench.at(200, 1300) == {'cpu': 200.0, 'plug': 1300 - 200}
    assert bench.meter.accuracies['plug'][0] == 'unseen'


def test_parts_and_unseen_come_to_the_wall_and_the_totals_error_is_the_walls_alone():
    bench = Bench()
    joules = bench.at(200, 300)
    total = energy_of(joules, bench.meter.accuracies)
    unseen = energy_of(joules, bench.meter.accuracies, 'unseen')
    assert total.value == pytest.approx(300)
    assert total.high - total.value == pytest.approx(0.02 * 300, rel=1e-3)
    assert unseen.value == pytest.approx(100)
    assert {error.source: pytest.approx(error.up) for error in unseen.errors} == {'plug': 6.0, 'cpu': -10.0}
    assert unseen.low > 0


def test_parts_that_tell_more_than_the_wall_leave_the_unseen_at_zero_and_keep_their_own_errors():
    bench = Bench()
    joules = bench.at(300, 200)
    assert joules == {'cpu': 300.0, 'plug': 0.0}
    total = energy_of(joules, bench.meter.accuracies)
    assert total.high - total.value == pytest.approx(0.05 * 300)


def test_while_the_wall_is_away_nothing_is_made_up_and_it_goes_on_where_it_was():
    bench = Bench()
    bench.at(100, 300)
    assert bench.at(200, None)['plug'] == 200.0
    assert bench.at(300, None)['plug'] == 200.0
    assert bench.at(400, 1200)['plug'] == 200.0  # what it counted meanwhile is as unknown as what the parts were
    assert bench.at(500, 1500)['plug'] == 400.0
    (gap,) = bench.meter.gaps(0.0)
    assert (gap.sensor, gap.reason, gap.start, gap.end) == ('plug', 'Away.', 1.0, 4.0)


def test_a_part_that_comes_later_is_taken_off_from_then_on():
    bench = Bench()
    bench.at(100, 300)
    gpu = Told('gpu', 'gpu')
    gpu.joules = 1e9
    bench.meter.add([gpu])
    bench.at(100, 300)
    gpu.joules += 50
    assert bench.at(200, 600) == {'cpu': 200.0, 'gpu': 50.0, 'plug': 200.0 + 300 - 150}


def test_a_wall_that_comes_late_owes_nothing_to_what_was_used_before():
    bench = Bench()
    bench.meter = Meter([bench.cpu], clock=lambda: bench.now, boot=lambda: None)
    bench.at(9000, 5)
    bench.meter.add_whole_machine(bench.plug)
    bench.at(9100, 205)
    joules = bench.at(9200, 405)
    assert joules['plug'] == 200.0
    assert bench.meter.accuracies['plug'][1].high < 1.1


def test_a_second_wall_is_a_gap():
    bench = Bench()
    bench.meter.add_whole_machine(Told('bmc', 'other'))
    (gap,) = bench.meter.gaps(0.0)
    assert (gap.sensor, 'not counted' in gap.reason) == ('bmc', True)
    assert 'bmc' not in bench.at(1, 2)


def test_what_reads_fans_or_the_board_is_a_part_of_what_the_wall_tells():
    bench, fans = Bench(), Told('fans', 'unseen')
    bench.meter.add([fans])
    fans.joules = 30.0
    joules = bench.at(200, 300)
    assert joules == {'cpu': 200.0, 'fans': 30.0, 'plug': 70.0}
    assert energy_of(joules, bench.meter.accuracies).value == pytest.approx(300.0)


def test_what_is_drawn_elsewhere_is_not_taken_off_the_wall():
    bench, network = Bench(), Told('moved', 'network')
    bench.meter.add([network])
    network.joules = 5000.0
    assert bench.at(200, 300) == {'cpu': 200.0, 'moved': 5000.0, 'plug': 100.0}


def test_a_machine_with_eight_accelerators_at_full_load_is_believed():
    bench = Bench()
    bench.now = 60.0
    bench.at(0, 0)
    for second in range(1, 5):
        bench.at(0, 14_300 * second)
    assert bench.meter.read().joules['plug'] == pytest.approx(4 * 14_300)
    assert bench.meter.gaps(0.0) == ()


def test_a_plugs_total_that_counts_by_ten_watthours_is_believed():
    plug = Told('plug', 'other')
    guard = Guard(plug)
    for second in range(0, 301):
        plug.joules = 36_000.0 * (second // 100)
        joules = guard.read(Instant(float(second)))
    assert (joules, guard.gaps) == (3 * 36_000.0, [])


def test_a_wall_that_never_answered_is_missing_and_not_zero():
    bench = Bench()
    bench.plug.joules = None
    bench.meter = Meter([bench.cpu], clock=lambda: bench.now, boot=lambda: None)
    bench.meter.add_whole_machine(bench.plug)
    assert bench.at(100, None) == {'cpu': 100.0}


def test_a_changed_accuracy_is_told_to_runs():
    bench = Bench()
    version = bench.meter.version
    bench.at(200, 300)
    assert bench.meter.version > version
    version = bench.meter.version
    bench.at(400, 600)
    assert bench.meter.version == version  # the same share: nothing new


class SharedInstant(NamedTuple):
    """An instant on a machine of whose idling a part is this process's."""

    monotonic: float
    machine: tuple[float, float]


def test_of_a_shared_machine_the_unseen_is_this_processs_part():
    cpu, model, plug = Told('cpu', 'cpu'), Told('model', 'dram'), Told('plug', 'other')
    parts = {}
    machine = WholeMachine(plug, lambda: parts, lambda: None)
    for now, (whole, of_all, own) in enumerate([(0, 0, 0), (0, 0, 0), (1000, 400, 50)]):
        plug.joules = whole
        parts = {
            'cpu': PartSoFar(of_all, cpu.accuracy, whole=True),
            'model': PartSoFar(own, model.accuracy, whole=False),
        }
        unseen = machine.read(SharedInstant(float(now), (0.5, 0.25)))
    assert unseen['plug'] == 0.25 * (1000 - 400) - 50
    assert unseen['plug:share'] == 0.75 * 0.25 * (1000 - 400)  # whose part it is, is as doubtful as of a counter


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500) | st.none()), max_size=30))
def test_the_unseen_never_falls_and_never_exceeds_the_wall(steps):
    bench = Bench()
    cpu = plug = last = 0.0
    for used, wall in steps:
        cpu += used
        plug += wall or 0.0
        unseen = bench.at(cpu, None if wall is None else plug)['plug']
        assert last <= unseen <= plug + 1e-6
        last = unseen


def test_with_a_shared_counter_and_a_wall_the_run_has_its_part_of_both():
    """Half of the work and half of the idling of a machine that draws 300 W, of which a counter sees 200."""
    now, cpu, plug = [0.0], Told('cpu', 'cpu'), Told('plug', 'other', 0.02)
    others = OthersClock(lambda: 2 * now[0])  # two threads are busy, one of them by this process
    tree = SimpleNamespace(cpu_seconds=lambda: now[0], resident_bytes=lambda: 0)
    meter = Meter(
        [Divided(cpu, idle_watts=50.0)], clock=lambda: now[0], boot=lambda: None, tree=tree, share=Share(others)
    )
    meter._share.meters = 2
    meter.add_whole_machine(plug)
    first = meter.read()
    for second in range(1, 61):
        now[0], cpu.joules, plug.joules = float(second), 200.0 * second, 300.0 * second
        last = meter.read()
    used = {name: last.joules[name] - first.joules.get(name, 0.0) for name in last.joules}
    assert used['cpu'] == pytest.approx(0.5 * 200 * 60, rel=0.05)
    assert used['plug'] == pytest.approx(0.5 * 100 * 60, rel=0.05)
    total = energy_of(used, meter.accuracies)
    assert total.value == pytest.approx(0.5 * 300 * 60, rel=0.05)
