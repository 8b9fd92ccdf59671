"""Every sensor, behind its guard, survives every fault: a gap with its reason, and no energy that was not there.

Each rig builds a sensor over a constructed tree, a library that answers as the real one does, or a server, and sets
what it would answer next.
"""

import threading
import time
from types import SimpleNamespace

import pynvml
import pytest

from hefted.metering import amd, apple, hwmon, nvml, rapl, wattmeter
from hefted.metering.bounded import Bounded
from hefted.metering.polled import Polled
from hefted.metering.sensor import Guard, Instant
from hefted.quantities import Quantity


class Rig:
    """A sensor whose source can be set.

    Attributes:
        sensor: Behind its guard.
        counter: Whether it counts by itself, and so brings what it counted while it could not be read.
        numbers: Whether its source can say things that are no whole numbers.
    """

    counter = True
    numbers = True
    always = True

    def set(self, joules):
        """Let the source say a total, or whatever."""
        raise NotImplementedError

    def lose(self):
        """Let the source vanish."""
        raise NotImplementedError

    def before_reading(self):
        """What happens by itself between two readings."""


class FileRig(Rig):
    def set(self, joules):
        self.path.write_text(str(int(joules * 1e6)) if isinstance(joules, int) else f'{joules}')

    def lose(self):
        self.path.unlink()


class Rapl(FileRig):
    def __init__(self, folder):
        zone = folder / 'intel-rapl:0'
        zone.mkdir()
        (zone / 'name').write_text('package-0')
        (zone / 'max_energy_range_uj').write_text(str(10**12))
        self.path = zone / 'energy_uj'
        self.set(1000)
        ((self.sensor,), _) = rapl.find(str(folder))


class AmdEnergyDriver(FileRig):
    def __init__(self, folder):
        monitor = folder / 'hwmon0'
        monitor.mkdir()
        (monitor / 'name').write_text('amd_energy')
        (monitor / 'energy1_label').write_text('Esocket0')
        self.path = monitor / 'energy1_input'
        self.set(1000)
        ((self.sensor,), _) = hwmon.find_sockets(str(folder))


class Wattmeter(Rig):
    always = False

    def __init__(self, folder):
        self.path = folder / 'total'
        self.set(1000)
        self.sensor = wattmeter.from_setting('HEFTED_WATTMETER', f'{self.path} J')
        self.sensor._clock = lambda: self.now
        self.sensor._period = 1e9
        self.now = 0.0

    def set(self, joules):
        self.path.write_text(str(joules))

    def lose(self):
        self.path.unlink()

    def before_reading(self):
        self.sensor.poll()


class Answers(Rig):
    """What a library answers: a number, or something to raise."""

    answer = 1000
    lost = False

    def set(self, joules):
        self.answer, self.lost = joules, False

    def lose(self):
        self.lost = True


class Nvml(Answers):
    def __init__(self, folder):
        def energy(handle):
            if self.lost:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
            return self.answer * 1000

        library = SimpleNamespace(
            NVMLError=pynvml.NVMLError,
            nvmlDeviceGetCount=lambda: 1,
            nvmlDeviceGetHandleByIndex=lambda index: index,
            nvmlDeviceGetHandleByUUID=lambda uuid: 0,
            nvmlDeviceGetUUID=lambda handle: 'GPU-a',
            nvmlDeviceGetName=lambda handle: 'Tesla V100',
            nvmlDeviceGetMigMode=lambda handle: [0, 0],
            nvmlDeviceGetTotalEnergyConsumption=energy,
        )
        ((self.sensor,), _) = nvml.find(library)


