"""Whatever comes, goes, fails, jumps or stands in: a meter's joules never fall, and come to no more than was drawn."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hefted.footprint.account import energy_of
from hefted.metering import Meter, SensorError, measured
from hefted.metering.cpu_model import CpuModel, watts_for
from hefted.metering.dram_model import DramModel
from hefted.metering.machine import Machine
from hefted.metering.share import Divided, Share
from hefted.metering.unseen import Unseen
from hefted.processor import CpuIdentity
from hefted.quantities import Source


class Drawn:
    """A sensor of something that draws power, and may fail to say so."""

    counts_always = False

    def __init__(self, name, component):
        self.name, self.component = name, component
        self.accuracy = measured(Source(name, name), 0.05)
        self.joules, self.fault = 0.0, None

    def read(self, instant):
        if isinstance(self.fault, Exception):
            raise self.fault
        return self.joules if self.fault is None else self.fault


FAULTS = st.sampled_from([None, SensorError('Away.'), ZeroDivisionError(), math.nan, -1.0, 'text', 1e12])
KINDS = st.sampled_from(['cpu', 'dram', 'gpu', 'other', 'network'])


class Metering(RuleBasedStateMachine):
    """A meter whose sensors come and go, beside what is drawn in truth."""

    def __init__(self):
        super().__init__()
        self.now = 10.0
        self.models = CpuModel(watts_for(CpuIdentity('AuthenticAMD', 26, 2, 1)), 2), DramModel()
        self.sensors, self.count = {}, 0
        self.plug = None
        self.meter = Meter(
            [*self.models[0].sensors, self.models[1]],
            clock=lambda: self.now,
            boot=lambda: None,
            models=self.models,
            share=Share(),
        )
        self.last = self.meter.read()
        self.first = dict(self.last.joules)

    @rule(kind=KINDS, divided=st.booleans(), instead=st.booleans())
    def comes(self, kind, divided, instead):
        self.count += 1
        sensor = self.sensors[f'{kind}-{self.count}'] = Drawn(f'{kind}-{self.count}', kind)
        self.meter.add([Divided(sensor) if divided else sensor], instead=instead)

    @rule()
    def wall(self):
        if self.plug is None:
            self.plug = Drawn('plug', 'other')
            self.meter.add_whole_machine(self.plug)

    @rule()
    def model(self):
        machine = Machine('gpu-server', gpus=('NVIDIA H100 80GB HBM3',))
        self.meter.model_unseen(Unseen(machine, self.meter.reads_cpu))

    @rule(data=st.data())
    def goes(self, data):
        if names := [*self.sensors, *(['plug'] if self.plug else [])]:
            name = data.draw(st.sampled_from(names))
            self.meter.remove(name)
            self.sensors.pop(name, None)
            if name == 'plug':
                self.plug = None

    @rule(data=st.data(), fault=FAULTS)
    def fails(self, data, fault):
        if sensors := [*self.sensors.values(), *([self.plug] if self.plug else [])]:
            data.draw(st.sampled_from(sensors)).fault = fault

    @rule(data=st.data())
    def wraps(self, data):
        if self.sensors:
            self.sensors[data.draw(st.sampled_from(sorted(self.sensors)))].joules = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.01, 1.0, 60.0]), watts=st.integers(0, 500))
    def passes(self, seconds, watts):
        self.now += seconds
        for sensor in self.sensors.values():
            sensor.joules += watts * seconds
        if self.plug is not None:
            self.plug.joules += (watts * len(self.sensors) + 50) * seconds

    @invariant()
    def nothing_falls_and_nothing_is_more_than_the_machine_could_draw(self):
        before, reading = self.last, self.meter.read()
        seconds = reading.monotonic - before.monotonic
        for name, joules in reading.joules.items():
            assert math.isfinite(joules)
            assert joules >= before.joules.get(name, 0.0) - 1e-9, name
        assert set(before.joules) <= set(reading.joules) <= set(self.meter.accuracies)
        self.last = reading
        cpu = [name for name in self.meter.names if self.meter.accuracies[name][0] == 'cpu']
        modelled = [name for name in cpu if name.startswith('cpu-model')]
        assert len(modelled) in (0, 3)
        assert not (modelled and len(cpu) > 3), 'the CPU is counted by a model and by a counter'
        assert modelled or len(cpu) > 0
        assert seconds >= 0

    @invariant()
    def parts_come_to_the_whole(self):
        joules, accuracies = self.last.joules, self.meter.accuracies
        whole = energy_of(joules, accuracies)
        parts = [energy_of(joules, accuracies, kind) for kind in ('cpu', 'dram', 'gpu', 'other', 'unseen', 'network')]
        assert sum(part.value for part in parts if part) == pytest.approx(whole.value if whole else 0.0)


TestMetering = Metering.TestCase
TestMetering.settings = settings(max_examples=60, stateful_step_count=30)
