"""What a meter counts: its sensors, what stands in for what, and what those counted that are there no more.

Nothing is counted twice: a machine has one CPU and one memory, so what reads them stands in for their models, and what
the user names for them stands in for counters too. When that is taken back, what it stood in for counts again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hefted.metering.reading import ELSEWHERE, Component, Gap
from hefted.metering.sensor import Guard, Instant, Sensor
from hefted.metering.share import Divided
from hefted.metering.whole_machine import PartSoFar, WholeMachine
from hefted.quantities import Quantity

_ONCE: frozenset[Component] = frozenset(('cpu', 'dram'))
_TOLD: frozenset[Component] = frozenset(('cpu', 'dram', 'unseen'))


class Counted:
    """The sensors of a meter. It is the meter's to see that none is read while they change.

    Args:
        models: The sensors that model the CPU and memory.

    Attributes:
        whole: The meter of the whole machine; None without one.
        gaps: Those of sensors that are there no more.
    """

    __slots__ = ('_chosen', '_divided', '_gone', '_guards', '_models', '_replaced', '_slow', 'gaps', 'whole')

    def __init__(self, models: Iterable[Sensor] = ()):
        self.whole: WholeMachine | None = None
        self.gaps: list[Gap] = []
        self._models = tuple(models)
        self._guards: list[Guard] = []
        self._divided: list[Divided] = []
        self._slow: list[Callable[[Instant], None]] = []  # how to ask those that answer from threads of their own
        self._gone: dict[str, tuple[Component, Quantity, float]] = {}  # with the joules that were counted
        self._replaced: list[Sensor | Divided] = []
        self._chosen: set[str] = set()  # what the user named

    def read(self, instant: Instant) -> tuple[dict[str, float], dict[str, float]]:
        """Cumulative joules by sensor: this process's, and the whole machine's of those that are divided.

        What never told anything is missing in them, and not 0.
        """
        for ask in self._slow:  # all of them before any is heard: they answer at the same time
            ask(instant)
        joules: dict[str, float] = {}
        for guard in self._guards:
            counted = guard.read(instant)
            if guard.has_answered:
                joules[guard.sensor.name] = counted
        machine: dict[str, float] = {}
        for counter in self._divided:
            joules |= (told := counter.read(instant))
            if told:
                machine[counter.name] = counter.guard.joules
        if self.whole is not None:  # after its parts
            joules |= self.whole.read(instant)
        for name, (_, _, counted) in self._gone.items():
            joules[name] = joules.get(name, 0.0) + counted
        return joules, machine

    def add(self, sensors: Iterable[Sensor | Divided], told: Mapping[str, float], *, instead: bool = False) -> None:
        """Take in sensors; what reads the CPU or memory stands in for their models.

        Args:
            sensors: What is found.
            told: Cumulative joules by sensor at the last reading.
            instead: Whether they stand in for counters too, found before or after them.
        """
        sensors = list(sensors)
        if instead:
            self._chosen |= {_undivided(each).name for each in sensors}
        else:
            taken = self._read_by(lambda sensor: sensor.name in self._chosen)
            self._replaced += [each for each in sensors if _undivided(each).component in taken]
            sensors = [each for each in sensors if _undivided(each).component not in taken]
        read = {_undivided(each).component for each in sensors} & _ONCE

        def stood_for(sensor: Sensor) -> bool:
            return sensor.component in read and (
                self._modelled(sensor) or (instead and sensor.name not in self._chosen)
            )

        dropped = self._drop(stood_for, told)
        self._replaced += [each.again() if isinstance(each, Divided) else each.sensor for each in dropped]
        self._count(sensors)

    def add_whole(self, whole: WholeMachine) -> None:
        """Take in a meter of the whole machine."""
        self.whole = whole
        self._list_slow()

    def remove(self, name: str, told: Mapping[str, float]) -> None:
        """Count a sensor no more: what it stood in for counts again, counters before models."""
        self._chosen.discard(name)
        self._replaced = [each for each in self._replaced if _undivided(each).name != name]
        self._drop(lambda sensor: sensor.name == name, told)
        for modelled in (False, True):
            read = self._read_by(lambda _: True)
            found = [each for each in self._replaced if self._modelled(_undivided(each)) == modelled]
            back = [each for each in found if _undivided(each).component not in read]
            self._replaced = [each for each in self._replaced if each not in back]
            self._count(back)

    @property
    def reads_cpu(self) -> bool:
        """Whether the processors are read by a counter, rather than modelled."""
        return 'cpu' in self._read_by(lambda sensor: not self._modelled(sensor))

    @property
    def reads_unseen(self) -> bool:
        """Whether a sensor tells the unseen, be it what a meter of the whole machine leaves."""
        return self.whole is not None or 'unseen' in self._read_by(lambda _: True)

    def parts(self) -> dict[str, PartSoFar]:
        """What every sensor of a part of the machine has counted; models and slices are this process's alone."""
        parts: dict[str, PartSoFar] = {}
        for guard in (*self._guards, *(counter.guard for counter in self._divided)):
            if guard.sensor.component not in ELSEWHERE:
                whole = not self._modelled(guard.sensor) and getattr(guard.sensor, 'share', 1.0) == 1.0
                parts[guard.sensor.name] = PartSoFar(guard.joules, guard.sensor.accuracy, whole)
        return parts

    @property
    def sensors(self) -> list[Sensor]:
        """Those that are counted now; of a meter of the whole machine, what it leaves."""
        return [_guard_of(each).sensor for each in self._everything()]

    @property
    def accuracies(self) -> dict[str, tuple[Component, Quantity]]:
        """Component and accuracy of each sensor that is there, or was."""
        found: dict[str, tuple[Component, Quantity]] = {}
        for each in self._everything():
            found |= _accuracies(each)
        for name, (component, accuracy, _) in self._gone.items():
            found.setdefault(name, (component, accuracy))
        return found

    def all_gaps(self) -> list[Gap]:
        """Of all sensors, those that are there no more among them."""
        return self.gaps + [gap for each in self._everything() for gap in each.gaps]

    def _count(self, sensors: Iterable[Sensor | Divided]) -> None:
        for each in sensors:
            if isinstance(each, Divided):
                self._divided = [*self._divided, each]
            else:
                self._guards = [*self._guards, Guard(each)]
        self._list_slow()

    def _drop(self, which: Callable[[Sensor], bool], told: Mapping[str, float]) -> list[Guard | Divided]:
        """Count some sensors no more, and keep what they counted; what was dropped, but for the whole's meter."""
        dropped = [each for each in self._everything() if which(_guard_of(each).sensor)]
        for each in dropped:
            self.gaps += each.gaps
            for name, (component, accuracy) in _accuracies(each).items():
                if name in told:
                    self._gone[name] = component, accuracy, told[name]
        self._guards = [guard for guard in self._guards if guard not in dropped]
        self._divided = [counter for counter in self._divided if counter not in dropped]
        self.whole = None if self.whole in dropped else self.whole
        self._list_slow()
        return [each for each in dropped if not isinstance(each, WholeMachine)]

    def _everything(self) -> list[Guard | Divided | WholeMachine]:
        return [*self._guards, *self._divided, *([] if self.whole is None else [self.whole])]

    def _modelled(self, sensor: Sensor) -> bool:
        return sensor in self._models

    def _read_by(self, which: Callable[[Sensor], bool]) -> set[Component]:
        """What sensors of some kind read, of what a machine has once."""
        found = (_guard_of(each).sensor for each in (*self._guards, *self._divided))
        return {sensor.component for sensor in found if sensor.component in _TOLD and which(sensor)}

    def _list_slow(self) -> None:
        asks = [_guard_of(each).ask for each in self._everything()]
        self._slow = [ask for ask in asks if ask is not None]


def _undivided(sensor: Sensor | Divided) -> Sensor:
    return sensor.guard.sensor if isinstance(sensor, Divided) else sensor


def _guard_of(each: Guard | Divided | WholeMachine) -> Guard | WholeMachine:
    return each.guard if isinstance(each, Divided) else each


def _accuracies(each: Guard | Divided | WholeMachine) -> dict[str, tuple[Component, Quantity]]:
    if isinstance(each, Guard):
        return {each.sensor.name: (each.sensor.component, each.sensor.accuracy)}
    return each.accuracies