class Amd(Answers):
    def __init__(self, folder):
        class AmdSmiException(Exception):
            pass

        def energy(handle):
            if self.lost:
                raise AmdSmiException('AMDSMI_STATUS_NOT_FOUND')
            return {'energy_accumulator': self.answer, 'counter_resolution': 1e6}

        library = SimpleNamespace(
            AmdSmiException=AmdSmiException,
            amdsmi_get_processor_handles=lambda: [0],
            amdsmi_get_gpu_device_uuid=lambda handle: 'a',
            amdsmi_get_gpu_asic_info=lambda handle: {'market_name': 'MI210'},
            amdsmi_get_energy_count=energy,
        )
        ((self.sensor,), _) = amd.find(library)


class Apple(Answers):
    always = False

    def __init__(self, folder):
        def energy():
            if self.lost:
                raise RuntimeError('no channel')
            return SimpleNamespace(cpu_total_mj=self.answer * 1000)

        self.sensor = apple.find(SimpleNamespace(get_cumulative_energy=energy))[0]


RIGS = [Rapl, AmdEnergyDriver, Wattmeter, Nvml, Amd, Apple]


@pytest.fixture(params=RIGS)
def rig(request, tmp_path):
    made = request.param(tmp_path)
    made.guard = Guard(made.sensor)
    made.now = 0.0
    return made


def read(rig, seconds=1.0):
    rig.now += seconds
    rig.before_reading()
    return rig.guard.read(Instant(rig.now))


def steadily(rig, joules):
    """Two good readings."""
    rig.set(joules)
    first = read(rig)
    rig.set(joules + 10)
    assert read(rig) == pytest.approx(first + 10)
    return rig.guard.joules


def test_a_counter_that_goes_missing_and_comes_back_is_a_gap_and_brings_what_it_counted(rig):
    before = steadily(rig, 1000)
    rig.lose()
    assert read(rig) == before
    assert read(rig) == before
    rig.set(1040)
    assert read(rig) == pytest.approx(before + 30)
    (gap,) = rig.guard.gaps
    assert gap.reason
    assert (gap.start, gap.end) == (2.0, 5.0)


def test_a_counter_that_is_reset_is_a_gap_and_never_negative(rig):
    before = steadily(rig, 1000)
    rig.set(1)
    assert read(rig) == before
    rig.set(8)
    assert read(rig) == pytest.approx(before + 7)
    assert len(rig.guard.gaps) == 1


def test_a_counter_that_jumps_is_not_believed(rig):
    before = steadily(rig, 1000)
    rig.set(400_000)
    assert read(rig) == before
    assert '10 kW' in rig.guard.gaps[0].reason
    rig.set(400_005)
    assert read(rig) == pytest.approx(before + 5)


def test_a_counter_that_freezes_is_a_gap_where_it_should_always_count(rig):
    before = steadily(rig, 1000)
    for _ in range(12):
        assert read(rig) == before
    assert bool(rig.guard.gaps) == rig.always
    rig.set(1020)
    assert read(rig) == pytest.approx(before + 10)
    assert all(gap.end is not None for gap in rig.guard.gaps)


@pytest.mark.parametrize('junk', [float('nan'), float('inf'), -1e3])
def test_what_is_no_energy_is_a_gap(rig, junk):
    before = steadily(rig, 1000)
    rig.set(junk)
    assert read(rig) == before
    assert len(rig.guard.gaps) == 1
    rig.set(1030)
    assert before <= read(rig) <= before + 20
    rig.set(1040)
    last = rig.guard.joules
    assert read(rig) == pytest.approx(last + 10)


@pytest.mark.parametrize('rig', [Nvml, Amd, Apple], indirect=True)
@pytest.mark.parametrize('error', [ZeroDivisionError, MemoryError, OSError, AttributeError])
def test_what_a_library_raises_by_mistake_is_a_gap_that_names_it(rig, error):
    before = steadily(rig, 1000)

    class Breaks:
        def __mul__(self, other):
            raise error('inside /home/somebody')

    rig.set(Breaks())
    assert read(rig) == before
    (gap,) = rig.guard.gaps
    assert 'somebody' not in gap.reason


