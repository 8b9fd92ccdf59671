"""Which sensors this machine has: counters first, and models where none can be read.

| component | the first of these that can be read |
|---|---|
| cpu | RAPL packages; AMD's sockets (hwmon amd_energy); Apple's counters; the model |
| dram | RAPL; Apple's counters; the model |
| gpu | NVML and AMD SMI, each device by its UUID; Apple's counters |
| unseen | the user's wattmeter, else the machine's own power meter (ACPI): what they tell beyond the parts |

What a program registers comes beside all of these.
"""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import WeakSet

from hefted import host, processor, settings
from hefted.errors import ArgumentError, unknown_name
from hefted.metering import hwmon, rapl
from hefted.metering.bounded import Bounded
from hefted.metering.busy import OthersClock
from hefted.metering.cpu_model import CpuModel, watts_for
from hefted.metering.dram_model import DramModel
from hefted.metering.machine import Machine, this_machine, with_gpus
from hefted.metering.meter import Meter
from hefted.metering.peers import Peers
from hefted.metering.reading import COMPONENTS, Component, Gap
from hefted.metering.sensor import Sensor, SensorError
from hefted.metering.share import Divided, Share
from hefted.metering.unseen import Unseen
from hefted.quantities import Quantity

_registered: list[tuple[Sensor, bool]] = []
_meters: WeakSet[Meter] = WeakSet()  # those that were discovered, to which a sensor registered later is added


def discover(powercap: str = rapl.ROOT, sensors_folder: str = hwmon.ROOT) -> Meter:
    """Make a meter of what can be read at once: the processor's counters, else the models of CPU and memory.

    GPUs and what else takes its time come later, by `add_late`.

    Args:
        powercap: Linux's folder of energy counters.
        sensors_folder: Linux's folder of hardware monitors.

    Returns:
        A meter, already counting.
    """
    models = CpuModel(watts_for(processor.cpu_identity()), host.threads_given(), host.threads_given), DramModel()
    now = host.monotonic()
    zones, gaps = rapl.find(powercap, now=now)
    counters: list[Sensor] = list(zones)
    if not any(zone.component == 'cpu' for zone in zones):
        sockets, more = hwmon.find_sockets(sensors_folder, now=now)
        counters += sockets
        gaps += more
    components = {counter.component for counter in counters}
    sensors = divided(counters, models)
    if 'cpu' not in components:
        sensors += models[0].sensors
    if 'dram' not in components:
        sensors.append(models[1])
    share, peers = _share(bool(counters))
    meter = Meter(sensors, gaps=gaps, models=models, share=share, peers=peers)
    _meters.add(meter)
    for sensor, whole_machine in _registered:
        _add(meter, sensor, whole_machine)
    _model_unseen(meter)
    return meter


def add_late(meter: Meter, sensors_folder: str = hwmon.ROOT) -> None:
    """Add what takes its time to find: GPUs, Apple's counters, and a meter of the whole machine. Never raises."""
    add_gpus(meter)
    if sys.platform == 'darwin':
        _guarded(meter, 'apple', _apple)
    _guarded(meter, 'wattmeter', lambda meter: _whole_machine(meter, sensors_folder))
    _guarded(meter, 'unseen', _model_unseen)


def machine_of(meter: Meter) -> Machine:
    """The machine that a meter reads, with the GPUs that were found so far."""
    machine, gpus = this_machine(), meter.gpus
    return with_gpus(machine, gpus) if gpus else machine


def _model_unseen(meter: Meter) -> None:
    """Model what no sensor sees, beside what is read; where nothing is, the model of the CPU has it all."""
    machine = machine_of(meter)
    of_package = meter.reads_cpu or (meter.models is not None and meter.models[0].watts.of_package)
    wanted = settings.unseen_counts() and (of_package or machine.gpus)
    meter.model_unseen(Unseen(machine, of_package) if wanted else None)


