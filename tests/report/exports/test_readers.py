"""Each format, read by the program or held against the schema that it is for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hefted.errors import ArgumentError, UnknownNameError
from hefted.footprint.footprint import _FIGURES
from hefted.footprint.tables import table
from hefted.ledger import RunSummary
from hefted.report.exports import export
from hefted.report.exports.as_json import schema
from hefted.report.exports.codecarbon import COLUMNS
from hefted.report.exports.iso3166 import ALPHA_3
from hefted.report.exports.record import record
from hefted.report.receipt import Facts, Receipt, receipt

Make = Callable[..., RunSummary]


@pytest.fixture(params=['whole', 'bare', 'sweep', 'killed', 'odd name'])
def run(request: pytest.FixtureRequest, make: Make, bare: dict[str, Any]) -> RunSummary:
    if request.param == 'sweep':
        found: RunSummary = request.getfixturevalue('sweep')
        return found
    if request.param == 'odd name':
        return make(name='a "b" |\n\\ <i>, é: #x')
    return make(**{'whole': {}, 'bare': bare, 'killed': {'status': None}}[request.param])


def row(run: RunSummary | Receipt) -> dict[str, str]:
    (found,) = csv.DictReader(io.StringIO(export(run, 'codecarbon')))
    return found


# json


def errors(told: Any) -> list[str]:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    return [error.json_path for error in Draft202012Validator(schema()).iter_errors(told)]


def test_json_holds_to_its_schema(run: RunSummary):
    assert errors(json.loads(export(run, 'json'))) == []


def test_a_receipt_of_which_nothing_is_known_holds_to_the_schema():
    assert errors(json.loads(export(receipt(None, Facts('0193')), 'json'))) == []


def test_the_schema_knows_every_key_that_is_written(make: Make):
    told = json.loads(export(make(), 'json'))
    assert set(told) <= set(schema()['properties'])
    assert set(told['footprint']) <= set(schema()['$defs']['footprint']['properties'])
    assert set(_FIGURES) <= set(schema()['$defs']['footprint']['properties'])
    assert set(told['footprint']['place']) <= set(schema()['$defs']['place']['properties'])


@pytest.mark.parametrize('key', ['low', 'basis', 'sources', 'unit'])
def test_the_schema_refuses_a_figure_that_does_not_say_what_it_is(make: Make, key: str):
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    told = json.loads(export(make(), 'json'))
    del told['footprint']['energy'][key]
    worst = best_match(Draft202012Validator(schema()).iter_errors(told))
    assert worst is not None
    assert worst.message == f'{key!r} is a required property'
    assert worst.json_path == '$.footprint.energy'


# huggingface


def test_a_model_card_reads_the_front_matter_in_grams(make: Make):
    from huggingface_hub import ModelCard

    front = export(make(), 'huggingface', training_type='fine-tuning')
    told = ModelCard(front + '\n# My model\n').data.to_dict()['co2_eq_emissions']
    assert told['emissions'] == pytest.approx(360)  # 3 kWh x 1.2 x 100 g
    assert told['training_type'] == 'fine-tuning'
    assert told['geographical_location'] == 'Oregon, United States, aws:us-west-2'
    assert told['hardware_used'] == '32 threads of Zen 5 (Turin), 256 GiB of memory, 2 × NVIDIA H100'
    assert 'with the data centre’s overhead' in told['source']
    assert '10 g CO2e' in told['source']  # the embodied carbon, which is not in the number


def test_any_run_is_front_matter_that_a_model_card_reads(run: RunSummary):
    from huggingface_hub import ModelCard

    told = ModelCard(export(run, 'huggingface')).data.to_dict()['co2_eq_emissions']
    assert isinstance(told['emissions'], float)
    assert 'training_type' not in told


def test_a_training_type_that_the_hub_does_not_know_is_refused(make: Make):
    with pytest.raises(UnknownNameError, match="Did you mean 'fine-tuning'"):
        export(make(), 'huggingface', training_type='finetuning')


# codecarbon


def test_codecarbons_columns_hold_its_units_and_its_meanings(make: Make):
    told = row(make())
    assert tuple(told) == COLUMNS
    numbers = {name: float(text) for name, text in told.items() if _is_number(text)}
    assert numbers['duration'] == 3600
    assert numbers['emissions'] == pytest.approx(0.36)  # kg, of the electricity alone
    assert numbers['emissions_rate'] == pytest.approx(0.36 / 3600)
    assert (numbers['cpu_power'], numbers['gpu_power']) == (pytest.approx(1000), pytest.approx(2000))  # without PUE
    assert (numbers['cpu_energy'], numbers['gpu_energy']) == (pytest.approx(1.2), pytest.approx(2.4))  # with it
    assert numbers['energy_consumed'] == pytest.approx(3.6)
    assert numbers['water_consumed'] == pytest.approx(5.4)  # 3 kWh of the machine x 1.8
    assert (numbers['pue'], numbers['wue']) == (pytest.approx(1.2), pytest.approx(1.8))
    assert (numbers['cpu_count'], numbers['gpu_count'], numbers['ram_total_size']) == (32, 2, 256)
    assert told['gpu_model'] == '2 x NVIDIA H100'
    assert (told['country_name'], told['country_iso_code'], told['region']) == ('United States', 'USA', 'oregon')
    assert (told['cloud_provider'], told['cloud_region'], told['on_cloud']) == ('aws', 'us-west-2', 'Y')
    assert told['python_version'] == '3.12.4'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_what_is_not_known_is_an_empty_cell_and_never_0(make: Make, bare: dict[str, Any]):
    told = row(make(**bare))
    for name in ('ram_energy', 'ram_power', 'water_consumed', 'wue', 'country_iso_code', 'cpu_model', 'os'):
        assert told[name] == ''
    assert told['pue'] == '1.0'
    assert row(receipt(None, Facts('0193')))['emissions'] == ''


def test_a_receipt_without_a_start_has_that_of_its_id(make: Make):
    from dataclasses import replace

    told = record(make()).receipt
    assert told.facts.started is not None
    unsaid = replace(told, facts=replace(told.facts, started=None))
    assert row(unsaid)['timestamp'] == row(told)['timestamp'] != ''
    assert (row(told)['on_cloud'], row(make())['on_cloud']) == ('Y', 'Y')


def test_a_place_that_was_not_said_is_no_geographical_location(make: Make, bare: dict[str, Any]):
    from huggingface_hub import ModelCard

    told = ModelCard(export(make(**bare), 'huggingface')).data.to_dict()['co2_eq_emissions']
    assert 'geographical_location' not in told
    assert 'as the place was not said' in told['source']


def test_a_commands_end_is_its_timestamp_and_its_start_up_came_before(make: Make):
    from datetime import datetime

    run = make(start_up={'seconds': 7.0, 'joules': {}})
    assert run.started is not None
    ended = datetime.fromtimestamp(run.started + 3600)
    assert row(run)['timestamp'] == f'{ended:%Y-%m-%dT%H:%M:%S}'


def test_every_country_of_the_table_of_grids_has_a_three_letter_code():
    countries = {code for code in table('grid') if '-' not in code}
    assert countries == set(ALPHA_3)
    assert len(set(ALPHA_3.values())) == len(ALPHA_3)
    assert all(len(code) == 3 and code.isupper() for code in ALPHA_3.values())


@pytest.mark.service('codecarbon')
def test_codecarbon_reads_the_row_and_appends_to_the_file(make: Make, tmp_path: Path):
    import pandas as pd
    from codecarbon.output_methods.emissions_data import EmissionsData
    from codecarbon.output_methods.file import FileOutput

    path = tmp_path / 'emissions.csv'
    path.write_text(export(make(), 'codecarbon'), 'utf-8')
    frame = pd.read_csv(path)
    (told,) = frame.to_dict('records')
    read = EmissionsData(**told)
    assert list(read.values) == list(COLUMNS)
    assert read.energy_consumed == pytest.approx(3.6)
    assert read.emissions == pytest.approx(0.36)
    output = FileOutput('emissions.csv', str(tmp_path))
    assert output.has_valid_headers(read)
    output.out(read, read)
    assert pd.read_csv(path)['emissions'].sum() == pytest.approx(0.72)


@pytest.mark.service('codecarbon')
def test_three_letter_codes_are_those_of_the_iso():
    import pycountry  # CodeCarbon brings it

    assert {code: pycountry.countries.get(alpha_2=code).alpha_3 for code in ALPHA_3} == ALPHA_3


# cyclonedx


def consumption(text: str) -> dict[str, Any]:
    (component,) = json.loads(text)['components']
    (found,) = component['modelCard']['considerations']['environmentalConsiderations']['energyConsumptions']
    return dict(found)


def test_a_bill_of_materials_holds_strictly_to_the_schema_of_cyclonedx(run: RunSummary):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    text = export(run, 'cyclonedx')
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"tCO2eq"', '"kg"')) is not None


def test_a_bill_tells_the_energy_with_the_data_centres_and_the_carbon_in_tonnes(make: Make):
    told = consumption(export(make(), 'cyclonedx'))
    assert told['activity'] == 'training'
    assert told['activityEnergyCost'] == {'value': pytest.approx(3.6), 'unit': 'kWh'}
    assert told['co2CostEquivalent'] == {'value': pytest.approx(360e-6), 'unit': 'tCO2eq'}
    (provider,) = told['energyProviders']
    assert provider['energyProvided'] == told['activityEnergyCost']
    assert 'co2CostOffset' not in told


@pytest.mark.parametrize(('kind', 'activity'), [('evaluate', 'validation'), ('predict', 'inference'), ('x', 'other')])
def test_a_bill_names_the_activity_by_the_runs_kind(make: Make, kind: str, activity: str):
    assert consumption(export(make(kind=kind), 'cyclonedx'))['activity'] == activity


# spdx


def spdx_package(text: str) -> Any:
    from spdx_python_model import v3_0_1 as spdx

    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    assert not objects.missing_ids
    (package,) = objects.foreach_type(spdx.ai_AIPackage)
    return package


def test_spdxs_own_model_reads_the_document(run: RunSummary):
    package = spdx_package(export(run, 'spdx'))
    assert package.name == (run.name or 'model')
    assert package.creationInfo.specVersion == '3.0.1'


def test_spdx_tells_the_energy_of_what_was_done(make: Make):
    (told,) = spdx_package(export(make(), 'spdx')).ai_energyConsumption.ai_trainingEnergyConsumption
    assert told.ai_energyQuantity == pytest.approx(3.6)
    assert told.ai_energyUnit.endswith('kilowattHour')
    tuned = spdx_package(export(make(), 'spdx', training_type='fine-tuning')).ai_energyConsumption
    assert len(tuned.ai_finetuningEnergyConsumption) == 1
    assert not tuned.ai_trainingEnergyConsumption
    with pytest.raises(ArgumentError, match='expected one that trained or predicted, received the evaluate'):
        export(make(kind='evaluate'), 'spdx')


def test_spdxs_model_refuses_a_document_that_is_not_its_own(make: Make):
    with pytest.raises(ValueError, match='kWh'):
        spdx_package(export(make(), 'spdx').replace('kilowattHour', 'kWh'))


# openmetrics


def samples(text: str) -> Iterator[Any]:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(text):
        assert family.documentation
        yield from family.samples


def test_prometheus_reads_every_metric(run: RunSummary):
    found = list(samples(export(run, 'openmetrics')))
    assert {'hefted_run_energy_joules', 'hefted_run_info', 'hefted_run_phase_energy_low_joules'} <= {
        s.name for s in found
    }
    assert all(sample.labels['run'] == run.id for sample in found)


def test_a_metrics_name_kind_and_ends_are_those_of_the_run(make: Make):
    found = list(samples(export(make(name='a "b"\n\\'), 'openmetrics')))
    told = {
        sample.name: sample for sample in found if 'component' not in sample.labels and 'phase' not in sample.labels
    }
    assert told['hefted_run_info'].labels['name'] == 'a "b"\n\\'
    assert told['hefted_run_energy_joules'].value == pytest.approx(3 * 3.6e6)
    assert told['hefted_run_energy_joules'].labels['basis'] == 'modelled'
    assert told['hefted_run_energy_low_joules'].value == pytest.approx((1 + 2 * 0.9) * 3.6e6)
    assert told['hefted_run_energy_high_joules'].value == pytest.approx((1 + 2 * 1.2) * 3.6e6)
    assert told['hefted_run_operational_carbon_grams'].value == pytest.approx(360)
    assert told['hefted_run_embodied_carbon_grams'].value == pytest.approx(10)
    parts = {sample.labels.get('component'): sample.labels['basis'] for sample in found if 'component' in sample.labels}
    assert parts == {'cpu': 'measured', 'gpu': 'modelled'}
