"""The benchmark against wall meters: on constructed rows it finds what was built into them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COLUMNS = ['result_set', 'tool', 'benchmark', 'duration_s', 'wall_kwh', 'tool_kwh_pue_removed', 'flag']


def run(*arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name != 'HEFTED_WALL_DATA'}
    command = [sys.executable, ROOT / 'benchmarks' / 'wall.py', *arguments]
    return subprocess.run(
        command,
        env=environment | {'PYTHONPATH': str(ROOT / 'src')} | variables,
        capture_output=True,
        text=True,
        encoding='utf-8',
    )


def rows_where_wall_is(folder, wall, tool='energy scope', flag=''):
    """A DGX-1's minute at several loads, read by a tool; `wall` gives the meter's W for what the tool reads."""
    with (folder / 'dgx1_wall_runs.csv').open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, watts in (('idle', 535.0), ('lu', 1450.0), ('ep', 1920.0)):
            modelled = 192.0 if tool == 'codecarbon' else 0.0
            read, total = (watts + modelled) / 60_000, wall(watts) / 60_000
            writer.writerow(['GPU_1', tool, name, 60.0, total, read, flag])


def told(output, name):
    line = next(line for line in output.splitlines() if line.startswith(name))
    return line.removeprefix(name).split()


def test_without_the_rows_it_says_so(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2
    assert 'HEFTED_WALL_DATA' in done.stderr
    assert run().returncode == 2


@pytest.mark.parametrize('tool', ['energy scope', 'codecarbon'])
def test_a_wall_that_is_a_sum_is_found_where_one_factor_fails(tmp_path, tool):
    rows_where_wall_is(tmp_path, lambda watts: 330 + 1.18 * watts, tool)
    done = run(HEFTED_WALL_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows, error, within, width, factor = told(done.stdout, 'every gpu-server')
    assert (rows, within) == ('3', '100%')
    assert float(error.rstrip('%')) < 3 < float(factor.rstrip('%'))
    assert 1.1 < float(width) < 1.6
    assert 'meter_accuracy.csv is not there' in done.stderr


def test_a_wall_out_of_all_proportion_misses_the_bar(tmp_path):
    rows_where_wall_is(tmp_path, lambda watts: 3 * watts)
    assert run(tmp_path).returncode == 1


def test_readings_that_are_none_are_left_out(tmp_path):
    rows_where_wall_is(tmp_path, lambda watts: 330 + 1.18 * watts, flag='tool value negative: discard')
    done = run(tmp_path)
    assert done.returncode == 1
    assert 'no row' in done.stderr


def test_what_it_found_is_kept_and_holds_its_bars():
    kept = json.loads((ROOT / 'benchmarks' / 'results' / 'wall.json').read_text('utf-8'))
    every = kept['read']['all']
    assert every['holds']
    assert every['median_error'] <= kept['bars']['median_error']
    assert every['median_error'] < every['factor_error']
    assert every['coverage'] >= kept['bars']['coverage']
    assert every['width'] <= kept['bars']['width']