def divided(counters: Sequence[Sensor], models: tuple[CpuModel, DramModel]) -> list[Sensor | Divided]:
    """Counters of the whole machine, divided among those who use it.

    Args:
        counters: Each of a part of the machine; those of one component share its watts at idle evenly.
        models: Whose watts at idle are taken until less has been seen.
    """
    idle: dict[Component, float] = {
        'cpu': models[0].watts.idle[0] * (os.cpu_count() or 1),
        'dram': models[1].idle_watts(host.total_memory_bytes()),
    }
    count = Counter(counter.component for counter in counters)
    return [Divided(counter, idle.get(counter.component, math.inf) / count[counter.component]) for counter in counters]


def _share(whole: bool) -> tuple[Share, Peers | None]:
    """Whose the machine is, by its busy threads and by who else is metered on it.

    Args:
        whole: Whether a counter of the whole machine is to be divided, besides what is given to this process.
    """
    given = OthersClock(host.given_busy_seconds())
    all_given = host.threads_given() >= (os.cpu_count() or 1)
    machine = OthersClock(host.machine_busy_seconds) if whole and not all_given else None
    if settings.share_mode() == 'machine':
        return Share(given, machine, alone=True), None
    return Share(given, machine), Peers()


def add_gpus(meter: Meter) -> None:
    """Add the GPUs that this process may use; without a driver, nothing is imported."""
    if host.nvidia_driver_present():
        _guarded(meter, 'nvml', _nvidia)
    if host.amd_driver_present():
        _guarded(meter, 'amd', _amd)


def register(sensor: Sensor, *, whole_machine: bool = False) -> None:
    """Count a sensor of your own from now on, in runs that go on already too.

    A sensor is any object with the attributes and the method of `hefted.metering.Sensor`. It is read from a thread of
    its own about once a second and at the edges of phases, and given up on after 50 ms, so it may hang or fail: what it
    misses is a gap with its reason. It may be called at any time until the process ends.

    Args:
        sensor: Gives cumulative joules of its component. Those of 'cpu' or 'dram' stand in for what else reads or
            models it; one of 'gpu' or 'other' is added.
        whole_machine: Whether it measures everything, as at the wall: then its component is passed over, and what it
            tells beyond the sensors of the parts is the 'unseen', so nothing is counted twice.

    Raises:
        ArgumentError: If it lacks an attribute, or has the name of another.

    Example:
        >>> import time
        >>> from hefted.metering import measured
        >>> from hefted.quantities import Source
        >>> class Lamp:
        ...     name, component, counts_always = 'lamp', 'other', True
        ...     accuracy = measured(Source('lamp', 'Its label: 3 W'), within=0.1)
        ...     def read(self, instant):
        ...         return 3.0 * instant.monotonic
        >>> register(Lamp())
        >>> unregister('lamp')
    """
    _check(sensor)
    _registered.append((sensor, whole_machine))
    for meter in list(_meters):
        _add(meter, sensor, whole_machine)
        _guarded(meter, 'unseen', _model_unseen)


def unregister(name: str) -> None:
    """Count a registered sensor no more; what it counted so far stays, and what it stood in for counts again.

    Raises:
        ArgumentError: If none of that name is registered.
    """
    known = [sensor.name for sensor, _ in _registered]
    if name not in known:
        raise unknown_name('sensor', name, known)
    del _registered[known.index(name)]
    for meter in list(_meters):
        meter.remove(name)
        _guarded(meter, 'unseen', _model_unseen)


def _check(sensor: Sensor) -> None:
    accuracy, component = getattr(sensor, 'accuracy', None), getattr(sensor, 'component', None)
    if component not in COMPONENTS:
        raise unknown_name('component of a sensor', component, COMPONENTS)
    if not isinstance(accuracy, Quantity) or accuracy.unit != '1':
        raise ArgumentError(
            f"sensor.accuracy: expected a Quantity of unit '1' around 1, received {accuracy!r}. "
            'hefted.metering.measured(source, within=0.05) makes one.'
        )
    if not callable(getattr(sensor, 'read', None)) or not isinstance(getattr(sensor, 'counts_always', None), bool):
        raise ArgumentError(
            'sensor: expected a method read(instant) and a bool counts_always, received '
            f'{type(sensor).__name__}, which lacks one of them. See hefted.metering.Sensor.'
        )
    name = getattr(sensor, 'name', None)
    if not isinstance(name, str) or not name or name in [other.name for other, _ in _registered]:
        raise ArgumentError(f'sensor.name: expected one that no other sensor has, received {name!r}.')


