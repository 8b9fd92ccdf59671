"""`hefted forecast`, as a person types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hefted.cli.main
from hefted.cli.forecast import command

BERT = ['--params', '340e6', '--tokens', '137e9', '--on', '64xV100', '--place', 'us-va']


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_a_forecast_tells_every_figure_with_its_interval():
    told = run(*BERT)
    assert told.exit_code == 0, told.output
    for label in ('Duration', 'Energy', 'Carbon', 'Water', 'Minerals', 'Cost', 'Used'):
        assert re.search(rf'^{label} +\S.* to ', told.output, re.MULTILINE), label
    assert re.search(r'^Fits +yes', told.output, re.MULTILINE)
    assert 'Virginia' in told.output
    assert 'Kaplan' in told.output
    assert all(len(line) <= 88 for line in told.output.splitlines())
    assert '\x1b' not in told.output


def test_numbers_are_read_as_people_write_them():
    short = run('--params', '340M', '--tokens', '137B', '--on', '64 x V100', '--place', 'US-VA')
    assert short.output == run(*BERT).output


def test_a_program_gets_every_figure_with_its_errors():
    told = json.loads(run(*BERT, '--json').output)
    assert told['how'] == 'catalogue'
    assert told['plan']['tokens'] == 137e9
    energy = told['footprint']['energy']
    assert energy['low'] < energy['value'] < energy['high']
    assert energy['sources'][0]['title']
    assert set(told['footprint']['components']) == {'gpu', 'cpu', 'dram', 'unseen', 'switches'}


def test_a_config_is_counted(tmp_path: Path):
    config = {
        'model_type': 'gpt2',
        'n_embd': 768,
        'n_layer': 12,
        'n_head': 12,
        'vocab_size': 50257,
        'n_positions': 1024,
    }
    (tmp_path / 'config.json').write_text(json.dumps(config), 'utf-8')
    told = run('--config', str(tmp_path), '--tokens', '10B', '--on', '8xA100', '--place', 'FR')
    assert told.exit_code == 0, told.output
    assert '124M parameters' in told.output


def test_what_does_not_fit_is_told():
    told = run('--params', '175B', '--tokens', '300B', '--on', '8xA100-80GB', '--place', 'FR')
    assert re.search(r'^Fits +no', told.output, re.MULTILINE)
    assert 'would hold them' in told.output


def test_a_place_that_nobody_told_is_the_world_with_a_hint():
    command_line = [sys.executable, '-m', 'hefted', 'forecast', '--params', '1B', '--tokens', '1B', '--on', 'H100']
    environment = {name: os.environ[name] for name in ('PATH', 'SYSTEMROOT', 'HOME') if name in os.environ}
    source = str(Path(hefted.cli.main.__file__).parents[2])
    done = subprocess.run(
        command_line, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent,
        env=environment | {'PYTHONPATH': source, 'PYTHONIOENCODING': 'ascii'},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'the world (assumed)' in done.stdout
    assert 'HEFTED_PLACE' in done.stdout


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (['--params', 'many', '--tokens', '1B', '--on', 'H100'], 'such as 340e6'),
        (['--params', '-1', '--tokens', '1B', '--on', 'H100'], 'above 0'),
        (['--params', '1e400', '--tokens', '1B', '--on', 'H100'], 'above 0'),
        (['--params', '1B', '--tokens', '1B'], "'--on'"),
    ],
)
def test_an_option_that_is_wrong_is_said(arguments: list[str], says: str):
    told = run(*arguments)
    assert told.exit_code == 2
    assert says in told.output


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (['--tokens', '1B', '--on', 'H100'], '--params or --config'),
        (['--params', '1B', '--on', 'H100'], '--tokens: expected'),
        (['--config', 'x', '--kind', 'both', '--tokens', '1B', '--on', 'H100'], '--kind'),
        (['--params', '1B', '--active', '2B', '--tokens', '1B', '--on', 'H100'], 'active: expected'),
        (['--params', '1B', '--tokens', '1B', '--on', 'H100', '--pue', '0.9'], 'from 1 to 10'),
        (['--params', '1B', '--tokens', '1B', '--on', 'V10x'], "'v100'"),
        (['--params', '1B', '--tokens', '1B', '--on', 'H100', '--precision', 'bf17'], "'bf16'"),
        (['--params', '1B', '--tokens', '1B', '--on', 'H100', '--place', 'ZZZZ'], 'place'),
    ],
)
def test_a_wrong_argument_is_an_error_with_its_remedy(arguments: list[str], says: str):
    told = run(*arguments)
    assert told.exception is not None
    assert says in str(told.exception)


@pytest.mark.parametrize('width', [40, 60, 80, 100])
def test_no_terminal_is_too_narrow(width: int):
    from hefted.cli.forecast import told_receipt
    from hefted.forecast.analytic import forecast_for, plan_of
    from hefted.report.terminal import painted

    told = painted(told_receipt(forecast_for(plan_of(175e9, 300e9), '10000 x V100', 'US-VA')), width)
    lines = [re.sub('\x1b\\[[0-9;]*m', '', line) for line in told.splitlines()]
    assert max(map(len, lines)) <= width
    assert any('Duration' in line for line in lines)


def test_the_overhead_of_a_house_that_is_known_takes_the_place_of_a_surveys():
    surveyed, said = (run(*BERT, *more) for more in ((), ('--pue', '1.1')))
    assert 'PUE 1.6 (1.1 to 1.9), Uptime Institute' in ' '.join(surveyed.output.split())
    assert 'PUE 1.1, as said' in said.output
    assert json.loads(run(*BERT, '--pue', '1', '--json').output)['footprint']['facility']['value'] == 0


def test_eight_bit_products_on_a_chip_without_them_are_said_to_be_reckoned_in_sixteen():
    told = run('--params', '7B', '--tokens', '1T', '--on', '8xA100', '--place', 'FR', '--precision', 'fp8')
    assert 'No faster 8-bit products of A100' in ' '.join(told.output.split())
    assert '8-bit' not in run('--params', '7B', '--tokens', '1T', '--on', '8xH100', '--precision', 'fp8').output
