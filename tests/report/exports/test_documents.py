"""What is for people: the fields of the AI Act, the report of the SCI, tables for a paper."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hefted.errors import ArgumentError
from hefted.ledger import RunSummary
from hefted.quantities import Quantity
from hefted.report.exports import export
from hefted.report.exports.computation import operations

Make = Callable[..., RunSummary]

ANNEX, FORM = 'AI Act, Annex XI, section 1, point 2', 'Model Documentation Form'
FIELDS = [
    (f'{ANNEX}(d)', 'Computational resources used to train the model'),
    (f'{ANNEX}(d)', 'Training time'),
    (f'{ANNEX}(d)', 'Other relevant details related to the training'),
    (f'{ANNEX}(e)', 'Known or estimated energy consumption of the model'),
    (FORM, 'Training time'),
    (FORM, 'Amount of computation used for training'),
    (FORM, 'Measurement methodology'),
    (FORM, 'Amount of energy used for training'),
    (FORM, 'Measurement methodology'),
    (FORM, 'Benchmarked amount of computation used for inference'),
    (FORM, 'Measurement methodology'),
]


def told_fields(run: RunSummary) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(export(run, 'eu-ai-act-json'))['fields']
    return found


def test_the_ai_acts_fields_are_all_there_in_order_in_both_formats(make: Make):
    assert [(field['reference'], field['name']) for field in told_fields(make())] == FIELDS
    rows = re.findall(r'^\| (?:\([de]\) )?([A-Z].+?) \| .', export(make(), 'eu-ai-act'), re.M)
    assert [name for name in rows if name != 'Field'] == [name for _, name in FIELDS]


@pytest.mark.parametrize('kind', ['forecast', 'evaluate', 'predict'])
def test_a_run_that_was_no_training_is_not_passed_off_as_one(make: Make, kind: str):
    assert f'It was no training but a run of `{kind}`' in export(replace(make(), kind=kind), 'eu-ai-act')
    assert 'no training' not in export(make(), 'eu-ai-act')


def test_energy_is_in_megawatt_hours_with_two_significant_figures_and_its_interval(make: Make):
    energy = told_fields(make())[7]
    assert energy['figure'] == {'value': 0.0036, 'low': 0.0032, 'high': 0.0045, 'unit': 'MWh', 'basis': 'modelled'}
    assert energy['told'] == '0.0036 MWh (0.0032 to 0.0045, modelled)'


def test_the_methodology_states_boundary_basis_and_sources(make: Make):
    how = told_fields(make())[8]['told']
    assert 'CPU measured' in how
    assert 'GPU modelled: A table of watts (2025).' in how
    assert 'Energy covers CPU, measured; GPUs, modelled' in how
    assert 'The data centre’s overhead is counted in (PUE 1.2, modelled).' in how


def test_computation_is_told_where_the_journal_has_a_plan_and_else_not_recorded(make: Make):
    assert told_fields(make())[5] == {'reference': FORM, 'name': FIELDS[5][1], 'told': None, 'figure': None}
    assert '| Amount of computation used for training | N/A (not recorded) |' in export(make(), 'eu-ai-act')
    planned = told_fields(make(attributes={'plan': {'flops': 7.31e10}}))
    assert planned[5]['told'] == '7.3×10^10 FLOP (modelled)'
    assert planned[5]['figure']['value'] == 7.3e10
    assert planned[6]['told'] is not None
    assert '7.3×10^10 FLOP' in planned[0]['told']


def test_of_a_run_that_ended_early_the_part_of_its_plan_is_told_that_it_did(make: Make):
    planned, read = {'plan': {'flops': 8e10, 'steps': 400}}, {'phase': 'train', 'monotonic': 9.0, 'joules': {}}
    ended = make(lines=[planned, read | {'step': 100}], status='stopped')
    assert told_fields(ended)[5]['figure']['value'] == 2e10
    whole = make(lines=[planned, read | {'step': 400}])
    assert told_fields(whole)[5]['figure']['value'] == 8e10


def test_a_training_in_attempts_computed_what_its_last_one_reached_and_no_more():
    planned = {'plan': {'flops': 6e9, 'steps': 60}}
    first = [{'run': 'a'}, planned, {'step': 30}, {'status': 'stopped'}]
    rest = {'plan': {'flops': 3e9, 'steps': 30}}
    last = [{'run': 'b', 'resumes': 'a'}, {'resumed': {'step': 30}}, rest, {'step': 40}, {'status': 'stopped'}]
    assert operations(first) == 3e9
    assert operations(last) == 1e9
    assert operations(last, of_all_attempts=True) == 4e9
    whole = [*last[:3], {'step': 60, 'status': 'finished'}]
    assert operations(whole) == 3e9
    assert operations(whole, of_all_attempts=True) == 6e9


def test_a_run_that_was_killed_before_its_first_step_claims_no_operations():
    assert operations([{'plan': {'flops': 6e9, 'steps': 60}}, {'phase': 'compile', 'step': None}]) is None
    assert operations([{'plan': {'flops': 6e9, 'steps': 60}}, {'status': 'finished'}]) == 6e9


def test_of_a_training_of_several_attempts_it_says_which_one_is_told_and_what_all_took(make: Make):
    run = replace(make(), attempt=3, of_all_attempts=Quantity(9.0, 'kWh', 'modelled'))
    for told in (told_fields(run)[8]['told'], export(run, 'markdown'), export(run, 'huggingface')):
        assert 'It is attempt 3 at its training, and told is what this attempt took; all attempts took 9.0 kWh' in told
        assert '--all-attempts' in told
    assert 'attempt' not in export(make(), 'markdown')


def test_of_a_run_that_a_budget_stopped_it_says_so(make: Make):
    told = export(make(lines=[{'stopped_by': 'budget 50 J'}], status='stopped'), 'markdown')
    assert 'The run was stopped by the budget 50 J; what it used up to there is told.' in told


def sci(run: RunSummary, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(export(run, 'sci', **options))
    return found


def test_sci_is_operational_and_embodied_carbon_for_each_unit(make: Make):
    told = sci(make(), unit='epoch', units=10)
    assert told['score']['value'] == pytest.approx(37)  # (360 + 10) / 10
    assert told['score']['unit'] == 'g CO2e per epoch'
    assert told['told'].endswith('per epoch')
    assert told['functional_unit'] == {'R': 'epoch', 'count': 10.0}
    assert told['complete'] is True
    assert told['left_out'] == []
    parts = told['components']
    assert parts['E']['quantity']['value'] == pytest.approx(3.6)
    assert parts['E']['quantity']['unit'] == 'kWh'
    assert parts['I']['quantity']['value'] == pytest.approx(100)
    assert parts['O']['quantity']['value'] == pytest.approx(360)
    assert parts['M']['quantity']['value'] == pytest.approx(10)
    assert parts['M']['time_reserved_h'] == pytest.approx(1)
    assert all(parts[name]['methodology'].startswith('calculated: modelled, from ') for name in 'EIOM')
    assert 'no certificate or offset' in told['market_based_measures']


def test_an_sci_without_embodied_carbon_says_that_it_is_not_the_standards(make: Make, bare: dict[str, Any]):
    told = sci(make(**bare))
    assert told['complete'] is False
    assert told['components']['M']['quantity'] is None
    assert told['components']['M']['methodology'] == 'not known'
    assert told['left_out'][0].startswith('M: nothing is known of the hardware’s making')
    assert told['left_out'][1].startswith('The facility’s energy')


@pytest.mark.parametrize('units', [0, -1, float('nan'), float('inf')])
def test_units_are_a_number_above_0(make: Make, units: float):
    with pytest.raises(ArgumentError, match='units: expected a number above 0'):
        sci(make(), units=units)


def test_markdown_tells_figures_with_interval_and_basis_boundaries_sources_and_a_sentence(make: Make):
    text = export(make(), 'markdown')
    assert '| **Energy** of the machine | 3.0 kWh | 2.8 to 3.4 | modelled |' in text
    assert '| – CPU | 1.0 kWh |  | measured |' in text
    assert re.search(r'^\| \*\*Carbon\*\* \| 370 g CO2e \| .+ to .+ \| modelled \|$', text, re.M)
    assert '| – embodied | 10 g CO2e | 9 to 12 | modelled |' in text
    assert re.search(r'^1\. A table of watts \(2025\)\. <https://example.org/watts> Licence: CC0\.$', text, re.M)
    assert re.search(
        r'^> This fit took 3\.0 kWh \(2\.8 to 3\.4, modelled\) of energy and caused 370 g CO2e \(.+, modelled\) by its '
        r'electricity and the making of its hardware, in 1\.0 h \(Oregon, .+\), .+ \(run 0193a7c4-.+\); intervals',
        text,
        re.M,
    )


def test_every_row_of_a_table_has_the_cells_of_its_head(make: Make):
    for format in ('markdown', 'eu-ai-act'):
        blocks = re.findall(r'(?:^\|.*\n)+', export(make(name='a | b\n<script>'), format), re.M)
        assert blocks
        for block in blocks:
            assert len({len(re.findall(r'(?<!\\)\|', row)) for row in block.splitlines()}) == 1
        assert '<script' not in ''.join(blocks)


def test_a_place_that_was_not_said_is_not_cited_as_one(make: Make, bare: dict[str, Any]):
    assert 'in a place that was not said' in export(make(**bare), 'markdown')


def test_what_is_counted_names_the_making_the_minerals_and_the_price(make: Make):
    from hefted.footprint.factors import factors_for
    from hefted.footprint.place import Place
    from hefted.footprint.price import prices
    from hefted.metering.machine import Machine

    factors = factors_for(Place.of('US-OR'), Machine('server', threads=32.0))
    priced = factors.to_json() | {'price': prices(None, 'aws:p4d.24xlarge', 2026).machine.to_json()}  # type: ignore[union-attr]
    text = export(make(factors=priced, kind='meter'), 'markdown')
    assert 'up to the gate' in text and 'its end of life is not in it' in text
    assert 'Minerals are those of making the hardware; what its electricity took' in text
    assert 'Cost is of the machine, list price of 2023.' in text
    assert '> This run took' in text and '(Oregon, United States, aws:us-west-2)' in text
    numbered = re.findall(r'^\d+\. (.+)$', text, re.M)
    assert len(numbered) == len(set(numbered)) > 5
