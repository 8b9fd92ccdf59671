"""BERT from model and machine alone, against what NVIDIA published: single figures of its README, and the benchmark."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from hefted.forecast.analytic import forecast_recipe
from hefted.forecast.recipes import BERT_BASE, BERT_LARGE, LAMB_LARGE, MODERN_BASE, ORIGINAL_BASE, ORIGINAL_LARGE

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'bert_reference.py'
# NVIDIA DeepLearningExamples, BERT for PyTorch: hours of BERT-large in mixed precision, by the README of 2019 and 2020.
HOURS = [
    ('8 x V100-SXM2-16GB', 153.16),
    ('1 x DGX-2H', 58.4),
    ('32 x V100-SXM2-16GB', 39.27),
    ('4 x DGX-2H', 15.35),
    ('128 x V100-SXM2-16GB', 10.36),
    ('16 x DGX-2H', 3.94),
    ('64 x DGX-2H', 1.124),
    ('32 x DGX A100', 2.3),
]


def hours(on: str) -> tuple[float, float, float]:
    told = forecast_recipe(LAMB_LARGE, on, 'US').duration.to('h')
    return told.value, told.low, told.high


def test_hours_of_nvidias_recipe_are_within_a_quarter_in_the_middle_and_all_in_their_intervals():
    told = [(hours(on), real) for on, real in HOURS]
    assert median(abs(value / real - 1) for (value, _, _), real in told) <= 0.25
    assert all(low <= real <= high for (_, low, high), real in told)


def test_recipes_are_those_of_their_papers():
    assert (BERT_BASE.parameters, BERT_LARGE.parameters) == (109_482_240, 335_141_888)
    assert ORIGINAL_BASE.tokens == 0.9e6 * 256 * 128 + 0.1e6 * 256 * 512
    assert ORIGINAL_LARGE.stages == ORIGINAL_BASE.stages
    assert LAMB_LARGE.tokens == 85_261_811_712  # its README's steps and batches
    assert MODERN_BASE.tokens == pytest.approx(3.3e9 * 1.3, rel=1e-3)


def test_a_recipe_is_forecast_as_its_stages_one_after_another():
    whole = forecast_recipe(ORIGINAL_BASE, '8 x A100', 'FR')
    phases = whole.footprint.phases
    assert list(phases) == ['length 128', 'length 512']
    assert sum(phase.seconds for phase in phases.values()) == pytest.approx(whole.duration.value)
    assert whole.plan.steps == 1_000_000
    assert whole.plan.flops == pytest.approx(sum(ORIGINAL_BASE.plan(each).flops or 0 for each in ORIGINAL_BASE.stages))
    assert whole.utilisation is not None
    spent = (whole.plan.flops or 0) / (8 * 312e12 * whole.duration.value)
    assert whole.utilisation.value == pytest.approx(spent)


WITHOUT = """
from bert_reference import SET_BY_BERT, without_these_rows
from hefted.forecast import utilisation
from hefted.forecast.machines import machines

def told():
    found = utilisation.utilisation(336e6, machines('8 x V100'), precision='float16').share
    before = {name: getattr(utilisation, name) for name in SET_BY_BERT}
    return before, round(found.high / found.low, 2)

shipped, width = told()
with without_these_rows():
    without, narrow = told()
print(all(without[name] != shipped[name] for name in SET_BY_BERT), narrow, told()[0] == shipped, width)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != 'HEFTED_BERT_REFERENCE'}
    environment['PYTHONPATH'] = str(BENCHMARK.parents[1] / 'src')
    return subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


def written(path: Path, value: float) -> str:
    common = {'sequence_length': '128', 'precision': 'mixed'}
    rows = [
        {'kind': 'pretrain_throughput', 'model': 'BERT-large', 'hardware': 'V100-SXM3-32GB (DGX-2)',
         'device_count': '16', 'value': f'{value}'},
        {'kind': 'time_to_train', 'model': 'BERT-large (LAMB two-phase)', 'hardware': '4x DGX-2H V100',
         'device_count': '64', 'value': '15.35'},
        {'kind': 'time_to_train', 'model': '24hBERT', 'hardware': '8x 12GB GPU', 'device_count': '8', 'value': '24'},
    ]  # fmt: skip
    file = path / 'rows.csv'
    with file.open('w', encoding='utf-8', newline='') as opened:
        writer = csv.DictWriter(opened, [*rows[0], *common])
        writer.writeheader()
        writer.writerows(row | common for row in rows)
    return str(file)


def test_the_benchmark_judges_rows_and_says_which_it_cannot_forecast(tmp_path: Path):
    done = run(written(tmp_path, 2557))
    assert done.returncode == 0, done.stdout
    assert '8x 12GB GPU' in done.stdout
    assert done.stdout.count('no forecast') == 1
    assert 'none set' in done.stdout
    first, *_ = done.stdout.splitlines()[1:]
    assert first.startswith("Without BERT's constants")  # the headline


def test_the_headline_takes_back_every_constant_that_rests_on_bert():
    """By the comments beside them; what teams differ by on a V100 is then what they differ by on any chip."""
    done = subprocess.run([sys.executable, '-c', WITHOUT], cwd=BENCHMARK.parent, capture_output=True, text=True)
    assert done.stdout.split() == ['True', '3.24', 'True', '5.4'], done.stderr


def test_the_benchmark_fails_where_a_forecast_is_far_off(tmp_path: Path):
    assert run(written(tmp_path, 100)).returncode == 1


def test_without_rows_the_benchmark_says_where_they_are_told():
    done = run()
    assert done.returncode == 2
    assert 'HEFTED_BERT_REFERENCE' in done.stderr
