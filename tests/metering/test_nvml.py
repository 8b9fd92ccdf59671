"""NVML through a library that answers as it does, with the real one's constants and exceptions.

Not tried on hardware here.
"""

from types import SimpleNamespace

import pynvml
import pytest

from hefted.metering import Meter, nvml
from hefted.metering.bounded import Bounded
from hefted.metering.sensor import Guard, Instant, SensorError


class Library:
    """Two GPUs: the first has an energy counter, the second power only. What is not told is not supported."""

    NVMLError = pynvml.NVMLError
    NVML_GPU_VIRTUALIZATION_MODE_VGPU = pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU

    def __init__(self):
        self.millijoules = 5_000
        self.milliwatts = 100_000
        self.error = None
        self.uuids = ('GPU-aaaa-1', b'GPU-bbbb-2')
        self.handles = [0, 1]

    def __getattr__(self, name):
        assert hasattr(pynvml, name), f'NVML has no {name}'

        def not_supported(*arguments):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

        return not_supported

    def fail(self):
        if self.error is not None:
            raise pynvml.NVMLError(self.error)

    def nvmlDeviceGetCount(self):
        return len(self.handles)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.handles[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        self.fail()
        known = [u.decode() if isinstance(u, bytes) else u for u in self.uuids]
        if uuid not in known:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return self.handles[known.index(uuid)]

    def nvmlDeviceGetUUID(self, handle):
        return self.uuids[self.handles.index(handle)]

    def nvmlDeviceGetName(self, handle):
        return ('NVIDIA A100-SXM4-40GB', b'Tesla P100-PCIE-16GB')[self.handles.index(handle)]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        self.fail()
        if self.handles.index(handle) == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self.millijoules

    def nvmlDeviceGetPowerUsage(self, handle):
        self.fail()
        return self.milliwatts


class CutUp(Library):
    """One A100 that is cut into slices; only the second and third instance exist."""

    def __init__(self):
        super().__init__()
        self.handles = ['board']
        self.uuids = ('GPU-aaaa-1',)
        self.slices = {'MIG-2g': 2, 'MIG-3g': 3}

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return uuid if uuid in self.slices else super().nvmlDeviceGetHandleByUUID(uuid)

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle):
        return 'board'

    def nvmlDeviceGetUUID(self, handle):
        return handle if handle in self.slices else super().nvmlDeviceGetUUID(handle)

    def nvmlDeviceGetMigMode(self, handle):
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index):
        if index == 0:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return list(self.slices)[index - 1]

    def nvmlDeviceGetAttributes(self, handle):
        return SimpleNamespace(gpuInstanceSliceCount=self.slices[handle])


def test_a_counter_is_read_in_joules_and_devices_are_named_by_uuid():
    library = Library()
    (first, second), gaps = nvml.find(library)
    assert (first.name, second.name, gaps) == ('nvml:GPU-aaaa-1', 'nvml:GPU-bbbb-2', [])
    library.millijoules = 7_500
    assert first.read(Instant(1.0)) == 7.5


def test_devices_tell_what_they_are_called():
    sensors, _ = nvml.find(Library())
    assert [sensor.device for sensor in sensors] == ['NVIDIA A100-SXM4-40GB', 'Tesla P100-PCIE-16GB']


def test_power_is_integrated_by_trapezoids_where_there_is_no_counter():
    library = Library()
    _, second = nvml.find(library, now=0.0)[0]
    library.milliwatts = 300_000
    assert second.read(Instant(2.0)) == pytest.approx((100 + 300) / 2 * 2)


def test_nothing_is_made_up_for_the_time_in_which_a_device_was_lost():
    library = Library()
    _, second = nvml.find(library, now=0.0)[0]
    library.error = pynvml.NVML_ERROR_GPU_IS_LOST
    with pytest.raises(SensorError, match='GPU is lost'):
        second.read(Instant(1.0))
    library.error = None
    second.read(Instant(100.0))
    assert second.read(Instant(101.0)) == pytest.approx(100.0)


def test_a_device_that_was_lost_is_asked_for_by_its_uuid_again():
    library = Library()
    first, _ = nvml.find(library)[0]
    guard = Guard(first)
    guard.read(Instant(0.0))
    library.error = pynvml.NVML_ERROR_GPU_IS_LOST
    guard.read(Instant(1.0))
    library.error = None
    library.handles = ['renewed', 'other']  # the old handles are worth nothing after the driver was loaded again
    library.millijoules = 6_000
    assert guard.read(Instant(2.0)) == 1.0
    assert guard.gaps[0].end == 2.0


@pytest.mark.parametrize(
    ('visible', 'names'),
    [
        (None, ['nvml:GPU-aaaa-1', 'nvml:GPU-bbbb-2']),
        ('1', ['nvml:GPU-bbbb-2']),
        ('GPU-aaaa', ['nvml:GPU-aaaa-1']),
        ('1,0', ['nvml:GPU-bbbb-2', 'nvml:GPU-aaaa-1']),
        ('', []),
        ('-1', []),
        ('0,7,1', ['nvml:GPU-aaaa-1']),
    ],
)
def test_only_the_devices_that_cuda_would_see_are_read(visible, names):
    sensors, _ = nvml.find(Library(), visible=visible)
    assert [sensor.name for sensor in sensors] == names


def test_a_device_that_says_nothing_is_a_gap():
    library = Library()
    library.handles.reverse()
    library.nvmlDeviceGetPowerUsage = library.nvmlDeviceGetEncoderStats  # which is not supported
    sensors, (gap,) = nvml.find(library)
    assert len(sensors) == 1
    assert 'Not Supported' in gap.reason
    assert 'neither energy nor power' in gap.reason


def test_a_virtual_gpu_without_power_is_a_gap_that_says_why_and_what_to_do():
    library = Library()
    library.nvmlDeviceGetPowerUsage = library.nvmlDeviceGetEncoderStats
    library.nvmlDeviceGetVirtualizationMode = lambda handle: pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU
    _, (gap,) = nvml.find(library, visible='1')
    assert 'vGPU' in gap.reason
    assert 'passed through' in gap.reason


@pytest.mark.parametrize('visible', ['MIG-2g', '0', None])
def test_a_slice_is_given_its_share_of_the_board_as_a_wide_model(visible):
    library = CutUp()
    (sensor,), gaps = nvml.find(library, visible=visible)
    assert (sensor.name, gaps) == ('nvml:MIG-2g', [])
    library.millijoules = 7_000_000
    assert sensor.read(Instant(1.0)) == pytest.approx(2000.0)
    assert sensor.accuracy.basis == 'modelled'
    assert sensor.accuracy.low < 0.25
    assert sensor.accuracy.high > 3.4  # alone on the board it drew nearly all
    assert Meter([Bounded(sensor)]).gpus == ('NVIDIA A100-SXM4-40GB MIG 2g',)


def test_another_slice_has_another_share():
    (sensor,), _ = nvml.find(CutUp(), visible='MIG-3g')
    assert sensor.read(Instant(0.0)) == pytest.approx(5 * 3 / 7)


def test_a_slice_whose_share_is_not_told_is_a_gap():
    library = CutUp()
    library.nvmlDeviceGetAttributes = library.nvmlDeviceGetEncoderStats
    sensors, (gap,) = nvml.find(library, visible='MIG-2g')
    assert sensors == []
    assert 'share of the board is not known' in gap.reason


def test_a_slice_that_does_not_exist_is_a_gap():
    sensors, (gap,) = nvml.find(CutUp(), visible='MIG-9g')
    assert sensors == []
    assert 'Not Found' in gap.reason
