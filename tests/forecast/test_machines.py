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
    ],
)
def test_machines_are_read_as_people_write_them(text: str, name: str, count: int, nodes: int):
    found = machines(text)
    assert (found.chip.name, found.count, found.nodes) == (name, count, nodes)


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


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 100_000), st.sampled_from(['V100', 'H100', 'TPU v3', 'A100-40GB', 'L4']))
def test_nodes_hold_all_accelerators_and_none_is_empty(count: int, name: str):
    found = machines(f'{count} x {name}')
    assert found.nodes * found.per_node >= count > (found.nodes - 1) * found.per_node
    assert machines(str(found)) == found


@settings(deadline=None, max_examples=60)
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