# A wattmeter is asked in the background: no reading waits for it.
@pytest.mark.parametrize('rig', [kind for kind in RIGS if kind is not Wattmeter], indirect=True)
def test_a_sensor_that_hangs_is_given_up_on(rig):
    free = threading.Event()
    sensor = SimpleNamespace(
        name=rig.sensor.name,
        component=rig.sensor.component,
        accuracy=rig.sensor.accuracy,
        counts_always=False,
        read=lambda instant: free.wait(10) and rig.sensor.read(instant),
    )
    guard = Guard(Bounded(sensor, limit=0.02))
    begun = time.perf_counter()
    assert guard.read(Instant(1.0)) == 0.0
    assert time.perf_counter() - begun < 1.0
    free.set()
    end = time.monotonic() + 5
    while guard.gaps[-1].end is None and time.monotonic() < end:
        time.sleep(0.01)
        guard.read(Instant(2.0))
    assert 'did not answer' in guard.gaps[0].reason
    assert guard.gaps[-1].end == 2.0


class Power(Rig):
    """What only tells its watts; steady at 100 W."""

    watts = 100
    lost = False

    def now_tells(self):
        if self.lost:
            raise self.error
        return self.watts


class NvmlPower(Power):
    def __init__(self, folder):
        self.error = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        library = SimpleNamespace(
            NVMLError=pynvml.NVMLError,
            nvmlDeviceGetHandleByUUID=lambda uuid: 0,
            nvmlDeviceGetName=lambda handle: 'Tesla P100',
            nvmlDeviceGetPowerUsage=lambda handle: self.now_tells() * 1000,
        )
        self.sensor = nvml.NvmlPower(library, 0, 'nvml:GPU-a')


class AmdPower(Power):
    def __init__(self, folder):
        self.error = OSError('the driver slipped')
        library = SimpleNamespace(
            AmdSmiException=ArithmeticError,
            amdsmi_get_gpu_asic_info=lambda handle: {'market_name': 'N/A'},
            amdsmi_get_power_info=lambda handle: {'average_socket_power': self.now_tells()},
        )
        self.sensor = amd.AmdPower(library, 0, 'amd:a')


class AcpiPower(Power):
    def __init__(self, folder):
        self.error = OSError(5, 'Input/output error')
        self.sensor = Polled('acpi-power-meter', self.now_tells, accuracy=Quantity(1.0, '1'), period=1e9)
        self.sensor._clock = lambda: self.now

    def before_reading(self):
        self.sensor.poll()


POWERS = pytest.mark.parametrize('rig', [NvmlPower, AmdPower, AcpiPower], indirect=True)


def watts_for(rig, seconds):
    for _ in range(seconds):
        read(rig)
    return rig.guard.joules


@POWERS
@pytest.mark.parametrize('fault', ['lost', 'nan', 'negative', 'silent'])
def test_for_a_power_that_is_not_told_nothing_is_made_up(rig, fault):
    before = watts_for(rig, 3)
    assert before == pytest.approx(200)
    if fault == 'lost':
        rig.lost = True
    elif fault == 'silent':
        rig.now += 3600
    else:
        rig.watts = {'nan': float('nan'), 'negative': -5.0}[fault]
    during = watts_for(rig, 2)
    rig.lost, rig.watts = False, 100
    watts_for(rig, 1)
    after = watts_for(rig, 3)
    assert after - before <= 100 * 5 + 1  # what was good of it, and never the hour
    assert during - before <= 101
    assert after - during >= 299
    if fault != 'silent' or not isinstance(rig, AcpiPower):
        assert rig.guard.gaps
        assert rig.guard.gaps[-1].end is not None


@POWERS
def test_a_power_that_no_machine_draws_is_not_believed(rig):
    before = watts_for(rig, 3)
    rig.watts = 1_000_000
    watts_for(rig, 3)
    assert rig.guard.joules <= before + 101
    assert '10 kW' in rig.guard.gaps[-1].reason
