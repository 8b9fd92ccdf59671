"""Which sensors this machine has."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hefted import host, settings
from hefted.metering import rapl
from hefted.metering.bounded import Bounded
from hefted.metering.busy import OthersClock
from hefted.metering.cpu_model import CpuModel, watts_for
from hefted.metering.dram_model import DramModel
from hefted.metering.meter import Meter
from hefted.metering.peers import Peers
from hefted.metering.reading import Component, Gap
from hefted.metering.sensor import Sensor, SensorError
from hefted.metering.share import Divided, Share


def discover(powercap: str = rapl.ROOT) -> Meter:
    """Make a meter of what can be read at once: the processor's counters, else the models of CPU and memory.

    GPUs come later, by `add_gpus`, because their driver takes its time.

    Args:
        powercap: Linux's folder of energy counters.

    Returns:
        A meter, already counting.
    """
    models = CpuModel(watts_for(host.cpu_identity()), host.threads_given()), DramModel()
    zones, gaps = rapl.find(powercap, now=host.monotonic())
    sensors: list[Sensor | Divided] = divided(zones, models)
    components = {zone.component for zone in zones}
    if 'cpu' not in components:
        sensors += models[0].sensors
    if 'dram' not in components:
        sensors.append(models[1])
    share, peers = _share(bool(zones))
    return Meter(sensors, gaps=gaps, models=models, share=share, peers=peers)


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
    if not host.nvidia_driver_present():
        return
    from hefted.metering import nvml

    now = host.monotonic()
    try:
        library = nvml.load()
        sensors, gaps = nvml.find(library, visible=nvml.visible_devices(), now=now)
        devices = [shared_gpu(library, sensor, meter) for sensor in sensors]
    except SensorError as error:
        devices, gaps = [], [Gap('nvml', str(error), now)]
    except Exception as error:  # a driver's own fault must not end the thread that called
        devices, gaps = [], [Gap('nvml', f'NVML failed with {type(error).__name__}.', now)]
    meter.add(devices, gaps)


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
