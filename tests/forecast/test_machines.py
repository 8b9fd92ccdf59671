"""What people write of machines is read, and what nobody makes is answered with the nearest names."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hefted.forecast.tables
from hefted.errors import ArgumentError, UnknownNameError
from hefted.footprint.accelerators import accelerator
from hefted.footprint.tables import table
from hefted.forecast.chips import chip
from hefted.forecast.machines import machines
from hefted.forecast.tables import rows


@pytest.mark.parametrize(
    ('text', 'name', 'count', 'nodes'),
    [
        ('64 x V100', 'Tesla V100 SXM2 16GB', 64, 8),
        ('64xV100', 'Tesla V100 SXM2 16GB', 64, 8),
        ('10,000 x V100', 'Tesla V100 SXM2 16GB', 10_000, 1250),
        ('V100-32GB', 'Tesla V100 SXM2 32GB', 1, 1),
        ('8 x H200', 'H200 SXM 141GB', 8, 1),
        ('8 × NVIDIA H100 PCIe', 'H100 PCIe 80GB', 8, 1),
        ('A100-80GB x 16', 'A100 SXM4 80GB', 16, 2),
        ('A100 PCIe 40GB', 'A100 PCIe 40GB', 1, 1),
        ('tpu-v5e:16', 'TPU v5e', 16, 2),
        ('512 x TPU v4', 'TPU v4', 512, 128),
        ('RTX 4090', 'GeForce RTX 4090', 1, 1),
        ('RTX4090', 'GeForce RTX 4090', 1, 1),
        ('RTX4090 x 2', 'GeForce RTX 4090', 2, 1),
        ('A100x8', 'A100 SXM4 40GB', 8, 1),
        ('h100:8', 'H100 SXM5 80GB', 8, 1),
        ('MI300X', 'Instinct MI300X', 1, 1),
        ('NVIDIA H100-SXM5-80GB', 'H100 SXM5 80GB', 1, 1),
        ('aws:p4d.24xlarge', 'A100 SXM4 40GB', 8, 1),
        ('2 x aws:p4d.24xlarge', 'A100 SXM4 40GB', 16, 2),
        ('azure:ND96isr_H100_v5', 'H100 SXM5 80GB', 8, 1),
        ('64 × Nvidia Tesla V100', 'Tesla V100 SXM2 16GB', 64, 8),
        ('8 H100 GPUs', 'H100 SXM5 80GB', 8, 1),
        ('2 x p5.48xlarge', 'H100 SXM5 80GB', 16, 2),
        ('ml.p4d.24xlarge', 'A100 SXM4 40GB', 8, 1),
        ('trn1.32xlarge', 'Trainium1', 16, 1),
        ('a2-highgpu-8g', 'A100 SXM4 40GB', 8, 1),
        ('gcp:a3-ultragpu-8g', 'H200 SXM 141GB', 8, 1),
        ('Standard_ND96asr_v4', 'A100 SXM4 40GB', 8, 1),
        ('2 x DGX H100', 'H100 SXM5 80GB', 16, 2),
        ('DGX A100 80GB', 'A100 SXM4 80GB', 8, 1),
        ('DGX-2', 'Tesla V100 SXM3 32GB (DGX-2)', 16, 1),
    ],
)
def test_machines_are_read_as_people_write_them(text: str, name: str, count: int, nodes: int):
    found = machines(text)
    assert (found.chip.name, found.count, found.nodes) == (name, count, nodes)


@pytest.mark.parametrize(
    ('text', 'name', 'chips'),
    [
        ('TPU v3-8', 'TPU v3', 4),
        ('TPU v4-128', 'TPU v4', 64),
        ('tpu-v5p-256', 'TPU v5p', 128),
        ('v5litepod-16', 'TPU v5e', 16),
        ('tpu v5e-16', 'TPU v5e', 16),
        ('v6e-8', 'TPU v6e (Trillium)', 8),
        ('2 x v4-8', 'TPU v4', 8),
    ],
)
def test_a_slice_of_tpus_is_counted_as_google_counts_it(text: str, name: str, chips: int):
    found = machines(text)
    assert (found.chip.name, found.count) == (name, chips)


@pytest.mark.parametrize(
    'text', ['gpu', 'tpu', 'x', 'trn1.64xlarge', 'H100 96GB', 'A100 64GB', 'GB200 NVL72', 'RTX 4090 D2', 'v4-7']
)
def test_what_may_be_another_machine_is_not_taken_for_one_that_is_known(text: str):
    with pytest.raises(UnknownNameError):
        machines(text)


@pytest.mark.parametrize('text', ['c5.xlarge', 'aws:c6i.32xlarge', 'n2-standard-8'])
def test_an_instance_of_processors_alone_is_said_to_be_none_of_the_catalogues(text: str):
    with pytest.raises(UnknownNameError, match='none of processors alone'):
        machines(text)


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('8 x V10x', "'v100'"),
        ('64', 'tpu-v5e:16'),
        ('8 x V10', 'Did you mean'),
        ('8 x H20', "'h200'"),
        ('8 x H2000', "'h200'"),
        ('TPU v50', "'tpu v5e'"),
        ('', 'at least one'),
        ('0 x H100', 'at least one'),
        ('99999999999 x H100', 'at most'),
        ('aws:p4d.24xl', "'aws:p4d.24xlarge'"),
        ('laptop', 'model.forecast'),
    ],
)
def test_what_is_no_machine_is_answered_with_what_would_be(text: str, says: str):
    with pytest.raises(ArgumentError, match=r'(on|instance):') as caught:
        machines(text)
    assert says in str(caught.value)


def test_an_unknown_accelerator_is_an_unknown_name():
    with pytest.raises(UnknownNameError):
        machines('4 x Voodoo 2')


@settings(max_examples=60)
@given(st.integers(1, 100_000), st.sampled_from(['V100', 'H100', 'TPU v3', 'A100-40GB', 'L4']))
def test_nodes_hold_all_accelerators_and_none_is_empty(count: int, name: str):
    found = machines(f'{count} x {name}')
    assert found.nodes * found.per_node >= count > (found.nodes - 1) * found.per_node
    assert machines(str(found)) == found


@settings(max_examples=60)
@given(st.text(max_size=30))
def test_no_text_does_more_than_be_refused(text: str):
    try:
        assert machines(text).count > 0
    except ArgumentError as error:
        assert str(error)


def test_machines_stay_what_they_are():
    found = machines('8 x H100')
    assert machines(found) is found
    assert machines('8 x H100', per_node=4).nodes == 2


def test_a_clouds_instance_is_priced_as_the_clouds_own():
    found = machines('aws:p5.48xlarge')
    assert (found.host.provider, found.host.threads, found.host.kind) == ('aws', 192.0, 'gpu-server')


def test_every_row_of_the_tables_is_of_an_accelerator_that_is_known_and_cites_its_source():
    names = {row['name'] for row in table('accelerators').values()}
    chips, instances = rows('chips'), rows('instances')
    assert {row['name'] for row in chips} <= names
    assert {row['accelerator'] for row in instances} <= names
    assert all(
        row['source'] and row['licence'] == 'fact' and row['year'] for row in (*chips, *instances, *rows('hosts'))
    )


def test_every_chip_says_how_its_figures_were_checked_and_no_figure_has_two_homes():
    accelerators = {row['name']: row for row in table('accelerators').values()}
    same = {'tensor_tflops': 'bf16_tflops', 'fp8_tflops': 'fp8_tflops', 'tdp_w': 'tdp_w', 'memory_gb': 'memory_gb'}
    for row in rows('chips'):
        assert row['checked'] in ('document', 'copy', 'arithmetic', 'recalled'), row
        assert not [mine for mine, theirs in same.items() if row[mine] and accelerators[row['name']][theirs]], row


def test_a_peak_by_arithmetic_is_a_whole_multiple_of_plain_float32():
    known = [row for row in rows('chips') if row['checked'] == 'arithmetic']
    assert len(known) > 15
    for row in known:
        times = float(row['tensor_tflops']) / float(table('accelerators')[row['name']]['fp32_tflops'])
        assert times == pytest.approx(round(times), rel=0.02)
        assert round(times) in (2, 4, 8, 16), row


def test_links_of_tpus_are_half_of_what_google_tells_of_both_directions():
    both = {'TPU v5e': 400, 'TPU v5p': 1200, 'TPU v6e (Trillium)': 800}
    assert {name: 2 * chip(accelerator(name)).link_gb_per_s for name in both} == both


def test_a_chip_of_hoppers_generation_multiplies_eight_bits_twice_as_fast():
    for name in ('H800 SXM5 80GB', 'H100 NVL 94GB', 'H200 NVL 141GB', 'H100 SXM5 80GB'):
        found = chip(accelerator(name))
        assert (found.peak('float8') or 0) == pytest.approx(2 * (found.peak() or 0), rel=0.01)
    assert chip(accelerator('A100 SXM4 80GB')).peak('float8') == 312e12


def test_the_tables_are_plain_csv():
    for path in Path(hefted.forecast.tables.__file__).parent.glob('*.csv'):
        with path.open(encoding='utf-8', newline='') as file:
            assert tuple(csv.DictReader(file)) == rows(path.stem)


def test_the_peak_is_that_of_the_precision():
    v100, h100, tpu = (chip(accelerator(name)) for name in ('V100-SXM2-16GB', 'H100 SXM', 'TPU v3'))
    assert (v100.peak('float16'), v100.peak('float32')) == (125e12, 15.7e12)
    assert h100.peak('float32') == 989e12 / 2
    assert tpu.peak('float32') == tpu.peak('bfloat16') == 123e12
    assert chip(accelerator('Radeon Pro V520')).peak() is None


def test_every_accelerator_is_found_by_each_of_its_names():
    for row in table('accelerators').values():
        for name in (row['name'], *filter(None, row['aliases'].split('|'))):
            found = machines(name)
            assert (found.chip.name, found.count) == (row['name'], 1)
