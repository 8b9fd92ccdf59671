"""What the platform is asked, against constructed trees and against itself."""

import os
import sys
import time
from pathlib import Path

import pytest

from hefted import host, processor

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
        (INTEL, processor.CpuIdentity('GenuineIntel', 6, 207, 2, 'Intel(R) Xeon(R) Processor', True)),
        (ARM, processor.CpuIdentity('ARM', None, 0xD4F, None, '', None)),
        ('', processor.CpuIdentity()),
        ('cpu family: unknown\nmodel: ?\n', processor.CpuIdentity()),
    ],
)
def test_a_processor_is_known_by_its_numbers(tmp_path, text, identity):
    (tmp_path / 'cpuinfo').write_text(text)
    assert processor.cpu_identity(str(tmp_path / 'cpuinfo')) == identity


def test_a_processor_that_cannot_be_asked_is_unknown(tmp_path):
    assert processor.cpu_identity(str(tmp_path / 'none')).family is None or not host.LINUX


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


@linux
@pytest.mark.parametrize(
    ('groups', 'files', 'limit'),
    [
        ('0::/\n', {}, None),
        ('0::/pod/box\n', {'pod/box/memory.max': 'max\n'}, None),
        ('0::/pod/box\n', {'pod/box/memory.max': '1048576\n', 'pod/memory.max': '2097152\n'}, 2**20),
        ('0::/pod/box\n', {'pod/box/memory.max': 'max\n', 'pod/memory.max': '2097152\n'}, 2**21),
        ('7:memory:/box\n0::/\n', {'memory/box/memory.limit_in_bytes': '4096\n'}, 4096),
        ('7:memory:/box\n', {'memory/box/memory.limit_in_bytes': '9223372036854771712\n'}, None),
        ('7:cpu:/box\n', {'memory/box/memory.limit_in_bytes': '4096\n'}, None),
        ('junk\n', {}, None),
    ],
)
def test_a_control_groups_limit_cuts_the_memory(tmp_path, groups, files, limit):
    cgroups(tmp_path, groups, files)
    assert host.memory_given(str(tmp_path)) == (host.total_memory_bytes() if limit is None else limit)


@linux
@pytest.mark.parametrize(
    ('groups', 'files', 'seconds'),
    [
        ('0::/box\n', {'box/cpu.max': '50000 100000\n', 'box/cpu.stat': 'usage_usec 2500000\nuser_usec 1\n'}, 2.5),
        # the group above is the one that is tight, so its usage is what the quota is shared by
        (
            '0::/pod/box\n',
            {
                'pod/box/cpu.max': '90000 100000\n',
                'pod/box/cpu.stat': 'usage_usec 1000000\n',
                'pod/cpu.max': '50000 100000\n',
                'pod/cpu.stat': 'usage_usec 7000000\n',
            },
            7.0,
        ),
        (
            '4:cpu,cpuacct:/box\n',
            {
                'cpu,cpuacct/box/cpu.cfs_quota_us': '75000\n',
                'cpu,cpuacct/box/cpu.cfs_period_us': '100000\n',
                'cpu,cpuacct/box/cpu.stat': 'nr_periods 0\nnr_throttled 0\nthrottled_time 0\n',
                'cpu,cpuacct/box/cpuacct.usage': '3500000000\n',
            },
            3.5,
        ),
    ],
)
def test_what_a_quota_is_shared_by_is_counted_by_its_control_group(tmp_path, groups, files, seconds):
    cgroups(tmp_path, groups, files)
    assert host.given_busy_seconds(str(tmp_path))() == seconds


@linux
def test_without_a_quota_the_machine_is_what_is_shared(tmp_path):
    cgroups(tmp_path, '0::/box\n', {'box/cpu.max': 'max 100000\n', 'box/cpu.stat': 'usage_usec 1\n'})
    whole = host.machine_busy_seconds()
    given = host.given_busy_seconds(str(tmp_path))()
    assert given == pytest.approx(whole, abs=2) or len(host.cpus_given()) < os.cpu_count()


@linux
def test_the_busy_time_of_some_threads_is_theirs_alone_and_stolen_time_is_nobodys(tmp_path):
    stat = tmp_path / 'stat'
    stat.write_text(
        'cpu  700 100 50 9000 80 30 20 999 5 0\n'
        'cpu0 400 100 20 4000 40 10 10 500 5 0\n'
        'cpu1 300 0 30 5000 40 20 10 499 0 0\n'
        'intr 12345 0 0\n'
    )
    tick = os.sysconf('SC_CLK_TCK')
    assert host.machine_busy_seconds(str(stat)) == 900 / tick
    assert host.machine_busy_seconds(str(stat), frozenset((1,))) == 360 / tick
    assert host.machine_busy_seconds(str(stat), frozenset((0, 1))) == 900 / tick


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
