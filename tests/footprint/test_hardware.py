"""The making of a machine, by the hour for which it is taken: shares, published figures, honest intervals."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import UnknownNameError
from hefted.footprint.accelerators import accelerator, find_accelerator
from hefted.footprint.hardware import embodied, making, minerals
from hefted.footprint.tables import table
from hefted.metering.machine import Kind, Machine

H100 = 'NVIDIA H100 80GB HBM3'
GENOA = 'Zen 4 (Genoa)'
GB = 2**30


@pytest.mark.parametrize(
    ('name', 'product'),
    [
        (H100, 'H100 SXM5 80GB'),
        ('NVIDIA H100 PCIe', 'H100 PCIe 80GB'),
        ('NVIDIA H200', 'H200 SXM 141GB'),
        ('NVIDIA A100-SXM4-40GB MIG 1g.5gb', 'A100 SXM4 40GB'),
        ('NVIDIA GeForce RTX 4090', 'GeForce RTX 4090'),
        ('GeForce RTX 4090', 'GeForce RTX 4090'),
        ('rtx 4090', 'GeForce RTX 4090'),
        ('Tesla T4', 'T4'),
        ('NVIDIA T4G', 'T4G'),
        ('NVIDIA L4', 'L4'),
        ('NVIDIA L40S', 'L40S'),
        ('TPU v5 lite', 'TPU v5e'),
        ('AMD Instinct MI300X OAM', 'Instinct MI300X'),
    ],
)
def test_an_accelerator_is_found_by_what_its_driver_calls_it(name: str, product: str) -> None:
    found = find_accelerator(name)
    assert found is not None
    assert found.name == product


@pytest.mark.parametrize('name', ['', 'NVIDIA', 'Voodoo 2', '???', 'Quadro P1000', 'B2000'])
def test_what_is_not_an_accelerator_known_here_is_none(name: str) -> None:
    assert find_accelerator(name) is None


@given(
    st.sampled_from(
        [(alias, name) for name, row in table('accelerators').items() for alias in row['aliases'].split('|')]
    )
)
def test_every_alias_finds_its_own_product(pair: tuple[str, str]) -> None:
    found = find_accelerator(pair[0])
    assert found is not None
    assert found.name == pair[1]


def test_design_power_that_no_vendor_publishes_is_none() -> None:
    tpu = find_accelerator('TPU v5p')
    assert tpu is not None
    assert tpu.tdp_watts is None
    assert (tpu.memory_gb, tpu.bf16_tflops) == (95, 459)


# Other methods' figures for the same card, none of which ships: kg CO2e.
@pytest.mark.parametrize(
    ('name', 'published', 'elsewhere'),
    [
        (H100, 164, (164, 239, 273, 575)),
        ('NVIDIA B200', 284, (284, 490, 1415)),
        ('NVIDIA A100-PCIE-40GB', 181, (181, 185, 322)),
        ('NVIDIA A100-SXM4-40GB', 128, (128, 177, 319)),
        ('NVIDIA A100-SXM4-80GB', None, (224, 568)),
        ('NVIDIA H200', None, (216, 331, 364)),
        ('NVIDIA L4', None, (124,)),
        ('Tesla T4', None, (85, 131)),
        ('NVIDIA L40S', None, (136, 277)),
        ('Tesla V100-SXM2-32GB', None, (173, 290)),
        ('AMD Instinct MI300X', None, (478,)),
    ],
)
def test_the_interval_of_a_gpus_making_holds_what_other_methods_find(
    name: str, published: float | None, elsewhere: tuple[float, ...]
) -> None:
    told = making(find_accelerator(name))
    assert published in (None, told.value)
    assert told.basis == 'modelled'
    assert all(told.low <= other <= told.high for other in elsewhere)


def test_the_model_by_parts_comes_near_to_what_was_measured() -> None:
    a100 = find_accelerator('NVIDIA A100-SXM4-40GB')
    assert a100 is not None
    bare = a100._replace(row=a100.row | {'kg_co2e': ''})
    assert making(bare).value == pytest.approx(127.6, rel=0.03)  # Falk et al. 2025
    h100 = find_accelerator(H100)
    assert h100 is not None
    assert making(h100._replace(row=h100.row | {'kg_co2e': ''})).value == pytest.approx(1312 / 8, rel=0.01)


def test_minerals_of_an_h100_are_those_published() -> None:
    told = making(find_accelerator(H100), 'kg_sb_eq')
    assert (told.value, told.unit) == (8.95e-3, 'kg Sb eq')
    assert told.low < 5.83e-3 < told.high  # another method's
    assert 'EcoLogits' in told.sources[0].title


def test_a_part_of_a_gpu_took_its_part_of_the_making() -> None:
    whole, part = (
        Machine('gpu-server', threads=0.01, memory_bytes=1, gpus=(f'NVIDIA A100-SXM4-40GB{mig}',))
        for mig in ('', ' MIG 2g.10gb')
    )
    assert embodied(part).value == pytest.approx(embodied(whole).value * 2 / 7, rel=0.01)


def test_a_gpu_that_is_not_known_is_assumed_and_wide() -> None:
    told = making(None)
    assert told.basis == 'assumed'
    assert told.high > 10 * told.low


def test_eight_gpus_of_one_name_err_together_and_so_do_two_kinds() -> None:
    one, eight = (embodied(Machine('gpu-server', threads=8, memory_bytes=GB, gpus=(H100,) * n)) for n in (1, 8))
    added = (eight.high - eight.value) / (one.high - one.value)
    assert 6 < added < 8.5
    mixed = embodied(Machine('gpu-server', gpus=(H100, 'NVIDIA B200')))
    assert sum(error.source == 'making:gpu:kg_co2e' for error in mixed.errors) == 1


def test_a_virtual_machine_takes_its_share_of_a_server_by_threads() -> None:
    part = embodied(Machine(virtual=True, threads=8, memory_bytes=32 * GB, microarchitecture=GENOA))
    whole = embodied(Machine(virtual=False, threads=384, memory_bytes=1536 * GB, microarchitecture=GENOA))
    assert whole.value / part.value == pytest.approx(48)
    assert {source.key for source in part.sources} >= {f'threads:{GENOA}', 'making:memory', 'life:server'}


def test_more_threads_than_a_server_is_known_to_have_are_one_server() -> None:
    all_of_it, more = (Machine(threads=n, memory_bytes=GB, microarchitecture=GENOA) for n in (384, 500))
    cpu = float(table('parts')['cpu']['kg_co2e']) * (500 - 384) / (5 * 8766) * 1000
    assert embodied(more).value - embodied(all_of_it).value == pytest.approx(cpu)


def test_a_processor_that_is_not_known_widens_the_share() -> None:
    known, unknown = (Machine(threads=8, memory_bytes=GB, microarchitecture=name) for name in (GENOA, 'who knows'))
    width = [told.high / told.low for told in map(embodied, (known, unknown))]
    assert width[1] > width[0] > 1.5
    assert 'threads:any server' in {source.key for source in embodied(unknown).sources}


def test_a_processor_is_found_by_its_microarchitecture_as_well_as_by_its_group() -> None:
    ice_lake, trento = (embodied(Machine(microarchitecture=name)) for name in ('Ice Lake (server)', 'Zen 3 (Trento)'))
    assert 'threads:Ice Lake-SP' in {source.key for source in ice_lake.sources}
    assert 'threads:Zen 3 (Milan)' in {source.key for source in trento.sources}


def test_a_servers_making_over_its_life_covers_those_published() -> None:
    # Dell's R740 (two CPUs, 384 GB, eight large SSDs) and ADEME's mean server, in kg over five years.
    r740 = embodied(Machine(threads=96, memory_bytes=384 * GB, microarchitecture='Cascade Lake'))
    life = 5 * 8766 / 1000
    assert r740.low * life < 1811 < 3660 < r740.high * life
    assert float(table('parts')['memory']['kg_co2e']) * 384 == pytest.approx(533, rel=0.01)


def test_a_gpu_servers_host_alone_covers_the_published_one() -> None:
    host = Machine('server', threads=192, memory_bytes=2048 * GB, microarchitecture='Sapphire Rapids')
    life = 5 * 8766
    assert embodied(host).low * life / 1000 < 5700 < embodied(host).high * life / 1000
    assert minerals(host).low * life < 0.37 < minerals(host).high * life


def test_an_accelerator_that_was_published_with_its_host_brings_no_second_one() -> None:
    alone = embodied(Machine('gpu-server', threads=100, memory_bytes=GB, gpus=('TPU v5p',)))
    assert alone.value == pytest.approx(1101e3 / (4 * 8766))
    assert not any(source.key == 'making:server' for source in alone.sources)


def test_memory_that_is_not_known_is_taken_by_threads_not_left_out() -> None:
    known, unknown = (Machine(threads=8, memory_bytes=size, microarchitecture=GENOA) for size in (32 * GB, 0))
    assert embodied(unknown) == embodied(known)


def test_a_laptop_is_one_thing_and_its_hours_are_those_in_use() -> None:
    told = embodied(Machine('laptop', threads=8, gpus=('NVIDIA GeForce RTX 4060',)))
    assert told.value == pytest.approx(209e3 / (4 * 2000))  # Apple, MacBook Pro 14-inch 2021
    assert told.basis == 'assumed'
    with_gpu, without = (embodied(Machine('desktop', gpus=gpus)) for gpus in (('NVIDIA GeForce RTX 4090',), ()))
    assert with_gpu.value > without.value


machines = st.builds(
    Machine,
    kind=st.sampled_from(get_args(Kind)),
    threads=st.floats(0.01, 1024),
    memory_bytes=st.integers(0, 2**43),
    microarchitecture=st.sampled_from(['', GENOA, 'Ice Lake (server)', 'Haswell']),
    gpus=st.lists(st.sampled_from([H100, 'Tesla T4', 'TPU v5p', 'a new one']), max_size=8).map(tuple),
)


@given(machines)
def test_every_machine_has_a_making_with_an_interval_around_it(machine: Machine) -> None:
    for told, unit in ((embodied(machine), 'g CO2e/h'), (minerals(machine), 'kg Sb eq/h')):
        assert 0 < told.low < told.value < told.high
        assert told.unit == unit
        assert told.sources


@given(machines, st.sampled_from(['threads', 'memory_bytes']))
def test_more_of_a_server_never_takes_less(machine: Machine, field: str) -> None:
    larger: dict[str, Any] = {field: getattr(machine, field) * 2}
    assert embodied(machine._replace(**larger)).value >= embodied(machine).value or machine.memory_bytes == 0


def test_an_unknown_device_is_an_error_with_the_nearest_names():
    with pytest.raises(UnknownNameError, match='H100'):
        accelerator('H1000 SXM')
