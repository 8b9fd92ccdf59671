"""A receipt can be recomputed from its journal alone: whatever happens, both tell the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted import run as runs_file
from hefted.footprint.account import rebuild
from hefted.footprint.place import Place
from hefted.ledger.lines import decode, encode
from hefted.metering.machine import Machine
from hefted.metering.meter import Meter
from hefted.metering.moved import Moved, counted_by
from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Instant
from hefted.metering.unseen import Unseen
from hefted.quantities import Error, Quantity, Source
from hefted.run import Run
from hefted.run_process import Process


class Kept:
    """A journal in memory, as its lines would be read back."""

    failure = None

    def __init__(self, header: dict[str, Any]):
        self.lines: list[dict[str, Any]] = []
        self.write(header)

    @classmethod
    def open(cls, _run: str, header: dict[str, Any]) -> Kept:
        return cls(header)

    def write(self, line: dict[str, Any]) -> None:
        kept = {name: value for name, value in line.items() if name != 'footprint'}
        read = decode(encode(kept))
        assert read is not None
        self.lines.append(read)

    def close(self) -> None:
        pass


class Watts:
    """So many watts while they are switched on."""

    counts_always = False

    def __init__(self, name: str, component: Component, key: str, low: float):
        self.name, self.component = name, component
        self.device = 'NVIDIA H100 80GB HBM3' if component == 'gpu' else ''
        self.watts = 10.0
        self.accuracy = Quantity(1.1, '1', 'measured', (Error(key, low, 0.3),), (Source(key, f'The {key}', 2020),))
        self._joules, self._last = 0.0, math.nan

    def read(self, instant: Instant) -> float:
        if self._last == self._last:
            self._joules += self.watts * (instant.monotonic - self._last)
        self._last = instant.monotonic
        return self._joules


class Grid:
    """A service whose answers a test gives."""

    def __init__(self) -> None:
        self.version, self.intensity = 0, None
        self.since: list[Gap] = []

    def gaps(self, since: float) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.since if gap.start >= since)

    def tell(self, grams: float | None) -> None:
        self.version += 1
        errors = (Error('service', -0.1 * grams, 0.2 * grams),) if grams else ()
        source = Source('service', 'A service')
        self.intensity = Quantity(grams, 'g CO2e/kWh', 'modelled', errors, (source,)) if grams else None


class World:
    """A machine, its meter and a run, in a time that the test moves."""

    def __init__(self, unseen: bool):
        self.now = 1000.0
        self.cpu = Watts('cpu', 'cpu', 'counter', -0.2)
        self.meter = Meter([self.cpu], clock=lambda: self.now, boot=lambda: None)
        if unseen:
            self.meter.model_unseen(Unseen(Machine('desktop'), cpu_measured=True))
        self.moved: Moved = counted_by(self.meter)
        self.grid = Grid()
        self.late = 0
        grid: Any = self.grid
        self.run = Run('fit', 'm', Place.of('FR'), self.meter, '', start_up_from=990.0, grid=grid)
        self.run.enter('input')

    def do(self, what: str, amount: float) -> None:
        self.now += 1e-6  # no clock stands still
        getattr(self, f'_{what}')(amount)

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def _watts(self, amount: float) -> None:
        self.meter.read()
        self.cpu.watts = 100 * amount

    def _phase(self, amount: float) -> None:
        self.run.enter(('input', 'train', 'validate', 'idle')[int(4 * amount) % 4])

    def _call(self, seconds: float) -> None:
        """A short call after a while in which nothing was the run's."""
        self.run.enter('idle')
        self.now += seconds
        self.run.enter('train')
        self.now += 0.003
        self.run.enter('idle')

    def _tick(self, amount: float) -> None:
        self.run.tick(int(amount))

    def _beat(self, _: float) -> None:
        self.run.beat(self.meter.read())

    def _part(self, amount: float) -> None:
        if self.run.idle:  # has no part
            return
        self.run.split(1.0 if amount > 0.7 else 0.5, self.meter.read())

    def _gpu(self, amount: float) -> None:
        self.late += 1
        self.meter.add([Watts(f'gpu-{self.late}', 'gpu', 'nvml', -1.5 if amount > 0.5 else -0.1)])

    def _bytes(self, amount: float) -> None:
        if not self.run.idle:  # else the last digit of what was a neighbour's tells its basis
            self.moved.tell(network=int(1e6 * amount))

    def _grams(self, amount: float) -> None:
        self.grid.tell(1000 * amount if amount > 0.2 else None)

    @property
    def lines(self) -> list[dict[str, Any]]:
        journal: Any = self.run._journal
        return journal.lines


