"""Which sensors this machine has."""

from __future__ import annotations

from hefted import host
from hefted.metering import rapl
from hefted.metering.bounded import Bounded
from hefted.metering.cpu_model import CpuModel, watts_for
from hefted.metering.dram_model import DramModel
from hefted.metering.meter import Meter
from hefted.metering.reading import Gap
from hefted.metering.sensor import Sensor, SensorError


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
    sensors: list[Sensor] = list(zones)
    components = {zone.component for zone in zones}
    if 'cpu' not in components:
        sensors += models[0].sensors
    if 'dram' not in components:
        sensors.append(models[1])
    return Meter(sensors, gaps=gaps, models=models)


def add_gpus(meter: Meter) -> None:
    """Add the GPUs that this process may use; without a driver, nothing is imported."""
    if not host.nvidia_driver_present():
        return
    from hefted.metering import nvml

    now = host.monotonic()
    try:
        sensors, gaps = nvml.find(nvml.load(), visible=nvml.visible_devices(), now=now)
    except SensorError as error:
        sensors, gaps = [], [Gap('nvml', str(error), now)]
    except Exception as error:  # a driver's own fault must not end the thread that called
        sensors, gaps = [], [Gap('nvml', f'NVML failed with {type(error).__name__}.', now)]
    meter.add([Bounded(sensor) for sensor in sensors], gaps)
