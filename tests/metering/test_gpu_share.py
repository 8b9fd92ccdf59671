"""GPUs that several processes use, by a library that answers as NVML does."""

from types import SimpleNamespace

import pytest

from hefted.metering import Meter
from hefted.metering.bounded import Bounded
from hefted.metering.discover import shared_gpu
from hefted.metering.gpu_share import GpuShare, Watched
from hefted.metering.nvml import NvmlEnergy
from hefted.metering.sensor import Part
from hefted.metering.share import Divided


class Library:
    """NVML with one device."""

    class NVMLError(Exception):
        pass

    def __init__(self):
        self.memory = {}
        self.samples = []
        self.told = True
        self.millijoules = 0.0

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        if not self.told:
            raise self.NVMLError('Not Supported')
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.memory.items()]

    def nvmlDeviceGetProcessUtilization(self, handle, since):
        found = [sample for sample in self.samples if sample.timeStamp > since]
        if not found:
            raise self.NVMLError('Not Found')
        return found

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != 'GPU-1':
            raise self.NVMLError('Invalid Argument')
        return 'handle'

    def nvmlDeviceGetName(self, handle):
        return 'NVIDIA H100 80GB HBM3'

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return self.millijoules

    def worked(self, at, **by_pid):
        self.samples += [
            SimpleNamespace(pid=int(pid.strip('p')), timeStamp=at, smUtil=used) for pid, used in by_pid.items()
        ]


def share(library, own=(10, 11), visible=()):
    found = GpuShare(library, 'handle', lambda: frozenset(own), exists=lambda pid: pid in visible)
    found.look()
    return found


def test_a_gpu_that_nobody_else_uses_is_all_the_runs():
    library = Library()
    assert share(library).part == Part(1.0, 1.0)
    library.memory = {10: 100, 11: 50}
    found = share(library)
    assert found.part == Part(1.0, 1.0)
    assert found.said is None


def test_a_gpu_that_nobody_uses_idles_for_all_that_are_metered_together():
    found = share(Library())
    found.look(meters=4)
    assert found.part == Part(0.25, 0.25)


def test_work_goes_by_time_on_the_multiprocessors_and_idling_by_memory():
    library = Library()
    library.memory = {10: 100, 20: 300}
    library.worked(1000, p10=60, p20=20)
    found = share(library)
    assert found.part == Part(0.75, 0.25)
    library.worked(2000, p10=0, p20=80)
    found.look()  # only what is new counts
    assert found.part == Part(0.0, 0.25)
    found.look()  # nothing was sampled since
    assert found.part == Part(0.25, 0.25)


def test_memory_that_is_not_told_is_taken_to_be_even():
    library = Library()
    library.memory = {10: None, 20: None}
    assert share(library).part == Part(0.5, 0.5)


def test_a_gpu_that_only_others_use_is_not_the_runs():
    library = Library()
    library.memory = {20: 300}
    assert share(library, visible={20}).part == Part(0.0, 0.0)


def test_processes_that_cannot_be_told_apart_have_even_parts_and_it_is_said():
    library = Library()
    library.memory = {20: 300, 21: 100, 22: 1}
    found = share(library)
    assert found.part == Part(1 / 3, 1 / 3)
    assert '3 processes use it' in found.said


def test_a_driver_that_does_not_tell_is_said_and_all_is_charged():
    library = Library()
    library.told = False
    found = share(library)
    assert found.part == Part(1.0, 1.0)
    assert 'Not Supported' in found.said


def test_a_meter_charges_its_part_and_keeps_the_whole(monkeypatch):
    monkeypatch.delenv('HEFTED_SHARE', raising=False)
    library, now = Library(), [100.0]
    meter = Meter([], clock=lambda: now[0], boot=lambda: None)
    (mine,) = meter.pids
    library.memory = {mine: 100, 1: 300}
    meter.add([shared_gpu(library, NvmlEnergy(library, 'handle', 'nvml:GPU-1'), meter)])
    meter.read()

    def live(seconds, watts):
        now[0] += seconds
        library.millijoules += seconds * watts * 1000
        return meter.read()

    for _ in range(3):
        idle = live(2.0, 50.0)
    assert idle.joules['nvml:GPU-1'] == pytest.approx(0.25 * 300)
    library.worked(1, **{f'p{mine}': 50, 'p1': 50})
    busy = live(2.0, 250.0)
    assert busy.joules['nvml:GPU-1'] - idle.joules['nvml:GPU-1'] == pytest.approx(0.25 * 100 + 0.5 * 400)
    assert busy.machine_joules['nvml:GPU-1'] == pytest.approx(800)
    library.told = False
    live(2.0, 50.0)
    (gap,) = meter.gaps(0.0)
    assert (gap.sensor, gap.end) == ('nvml:GPU-1', None)
    assert 'does not tell' in gap.reason


def test_a_device_without_a_handle_or_on_a_machine_of_ones_own_is_read_whole(monkeypatch):
    library = Library()
    meter = Meter([])
    sensor = NvmlEnergy(library, 'handle', 'nvml:other')
    assert shared_gpu(library, sensor, meter).name == 'nvml:other'
    assert not hasattr(shared_gpu(library, sensor, meter), 'guard')
    monkeypatch.setenv('HEFTED_SHARE', 'machine')
    assert not hasattr(shared_gpu(library, NvmlEnergy(library, 'handle', 'nvml:GPU-1'), meter), 'guard')


def test_a_gpu_that_two_ranks_see_is_counted_once_by_both_together(monkeypatch):
    monkeypatch.delenv('HEFTED_SHARE', raising=False)
    library, now = Library(), [100.0]
    library.memory = {10: 100, 20: 300}

    def rank(pid):
        meter = Meter([], clock=lambda: now[0], boot=lambda: None)
        known = GpuShare(library, 'handle', lambda: frozenset({pid}))
        sensor = NvmlEnergy(library, 'handle', 'nvml:GPU-1')
        meter.add([Divided(Bounded(Watched(sensor, known)), share=known)])
        meter.read()
        return meter

    ranks = [rank(10), rank(20)]

    def live(seconds, watts):
        now[0] += seconds
        library.millijoules += seconds * watts * 1000
        return [meter.read().joules['nvml:GPU-1'] for meter in ranks]

    assert sum(live(2.0, 50.0)) == pytest.approx(100)
    library.worked(1, p10=50, p20=50)
    parts = live(2.0, 250.0)
    assert sum(parts) == pytest.approx(600)
    assert all(part < 600 for part in parts)
    library.worked(2, p10=90, p20=10)
    assert sum(live(2.0, 250.0)) == pytest.approx(1100)
