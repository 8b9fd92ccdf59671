"""Every format of every kind of run, and what no export may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from hefted.errors import ArgumentError, LedgerError, UnknownNameError
from hefted.ledger import RunSummary
from hefted.metering.machine import this_machine
from hefted.metering.reading import Gap
from hefted.report.exports import FORMATS, export
from hefted.report.exports.record import record
from hefted.report.receipt import Facts, receipt

Make = Callable[..., RunSummary]
GAP = Gap('rapl:dram', 'only its owner may read it', 1.0).to_json()
NEEDS_ENERGY = {'sci', 'huggingface', 'cyclonedx', 'spdx'}


@pytest.mark.parametrize('format', FORMATS)
def test_a_run_is_told_in_every_format_and_ends_in_a_line_break(make: Make, format: str):
    text = export(make(), format)
    assert '0193a7c4-5f21' in text
    assert text.endswith('\n')
    assert not text.endswith('\n\n')


@pytest.mark.parametrize('format', FORMATS)
def test_a_receipt_is_told_as_well_as_a_run(make: Make, format: str):
    told = record(make()).receipt
    assert '0193a7c4-5f21' in export(told, format)


def test_an_unknown_format_names_the_nearest(make: Make):
    with pytest.raises(UnknownNameError, match=r"Unknown format: 'codecabon'\. Did you mean 'codecarbon'"):
        export(make(), 'codecabon')


@pytest.mark.parametrize('format', sorted(FORMATS))
def test_a_killed_run_tells_what_it_had_used_and_that_it_was_killed(make: Make, format: str):
    run = make(lines=[line_of(1800)], status=None)
    assert run.status == 'interrupted'
    text = export(run, format)
    if format in ('markdown', 'eu-ai-act', 'eu-ai-act-json', 'sci', 'cyclonedx'):
        assert 'The run was killed' in text
    if format == 'codecarbon':
        assert ',1800.0,' in text


def line_of(seconds: float) -> dict[str, Any]:
    joules = {'rapl:package-0': seconds * 1000, 'gpu-model': seconds * 2000}
    return {'phase': 'train', 'monotonic': seconds, 'boot': seconds, 'joules': joules, 'cpu_seconds': seconds}


@pytest.mark.parametrize('format', FORMATS)
def test_a_run_without_energy_is_told_or_says_why_it_cannot_be(make: Make, format: str):
    nothing = {'phase': 'train', 'monotonic': 60.0, 'boot': 60.0, 'joules': {}, 'cpu_seconds': 1.0}
    start = {'monotonic': 0.0, 'boot': 0.0, 'joules': {}, 'cpu_seconds': 0.0}
    changes = {'sensors': {}, 'start': start, 'lines': [nothing], 'factors': {}}
    run = make(**changes)
    assert run.energy is None
    if format in NEEDS_ENERGY:
        with pytest.raises(ArgumentError, match=r'run: expected one whose (energy|carbon) is known, received 0193a7c4'):
            export(run, format)
    else:
        text = export(run, format)
        assert not re.search(r'\b0(\.0+)? (J|MWh|g)', text)
        assert 'energy_joules{' not in text


@pytest.mark.parametrize('format', FORMATS)
def test_a_run_of_which_nothing_is_known_is_told_or_says_so(format: str):
    told = receipt(None, Facts('0193a7c4-5f21', 'fit', 'net'))
    if format in NEEDS_ENERGY:
        with pytest.raises(ArgumentError, match='is known, received 0193a7c4'):
            export(told, format)
    else:
        assert '0193a7c4-5f21' in export(told, format)


def test_what_was_not_read_is_told_once_in_the_boundary(make: Make):
    run = make(gaps=[GAP, GAP])
    for format in ('markdown', 'eu-ai-act-json', 'sci', 'cyclonedx'):
        assert export(run, format).count('rapl:dram: only its owner may read it') in (1, 2)
    assert export(run, 'markdown').count('only its owner') == 1
    assert len(json.loads(export(run, 'json'))['footprint']['gaps']) == 2


@pytest.mark.parametrize('format', FORMATS)
def test_a_parent_tells_the_sum_of_its_parts(sweep: RunSummary, format: str):
    assert len(sweep.children) == 4
    text = export(sweep, format)
    if format == 'json':
        assert json.loads(text)['footprint']['energy']['value'] == pytest.approx(4 * 3 * 3.6e6)
    if format == 'codecarbon':
        assert ',14.4' in text.splitlines()[1]
    if format in ('markdown', 'eu-ai-act', 'sci'):
        assert 'sums of 4 runs' in text


def test_parts_of_different_machines_agree_on_no_machine_and_on_no_factor(make: Make, bare: dict[str, Any]):
    parent = '0193a7c4-5f20-7abc-8000-1234567890ab'
    make('0193a7c4-5f22-7abc-8000-1234567890ab', parent=parent)
    told = record(make('0193a7c4-5f23-7abc-8000-1234567890ab', parent=parent, find=parent, **bare))
    assert told.machine is None
    assert told.factors.intensity is None
    assert told.intensity is not None
    assert told.intensity.value == pytest.approx(100)
    assert 0 < told.intensity.low < 100 < told.intensity.high  # the grid's own doubt; the energy's has cancelled
    assert {error.source for error in told.intensity.errors if abs(error.up) > 1e-9} == {'grid:US-OR'}


def test_a_run_that_encloses_others_has_figures_of_its_own(make: Make):
    make('0193a7c4-5f22-7abc-8000-1234567890ab', parent='0193a7c4-5f21-7abc-8000-1234567890ab')
    run = make(kind='meter')
    assert len(run.children) == 1
    assert 'sums of' not in export(run, 'markdown')
    assert 'wall-clock time on one machine' in export(run, 'eu-ai-act')


def test_a_header_that_is_json_and_not_a_journals_is_named_as_damaged(make: Make):
    with pytest.raises(LedgerError, match='0193a7c4-5f21-7abc: its header is damaged'):
        export(make(factors={'intensity': 5}), 'markdown')


@pytest.mark.parametrize('format', FORMATS)
def test_an_infinity_is_named_and_never_written(make: Make, format: str):
    told = record(make()).receipt
    assert told.footprint is not None
    sensor = told.footprint.components['gpu']
    wrong = type(sensor)(1.0, 'J', 'modelled', (sensor.errors[0]._replace(up=float('inf')),), sensor.sources)
    told.footprint.components['gpu'] = wrong
    with pytest.raises(ArgumentError, match=r'run\.footprint\.components\.gpu\.high: expected a finite number'):
        export(told, format)


def test_a_damaged_journal_is_named(make: Make):
    run = make()
    assert run.path is not None
    run.path.write_text('no journal', 'utf-8')
    from hefted import ledger

    with pytest.raises(LedgerError, match='0193a7c4-5f21-7abc: its first line cannot be read'):
        export(ledger.open(run.path.parent).get('0193'), 'markdown')


ASIDE = {'host': 'greta', 'user': 'ottoline', 'arguments': ['--lr', '0.1-secret'], 'paths': '/home/ottoline/x'}


@pytest.mark.parametrize('format', FORMATS)
def test_attributes_are_left_out_unless_asked_for(make: Make, format: str):
    text = export(make(attributes=ASIDE), format)
    assert not re.search('greta|ottoline|secret', text)


@pytest.mark.parametrize('format', [name for name, chosen in FORMATS.items() if chosen.includes])
def test_what_is_asked_for_is_told_where_the_journal_holds_it(make: Make, format: str):
    run = make(attributes=ASIDE)
    text = export(run, format, include=['host', 'arguments'])
    assert 'greta' in text
    assert '--lr 0.1-secret' in text
    assert 'ottoline' not in text


@pytest.mark.parametrize('format', [name for name, chosen in FORMATS.items() if not chosen.includes])
def test_a_format_without_a_place_for_it_says_so(make: Make, format: str):
    with pytest.raises(ArgumentError, match=f"received 'host'. The format {format} has no place for it"):
        export(make(attributes=ASIDE), format, include=['host'])


def test_a_host_is_told_only_of_a_machine_such_as_this_one(make: Make):
    here = make(machine=this_machine().to_json())
    assert (
        '(of the export, on a machine such as the run’s)'
        in json.loads(export(here, include=['host']))['included']['host']
    )
    with pytest.raises(ArgumentError, match='Export it on the machine where it ran'):
        export(make(), include=['host'])
    with pytest.raises(ArgumentError, match='A journal holds no paths unless the program gave them'):
        export(here, include=['paths'])
    with pytest.raises(UnknownNameError, match=r"Unknown include: 'hosts'\. Did you mean 'host'"):
        export(here, include=['hosts'])
