"""What the platform is asked, against constructed trees and against itself."""

import os
import sys
import time
from pathlib import Path

import pytest

from hefted import host

linux = pytest.mark.skipif(not host.LINUX, reason='constructed Linux trees are read on Linux')

INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
stepping\t: 2
flags\t\t: fpu vme hypervisor avx512f

processor\t: 1
vendor_id\t: Other
"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd4f
"""


@linux
@pytest.mark.parametrize(
    ('text', 'identity'),
    [
        (INTEL, host.CpuIdentity('GenuineIntel', 6, 207, 2, 'Intel(R) Xeon(R) Processor', True)),
        (ARM, host.CpuIdentity('ARM', None, 0xD4F, None, '', None)),
        ('', host.CpuIdentity()),
        ('cpu family: unknown\nmodel: ?\n', host.CpuIdentity()),
    ],
)
def test_a_processor_is_known_by_its_numbers(tmp_path, text, identity):
    (tmp_path / 'cpuinfo').write_text(text)
    assert host.cpu_identity(str(tmp_path / 'cpuinfo')) == identity


def test_a_processor_that_cannot_be_asked_is_unknown(tmp_path):
    assert host.cpu_identity(str(tmp_path / 'none')).family is None or not host.LINUX


def cgroups(root, groups, files):
    (root / 'proc/self').mkdir(parents=True)
    (root / 'proc/self/cgroup').write_text(groups)
    for path, text in files.items():
        file = root / 'sys/fs/cgroup' / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@linux
@pytest.mark.parametrize(
    ('groups', 'files', 'quota'),
    [
        ('0::/\n', {}, None),
        ('0::/pod/box\n', {'pod/box/cpu.max': 'max 100000\n'}, None),
        ('0::/pod/box\n', {'pod/box/cpu.max': '50000 100000\n'}, 0.5),
        ('0::/pod/box\n', {'pod/box/cpu.max': 'max 100000\n', 'pod/cpu.max': '25000 100000\n'}, 0.25),
        (
            '4:cpu,cpuacct:/box\n0::/\n',
            {'cpu,cpuacct/box/cpu.cfs_quota_us': '75000\n', 'cpu,cpuacct/box/cpu.cfs_period_us': '100000\n'},
            0.75,
        ),
        ('1:cpu:/\n', {'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n'}, None),
        ('junk\n', {}, None),
    ],
)
def test_a_control_groups_quota_cuts_the_threads(tmp_path, groups, files, quota):
    cgroups(tmp_path, groups, files)
    whole = float(len(os.sched_getaffinity(0)))
    assert host.threads_given(str(tmp_path)) == (whole if quota is None else min(quota, whole))


def test_the_process_started_before_now_and_not_long_before_its_clock():
    started = host.process_started()
    assert started <= host.monotonic()
    assert host.monotonic() - started < 24 * 3600
    assert abs(host.process_started() - started) < 0.05


@linux
def test_the_start_of_a_fresh_process_is_found_to_a_few_hundredths():
    import subprocess

    begun = time.monotonic()
    code = 'from hefted import host; print(host.process_started())'
    told = float(subprocess.check_output([sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': _src()}))
    assert begun - 0.05 <= told <= begun + 1.0


def _src():
    return str(Path(host.__file__).parents[1])


def test_memory_is_told_in_bytes_and_in_order():
    resident, peak, machine = host.resident_bytes(), host.peak_memory_bytes(), host.total_memory_bytes()
    assert 2**20 < resident <= peak * 1.01
    assert peak < machine


def test_the_machine_has_been_busy_and_the_boot_clock_is_not_behind():
    assert host.machine_busy_seconds() > 0
    boot = host.boot_clock()
    assert boot is None or boot >= host.monotonic() - 1


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere platformdirs answers')
@pytest.mark.parametrize('kind', ['data', 'cache', 'config'])
def test_folders_are_those_that_platformdirs_would_name(kind, monkeypatch):
    import platformdirs

    for value in ('', '/somewhere', 'relative/is/ignored'):
        monkeypatch.setenv(f'XDG_{kind.upper()}_HOME', value)
        expected = getattr(platformdirs, f'user_{kind}_dir')('hefted')
        assert host.user_folder(kind) == expected or value.startswith('relative')
