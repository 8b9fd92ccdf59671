"""What the doctor finds: how each part is known, how wide that is, and what would improve it."""

import json
import re

import pytest
from click.testing import CliRunner

from hefted import processor
from hefted.cli.doctor import command
from hefted.metering import Meter, discover, register, unregister
from hefted.metering.cpu_model import CpuModel, watts_for
from hefted.metering.dram_model import DramModel
from hefted.quantities import Quantity
from hefted.report.checkup import checkup


def told(findings):
    return {(finding.section, finding.label): finding.text for finding in findings}


@pytest.fixture
def turin(tmp_path):
    """A virtual machine's two threads of a processor of family 26, model 2, without any counter."""
    models = CpuModel(watts_for(processor.CpuIdentity('AuthenticAMD', 26, 2, 1)), 2.0), DramModel()
    return Meter([*models[0].sensors, models[1]], models=models)


def test_two_threads_of_an_epyc_draw_what_servers_of_its_kind_do_with_range_and_reason(turin):
    cpu = told(checkup(turin))['This machine', 'CPU']
    idle, busy = re.findall(r'([\d.]+) \(([\d.]+) to ([\d.]+)\) W', cpu)
    assert float(idle[0]) == pytest.approx(0.7, abs=0.05)
    assert float(busy[0]) == pytest.approx(3.9, abs=0.1)
    for value, low, high in (idle, busy):
        assert float(low) < float(value) < float(high)
    assert 'SPECpower' in cpu and 'virtual machine' in cpu and 'not by its name' in cpu


def test_it_says_how_wide_a_busy_minute_is_and_what_one_command_would_improve_it(turin, monkeypatch):
    unknown = told(checkup(turin))
    assert 'export HEFTED_PLACE' in unknown['What would improve it', 'carbon']
    monkeypatch.setenv('HEFTED_PLACE', 'FR')
    monkeypatch.setenv('HEFTED_PRICE', '0.30 USD/kWh')
    known = told(checkup(turin))
    assert not {('What would improve it', 'carbon'), ('What would improve it', 'cost')} & known.keys()
    wide, narrow = (float(findings['How wide', 'Carbon'].rpartition(' ')[2]) for findings in (unknown, known))
    assert narrow < 0.7 * wide
    assert 'USD/kWh' in known['Where it stands', 'Price']
    monkeypatch.delenv('HEFTED_PRICE')
    monkeypatch.setenv('HEFTED_INSTANCE', 'aws:p9.huge')
    assert told(checkup(turin))['Where it stands', 'Price'] == 'not known: no list price of aws:p9.huge is at hand'


def test_a_counter_that_can_be_read_is_told_as_measured_with_the_unseen_beside_it(tmp_path):
    zone = tmp_path / 'intel-rapl:0'
    zone.mkdir()
    for name, text in (('name', 'package-0'), ('max_energy_range_uj', '262143328850'), ('energy_uj', '1000000')):
        (zone / name).write_text(text + '\n')
    findings = told(checkup(discover(str(tmp_path), str(tmp_path / 'none'))))
    assert 'rapl:package-0' in findings['This machine', 'CPU']
    assert 'measured' in findings['This machine', 'CPU']
    assert 'unseen:' in findings['This machine', 'unseen']
    assert findings['How wide', ''] == '(as it is now)'
    assert 'rapl:package-0' in findings['Kinds of sensors', 'RAPL']


def test_what_was_never_tried_on_its_hardware_is_labelled_so(turin):
    findings = told(checkup(turin))
    assert {'RAPL', 'NVML', 'AMD SMI', 'Apple IOReport', 'wattmeter'} <= {label for _, label in findings}
    for kind in ('RAPL', 'NVML', 'AMD SMI', 'Apple IOReport'):
        assert kind in findings['Kinds of sensors', 'untried']


def test_a_sensor_that_fails_is_told_with_its_reason():
    class Broken:
        name, component, counts_always = 'broken', 'other', False
        accuracy = DramModel().accuracy

        def read(self, instant):
            raise RuntimeError('bang')

    register(Broken())
    try:
        texts = [finding.text for finding in checkup() if finding.label == 'not read']
    finally:
        unregister('broken')
    assert any('broken: It failed with RuntimeError' in text for text in texts)


def test_the_doctor_tells_the_same_as_plain_data():
    findings = json.loads(CliRunner().invoke(command, ['--json']).output)
    assert {'This machine', 'How wide', 'Where it stands', 'Kinds of sensors', 'Settings'} <= {
        finding['section'] for finding in findings
    }


def test_what_the_watts_of_a_model_are_of_is_told_as_it_is():
    def cpu(identity):
        models = CpuModel(watts_for(identity), 2.0), DramModel()
        findings = told(checkup(Meter([*models[0].sensors, models[1]], models=models)))
        assert findings['This machine', 'memory'].startswith('modelled: 0.39 W for each GB in use (0.15 to 1.10)')
        return findings['This machine', 'CPU']

    assert 'such packages alone' in cpu(processor.CpuIdentity('Apple', name='Apple M2'))
    assert 'of all kinds, as this one is not known' in cpu(processor.CpuIdentity())


def test_carbon_of_what_is_read_now_is_of_the_time_in_which_it_was_read(tmp_path):
    zone = tmp_path / 'intel-rapl:0'
    zone.mkdir()
    for name, text in (('name', 'package-0'), ('max_energy_range_uj', '262143328850'), ('energy_uj', '1000000')):
        (zone / name).write_text(text + '\n')
    meter = discover(str(tmp_path), str(tmp_path / 'none'))
    value, unit = told(checkup(meter))['How wide', 'Carbon'].split()[:2]
    # Half a second of the hardware is 0.1 mg, and a minute of it would be 14.
    assert 0 < Quantity(float(value.replace(',', '')), f'{unit} CO2e').to('mg CO2e').value < 5
