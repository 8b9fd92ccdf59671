"""What the machine is: by its case, its battery, its processor and its GPUs, unless the user says so."""

import sys
import time

import pytest

from hefted import host
from hefted.errors import UnknownNameError
from hefted.metering import firmware, machine
from hefted.metering.firmware import Firmware
from hefted.metering.machine import Machine, kind_of, on_baseboard, with_gpus
from hefted.processor import CpuIdentity

XEON = CpuIdentity('GenuineIntel', 6, 143, 8, 'Intel(R) Xeon(R) Platinum 8462Y+', False)
CORE = CpuIdentity('GenuineIntel', 6, 183, 1, '13th Gen Intel(R) Core(TM) i9-13900K', False)
H100, H100_CARD, V100, RTX = 'NVIDIA H100 80GB HBM3', 'NVIDIA H100 PCIe', 'Tesla V100-SXM2-32GB', 'NVIDIA RTX A4000'
AZURE = '7783-7084-3265-9085-8269-3286-77'

linux = pytest.mark.skipif(sys.platform != 'linux', reason='Linux tells by files')


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv('HEFTED_MACHINE', raising=False)
    monkeypatch.setattr(host, 'user_folder', lambda kind: str(tmp_path / kind))


@pytest.fixture
def tree(tmp_path):
    """Build a tree of /sys: firmware's files, and supplies of power by (type, scope)."""

    def build(*supplies, **files):
        folder = tmp_path / 'sys/class/dmi/id'
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(f'{text}\n')
        for number, (kind, scope) in enumerate(supplies):
            supply = tmp_path / f'sys/class/power_supply/S{number}'
            supply.mkdir(parents=True)
            (supply / 'type').write_text(f'{kind}\n')
            if scope:
                (supply / 'scope').write_text(f'{scope}\n')
        return firmware.read(str(tmp_path))

    return build


@linux
@pytest.mark.parametrize(
    ('files', 'supplies', 'identity', 'kind', 'provider'),
    [
        ({'chassis_type': 10, 'sys_vendor': 'LENOVO'}, [('Mains', ''), ('Battery', 'System')], CORE, 'laptop', None),
        ({'chassis_type': 3, 'board_vendor': 'ASUSTeK'}, [], CORE, 'desktop', None),
        ({'chassis_type': 3}, [('Battery', 'Device')], CORE, 'desktop', None),
        ({'chassis_type': 3}, [('Battery', 'System')], CORE, 'desktop', None),  # an uninterruptible supply
        ({'chassis_type': 23, 'sys_vendor': 'Dell Inc.'}, [], XEON, 'server', None),
        ({'chassis_type': 17}, [], CORE, 'server', None),
        ({'chassis_type': 1, 'sys_vendor': 'Amazon EC2', 'product_name': 'm5.metal'}, [], XEON, 'server', 'aws'),
        (
            {'chassis_type': 1, 'sys_vendor': 'Google', 'product_name': 'Google Compute Engine'},
            [],
            XEON,
            'server',
            'gcp',
        ),
        ({'chassis_type': 10, 'sys_vendor': 'Google', 'product_name': 'Eve'}, [], CORE, 'laptop', None),
        (
            {'chassis_type': 3, 'sys_vendor': 'Microsoft Corporation', 'chassis_asset_tag': AZURE},
            [],
            XEON._replace(hypervisor=True),
            'server',
            'azure',
        ),
        (
            {'chassis_type': 3, 'sys_vendor': 'Microsoft Corporation'},
            [],
            CORE._replace(hypervisor=True),
            'desktop',
            None,
        ),
        (
            {'chassis_type': 3, 'sys_vendor': 'Microsoft Corporation'},
            [],
            XEON._replace(hypervisor=True),
            'server',
            None,
        ),
        ({'chassis_type': 1, 'sys_vendor': 'QEMU'}, [], XEON._replace(hypervisor=True), 'server', None),
        ({}, [('Battery', '')], CORE._replace(hypervisor=True), 'laptop', None),
        ({}, [], CpuIdentity(), 'server', None),
        ({'chassis_type': 'unknown'}, [], CORE, 'desktop', None),
    ],
)
def test_a_machine_tells_its_kind_and_its_cloud(tree, files, supplies, identity, kind, provider):
    found = tree(*supplies, **files)
    assert (kind_of(found, identity), found.provider) == (kind, provider)


@linux
def test_what_the_firmware_may_not_tell_is_empty(tmp_path):
    assert firmware.read(str(tmp_path)) == Firmware()


@pytest.mark.parametrize(
    ('kind', 'names', 'told', 'cooling'),
    [
        ('server', [H100], 'gpu-server', 'air'),
        ('server', [V100] * 8, 'gpu-server', 'air'),
        ('server', [H100_CARD], 'server', 'air'),
        ('server', [H100_CARD] * 4, 'gpu-server', 'air'),
        ('server', ['NVIDIA H200 NVL'] * 2, 'server', 'air'),
        ('server', ['NVIDIA GB200'] * 4, 'gpu-server', 'liquid'),
        ('server', [], 'server', 'air'),
        ('desktop', [RTX] * 4, 'desktop', 'air'),
        ('laptop', [RTX], 'laptop', 'air'),
    ],
)
def test_gpus_on_a_baseboard_or_many_in_a_server_make_a_gpu_server(kind, names, told, cooling):
    found = with_gpus(Machine(kind), names)
    assert (found.kind, found.cooling, found.gpus) == (told, cooling, tuple(names))


def test_which_gpus_sit_on_a_baseboard():
    cards = [H100_CARD, 'NVIDIA H200 NVL', 'NVIDIA A100 80GB PCIe', 'NVIDIA L40S', 'Tesla T4', RTX]
    boards = [H100, V100, 'NVIDIA H200', 'NVIDIA B200', 'NVIDIA A100-SXM4-80GB', 'AMD Instinct MI300X OAM']
    assert not any(map(on_baseboard, cards))
    assert all(map(on_baseboard, boards))


@pytest.mark.parametrize(
    ('setting', 'kind', 'cooling'),
    [
        ('desktop', 'desktop', 'air'),
        ('GPU-Server', 'gpu-server', 'air'),
        ('gpu-server-liquid', 'gpu-server', 'liquid'),
    ],
)
def test_what_the_user_says_stands_whatever_is_found(monkeypatch, setting, kind, cooling):
    monkeypatch.setenv('HEFTED_MACHINE', setting)
    found = with_gpus(machine.this_machine.__wrapped__(), [V100] * 8)  # not kept: other threads go on
    assert (found.kind, found.cooling, len(found.gpus)) == (kind, cooling, 8)


def test_a_wrong_kind_is_told_with_the_nearest(monkeypatch):
    monkeypatch.setenv('HEFTED_MACHINE', 'dekstop')
    with pytest.raises(UnknownNameError, match=r"Unknown HEFTED_MACHINE: 'dekstop'\. Did you mean 'desktop'\?"):
        machine.this_machine.__wrapped__()


def test_a_machine_survives_its_journal():
    before = Machine('gpu-server', True, 8.0, 2**40, 'Sapphire Rapids', (H100,) * 8, 'liquid', 'gcp')
    data = before.to_json() | {'gpus': list(before.gpus), 'later': 1}
    assert Machine.from_json(data) == before


@linux
def test_this_machine_is_told_in_two_milliseconds():
    machine.this_machine()  # the tables are read once
    taken = []
    for _ in range(20):
        begun = time.perf_counter()
        found = machine.this_machine.__wrapped__()
        taken.append(time.perf_counter() - begun)
    assert min(taken) < 0.002
    assert found.threads > 0
    assert found.memory_bytes > 0
