"""The benchmark of forecasts reads published rows, and says what it leaves out."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'published.py'
RUN = {
    'model': 'a model', 'parameters': '7e9', 'active_parameters': '', 'tokens_or_examples': '1e12',
    'unit_of_examples': 'tokens', 'accelerator': 'A100-80GB', 'accelerator_count': '256', 'duration_h': '',
    'accelerator_hours': '100000', 'avg_power_w_per_accelerator': '', 'power_scope': '', 'energy_mwh': '',
    'use_for_time_forecast': 'good', 'use_for_energy_model': 'none', 'note': '',
}  # fmt: skip
POWER = {
    'mlperf_round': 'v4.0', 'system': 'a node', 'benchmark': 'bert', 'accelerator': 'NVIDIA H100-SXM5-80GB',
    'measurement_point': 'AC (PSU input)', 'cooling': 'immersion', 'nodes': '1', 'accelerators': '8',
    'global_batch_size': '768', 'node_avg_w': '6900', 'node_min_w': '2000', 'min_log_coverage': '1.0',
}  # fmt: skip


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open('w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != 'HEFTED_VALIDATE'}
    environment['PYTHONPATH'] = str(BENCHMARK.parents[1] / 'src')
    return subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments],
        env=environment | more, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_without_rows_it_says_where_they_are_told(tmp_path: Path):
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert 'HEFTED_VALIDATE' in done.stderr


def test_rows_are_judged_beside_the_simplest_models(tmp_path: Path):
    write(tmp_path / 'published_runs.csv', [RUN, RUN | {'model': 'another', 'accelerator_hours': '120000'}])
    write(tmp_path / 'mlperf_power_runs.csv', [POWER, POWER | {'benchmark': 'ssd', 'node_avg_w': '7000'}])
    done = run(HEFTED_VALIDATE=str(tmp_path))
    assert re.findall(r'^Hefted +(\d+)', done.stdout, re.MULTILINE) == ['2', '2', '2']
    assert done.stdout.count('constant utilisation 0.40') == 1
    assert 'mlperf_like.csv is not there' in done.stderr
    assert 'TDP x' in done.stdout


def test_a_forecast_that_is_far_off_misses_its_bar(tmp_path: Path):
    write(tmp_path / 'published_runs.csv', [RUN | {'accelerator_hours': '1000000'}])
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert 'outside' in done.stdout
    assert 'missed' in done.stdout


def test_hardware_that_is_not_known_is_left_out_and_said(tmp_path: Path):
    write(tmp_path / 'published_runs.csv', [RUN, RUN | {'accelerator': 'Ascend 910'}])
    done = run(str(tmp_path))
    assert 'left out, Ascend 910' in done.stderr
    assert 'a model' in done.stdout


def test_four_models_of_one_paper_have_one_vote(tmp_path: Path):
    mine = [
        RUN | {'model': f'model {n}', 'source': 'One paper Table 1', 'accelerator_hours': '95000'} for n in range(4)
    ]
    write(tmp_path / 'published_runs.csv', [*mine, RUN | {'source': 'Another (2023)', 'accelerator_hours': '1000000'}])
    (papers,) = re.findall(r'^one vote a paper +(\d+) +\S+ +\S+ +(\d+)%', run(str(tmp_path)).stdout, re.MULTILINE)
    assert papers == ('2', '50')  # 80 % of the rows are within
