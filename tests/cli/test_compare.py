"""`hefted compare`, as a person uses it; with a pricing of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hefted.cli.compare import Pricing
from hefted.cli.main import hefted
from hefted.errors import ArgumentError, LedgerError
from hefted.forecast.plan import Plan
from hefted.forecast.shapes import Shape

from ..forecast.priced import price
from ..ledger.forecasted import fit, forecast


def plan_of(
    parameters: int,
    tokens: float,
    sequence_length: int = 512,
    batch: int = 256,
    precision: str = 'float32',
    shape: Shape | None = None,
) -> Plan:
    assert shape is not None
    steps = int(tokens / sequence_length / batch)
    flops = 6.0 * parameters * sequence_length * batch
    return Plan(
        steps, batch_size=batch, flops_per_step=flops, parameters=parameters, tokens=tokens, precision=precision
    )


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))


def says(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(hefted, ['compare', *arguments], obj=Pricing(price, plan_of))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


WORK = ('--params', '340M', '--tokens', '137B')


def test_machines_and_places_stand_side_by_side_without_colours_in_a_pipe():
    said = says(*WORK, '--on', 'slow', '--on', 'fast', '--place', 'FR', '--place', 'US-VA')
    assert said.startswith('340 million parameters, 137 billion tokens · float32 · batch 256\n')
    assert [line.split('  ')[0] for line in said.splitlines()[3:7]] == [
        'fast · France', 'slow · France', 'fast · Virginia', 'slow · Virginia',
    ]  # fmt: skip
    assert '\x1b' not in said


def test_precisions_and_batches_are_told_as_people_write_them():
    said = says(*WORK, '--on', 'slow', '--place', 'FR', '--precision', 'bf16', '--precision', 'fp32', '--batch', '64')
    assert 'bfloat16' in said
    assert 'batch 64' in said


def test_the_order_is_that_of_what_is_asked_for():
    said = says(*WORK, '--on', 'slow', '--on', 'fast', '--by', 'duration')
    assert 'Shortest: fast. The next, slow, takes about 4.0 times.' in said


def test_a_program_gets_every_figure():
    told: dict[str, Any] = json.loads(says(*WORK, '--on', 'slow', '--on', 'fast', '--place', 'FR', '--json'))
    assert (told['by'], told['differs']) == ('carbon', ['on'])
    first, second = told['rows']
    assert first['forecast']['on'] == first['name'] == 'fast'
    assert first['times_the_least']['value'] == pytest.approx(1.0)
    assert second['times_the_least']['value'] == pytest.approx(2.0)


def test_the_plan_of_a_run_can_be_compared():
    fit(forecast(10.0))
    said = says('last', '--on', 'slow', '--on', 'fast', '--place', 'FR')
    assert said.startswith('8 steps')
    fit(None)
    with pytest.raises(LedgerError, match='holds its plan'):
        says('last', '--on', 'slow')


def test_a_picture_is_drawn_beside_the_table(tmp_path: Path):
    said = says(*WORK, '--on', 'slow', '--on', 'fast', '--picture', str(tmp_path / 'a.svg'))
    assert 'Least carbon' in said
    assert (tmp_path / 'a.svg').read_text('utf-8').count('<path') > 10


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (WORK, '--on: expected a machine'),
        (('--on', 'slow'), 'Name a run'),
        (('--params', '340M', '--on', 'slow'), '--tokens: expected'),
        (('--tokens', '1B', '--on', 'slow'), '--params or --config'),
        (('last', *WORK, '--on', 'slow'), 'received both'),
    ],
)
def test_what_is_missing_is_named(arguments: tuple[str, ...], told: str):
    with pytest.raises(ArgumentError, match=told):
        says(*arguments)


@pytest.mark.parametrize('number', ['many', '-3', '0', '1e999', '1.2.3'])
def test_a_number_that_is_none_is_told_with_what_one_looks_like(number: str):
    assert 'such as 340e6, 340M or 137B' in says('--params', number, '--tokens', '1B', '--on', 'slow', code=2)


def test_help_shows_commands_that_can_be_copied():
    said = says('--help')
    assert (
        'hefted compare --params 340M --tokens 43B --seq 128 --on 64xV100 --on 8xH100 --place US-VA --place FR\n'
        in said
    )
    assert 'hefted compare last --on 8xH100' in said


def told(command: str, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(hefted, [command, *arguments, '--json'])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.output)


GPT2 = {'model_type': 'gpt2', 'n_embd': 768, 'n_layer': 12, 'n_head': 12, 'vocab_size': 50257, 'n_positions': 1024}


def test_a_models_config_is_compared_as_it_is_forecast(tmp_path: Path):
    (tmp_path / 'config.json').write_text(json.dumps(GPT2), 'utf-8')
    work = ('--config', str(tmp_path), '--tokens', '10B', '--place', 'FR')
    rows = told('compare', *work, '--on', '8xA100', '--on', '8xH100')['rows']
    assert {row['name'] for row in rows} == {'8 x A100 SXM4 40GB', '8 x H100 SXM5 80GB'}
    for row in rows:
        alone = told('forecast', *work, '--on', row['name'])
        assert row['forecast']['footprint']['energy'] == alone['footprint']['energy']
        assert row['forecast']['plan']['parameters'] == 124_439_808


@pytest.mark.parametrize('more', [('--seq', '8192'), ('--kind', 'both'), ('--active', '1B'), ('--pue', '1.1')])
def test_what_is_said_of_the_work_counts_for_a_comparison_as_for_a_forecast(more: tuple[str, ...]):
    work = ('--params', '7B', '--tokens', '1T', '--place', 'FR', '--on', '64xH100')
    (row,) = told('compare', *work, *more)['rows']
    alone = told('forecast', *work, *more)
    bare = told('forecast', *work)
    assert row['forecast']['footprint'] == alone['footprint'] != bare['footprint']