NAMES = (
    'pass',
    'pass',
    'pass',
    'watts',
    'phase',
    'phase',
    'phase',
    'call',
    'tick',
    'beat',
    'part',
    'gpu',
    'bytes',
    'grams',
)
amounts = st.sampled_from([0.001, 0.004, 0.02, 0.15, 0.3, 0.5, 0.6, 0.8, 0.95, 1.3])
steps = st.lists(st.tuples(st.sampled_from(NAMES), amounts), max_size=30)


@pytest.fixture(autouse=True, scope='module')
def journals_in_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs_file, 'Journal', Kept)
        yield


def same(told: Any, again: Any, path: str = '') -> None:
    """Whether two JSON values are the same, but for the last digits of arithmetic."""
    if isinstance(told, dict):
        told, again = ({name: value for name, value in each.items() if not _nothing(value)} for each in (told, again))
        assert told.keys() == again.keys(), path
        for name, value in told.items():
            same(value, again[name], f'{path}.{name}')
    elif isinstance(told, list):
        key = repr if told and isinstance(told[0], dict) and 'key' in told[0] else None
        assert len(told) == len(again), path
        for one, two in zip(
            sorted(told, key=key) if key else told, sorted(again, key=key) if key else again, strict=True
        ):
            same(one, two, path)
    elif isinstance(told, float):
        assert again == pytest.approx(told, rel=1e-6, abs=1e-9), path
    else:
        assert told == again, path