def _add(meter: Meter, sensor: Sensor, whole_machine: bool) -> None:
    bounded = Bounded(sensor)
    if whole_machine:
        meter.add_whole_machine(bounded)
    else:
        meter.add(_of_machine(meter, [bounded]), instead=True)


def _of_machine(meter: Meter, sensors: Sequence[Sensor]) -> list[Sensor | Divided]:
    """Those of the CPU and memory count the whole machine, and are divided; others are the run's own device."""
    shared = [sensor for sensor in sensors if sensor.component in ('cpu', 'dram')]
    own: list[Sensor | Divided] = [sensor for sensor in sensors if sensor not in shared]
    return own + (divided(shared, meter.models) if meter.models else [Divided(sensor) for sensor in shared])


def _guarded(meter: Meter, name: str, find: Callable[[Meter], None]) -> None:
    """Whatever a driver's library does, it ends no thread and becomes a gap."""
    try:
        find(meter)
    except (SensorError, ArgumentError) as error:
        meter.add([], [Gap(name, str(error), host.monotonic())])
    except Exception as error:
        meter.add([], [Gap(name, f'It failed with {type(error).__name__}.', host.monotonic())])


def _nvidia(meter: Meter) -> None:
    from hefted.metering import nvml

    library = nvml.load()
    sensors, gaps = nvml.find(library, visible=nvml.visible_devices(), now=host.monotonic())
    meter.add([shared_gpu(library, sensor, meter) for sensor in sensors], gaps)


def shared_gpu(library: Any, sensor: Sensor, meter: Meter) -> Sensor | Divided:
    """A GPU's sensor, of which the processes of a meter have their part.

    Args:
        library: NVML, started.
        sensor: Named 'nvml:' and the device's UUID; one of another name is the process's own.
        meter: Whose processes.
    """
    from hefted.metering.gpu_share import GpuShare, Watched

    if settings.share_mode() == 'machine':
        return Bounded(sensor)
    try:
        handle = library.nvmlDeviceGetHandleByUUID(sensor.name.removeprefix('nvml:'))
    except library.NVMLError:  # without a handle nobody can be asked whose it is
        return Bounded(sensor)
    share = GpuShare(library, handle, lambda: meter.pids)
    return Divided(Bounded(Watched(sensor, share)), share=share)


def _amd(meter: Meter) -> None:
    from hefted.metering import amd

    _add_found(meter, *amd.find(amd.load(), visible=amd.visible_devices(), now=host.monotonic()))


def _apple(meter: Meter) -> None:
    from hefted.metering import apple

    if apple.present():
        _add_found(meter, apple.find(apple.load(), device=processor.cpu_identity().name), [])


def _whole_machine(meter: Meter, sensors_folder: str) -> None:
    variable, value = settings.wattmeter_setting()
    if value is not None:
        from hefted.metering import wattmeter

        sensor = wattmeter.from_setting(variable, value)
        sensor.begin()
        meter.add_whole_machine(sensor)
        return
    found, gaps = hwmon.find_machine(sensors_folder, now=host.monotonic())
    # A whole machine less this process's own model would be what others use as well.
    if any(component == 'cpu' and accuracy.basis == 'measured' for component, accuracy in meter.accuracies.values()):
        for sensor in found:
            sensor.begin()
            meter.add_whole_machine(sensor)
        meter.add([], gaps)


def _add_found(meter: Meter, sensors: Iterable[Sensor], gaps: Iterable[Gap]) -> None:
    meter.add(_of_machine(meter, [Bounded(sensor) for sensor in sensors]), gaps)