def by_source(told: Any) -> Any:
    """A footprint's JSON with its errors by source, in whichever order they were added."""
    if isinstance(told, list):
        return [by_source(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {name: _by_source(value) if name == 'errors' else by_source(value) for name, value in told.items()}


def _by_source(errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {e['source']: e for e in errors if abs(e['down']) + abs(e['up']) > 1e-9}


def _nothing(value: Any) -> bool:
    """Whether it is a phase that lasted no time, or a component that used nothing: one that was found while idle."""
    if not isinstance(value, dict):
        return False
    used = value.get('value') if value.get('unit') == 'J' else value.get('seconds')
    return used == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=100)
@given(steps, st.booleans())
def test_a_run_and_its_journal_tell_the_same_whatever_happens(happens: list[tuple[str, float]], unseen: bool) -> None:
    world = World(unseen)
    for what, amount in happens:
        world.do(what, amount)
    told = world.run.finish()
    again = rebuild(world.lines)
    same(by_source(told.to_json()), by_source(again.to_json() | {'covers': told.covers}))
    if told.components.keys() == again.components.keys():
        assert told.covers == again.covers


@settings(max_examples=30)
@given(steps)
def test_a_journal_that_breaks_off_at_any_line_tells_no_more_than_the_next(happens: list[tuple[str, float]]) -> None:
    world = World(unseen=True)
    for what, amount in happens:
        world.do(what, amount)
    whole = world.run.finish()
    earlier, before = 0.0, 0.0
    for count in range(1, len(world.lines) + 1):
        told = rebuild(world.lines[:count])
        if told.energy is not None:
            assert told.energy.value >= earlier - 1e-9
            earlier = told.energy.value
        assert told.duration.value >= before - 1e-9
        before = told.duration.value
        without = rebuild(world.lines[:count], ['unseen', 'cpu'])
        assert not {'unseen', 'cpu'} & without.components.keys()
    assert whole.energy is not None
    assert earlier == pytest.approx(whole.energy.value)


def test_thousand_calls_a_second_and_the_idling_between_them_are_told_apart_by_their_readings() -> None:
    world = World(unseen=False)
    world.run.enter('train')
    for _ in range(1000):
        world.cpu.watts = 100.0
        world.now += 0.001
        world.run.enter('idle')
        world.cpu.watts = 1.0
        world.now += 0.009
        world.run.enter('train')
    world.run.enter('idle')
    told = world.run.finish()
    assert told.components['cpu'].value == pytest.approx(1.1 * 100.0, rel=1e-6)
    again = rebuild(world.lines)
    assert again.components['cpu'].value == pytest.approx(told.components['cpu'].value, rel=1e-6)
    assert again.phases['train'].seconds == pytest.approx(1.0)
    assert len(world.lines) < 50  # and not a line each


def test_a_sensor_that_is_found_while_a_phase_ends_is_in_the_journal() -> None:
    world = World(unseen=False)
    gaps = world.meter.gaps

    def edge(since: float) -> tuple[Gap, ...]:
        world.meter.gaps = gaps
        world.now += 0.5
        world.run.enter('train')  # the run's own thread, while the meter's makes a line
        return gaps(since)

    world.meter.add([Watts('gpu-1', 'gpu', 'nvml', -0.1)])
    world.meter.read()
    world.now += 2
    reading = world.meter.read()
    world.meter.gaps = edge
    world.run.beat(reading)
    world.now += 2
    told = world.run.finish()
    assert told.components['gpu'].value == pytest.approx(1.1 * 10 * 4.5)
    assert rebuild(world.lines).components.keys() == told.components.keys()


class Beside:
    """Runs of one process that begin, end and call beside one another, in a time that the test moves."""

    def __init__(self) -> None:
        self.now, self.expected = 1000.0, 0.0
        self.watts = Watts('cpu', 'cpu', 'counter', -0.2)
        self.process = Process()
        self.process._started = True
        self.process._enclosing = lambda: ''  # each in a thread of its own
        self.process._meter = Meter([self.watts], clock=lambda: self.now, boot=lambda: None)
        self.begun: list[Run] = []
        self.open: list[Run] = []

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        self.expected += self.watts.watts * seconds if self.process.runs else 0.0

    def _begin(self, _: float) -> None:
        run = self.process.open('fit', 'm', Place.of('FR'), None, attributes=None, attempt=1)
        run.enter('train')
        self.begun.append(run)
        self.open.append(run)

    def _end(self, amount: float) -> None:
        if self.open:
            self.open.pop(int(100 * amount) % len(self.open)).finish()

    def _edge(self, amount: float) -> None:
        if self.open:
            self.open[int(100 * amount) % len(self.open)].enter('validate' if amount > 0.5 else 'train')

    def _beat(self, _: float) -> None:
        assert self.process._meter is not None
        self.process._beat(self.process._meter.read())

    def _call(self, amount: float) -> None:
        run = self.process.resume('predict', str(int(100 * amount) % 2))
        self._pass(amount / 10)
        self.process.pause(run)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(['pass', 'pass', 'begin', 'end', 'edge', 'beat', 'call']), amounts), max_size=25)
)
def test_runs_beside_one_another_add_up_to_the_process_live_and_from_their_journals(
    happens: list[tuple[str, float]],
) -> None:
    beside = Beside()
    for what, amount in happens:
        beside._pass(1e-6)
        getattr(beside, f'_{what}')(amount)
    everybody = [*beside.begun, *beside.process.own.values()]
    told = [run.finish() for run in everybody]
    again = [rebuild(run._journal.lines) for run in everybody]  # pyright: ignore
    for one, two in zip(told, again, strict=True):
        assert one.duration.value == pytest.approx(two.duration.value, abs=1e-6)
        assert (one.energy and one.energy.value) == pytest.approx(two.energy and two.energy.value, abs=1e-6)
        assert one.embodied and two.embodied
        assert one.embodied.value == pytest.approx(two.embodied.value, abs=1e-9)
        for phase, share in one.phases.items():
            assert share.seconds == pytest.approx(two.phases[phase].seconds if phase in two.phases else 0.0, abs=1e-6)
    whole = sum(one.energy.value for one in told if one.energy)
    assert whole == pytest.approx(1.1 * beside.expected, abs=1e-3)
