"""The table that made the price of training known comes out of its own constants."""

import json

import pytest
from click.testing import CliRunner

from hefted.cli.paper import command
from hefted.errors import UnknownNameError
from hefted.footprint import facility
from hefted.footprint.place import Place
from hefted.footprint.strubell import pue_today, rows
from hefted.metering.machine import Machine


@pytest.mark.parametrize('row', rows(), ids=lambda row: row.model)
def test_each_row_follows_from_its_power_and_hours(row):
    assert row.kwh == pytest.approx(row.kwh_printed, rel=0.01)
    # The smallest is printed as 26 lb for 25.6: a rounding of 1.5 %.
    assert row.pounds == pytest.approx(row.pounds_printed, rel=0.01, abs=0.5)
    assert (round(row.kwh), round(row.pounds)) == (row.kwh_printed, row.pounds_printed)


def test_bert_took_79_2_hours_and_the_printed_79_would_not_give_the_printed_energy():
    bert = next(row for row in rows() if row.model == 'BERT base')
    assert (bert.hours, bert.hours_printed) == (79.2, 79)
    assert round(bert._replace(hours=79).kwh) == 1503
    assert bert.power_w / bert.devices == pytest.approx(188.1, abs=0.1)


def test_today_is_told_for_a_place_with_its_interval():
    bert = next(row for row in rows() if row.model == 'BERT base')
    here, there = bert.carbon_today(Place('FR')), bert.carbon_today(Place('US'))
    assert here.high < there.low
    assert there.low < there.value < there.high
    assert {source.key for source in there.sources} == {'pue:world', 'grid:US'}
    assert pue_today() == facility.pue(Place.of('FR'), Machine())  # one number, and one error, in one place


def test_the_command_tells_the_table_and_its_history():
    told = CliRunner().invoke(command, ['strubell-2019']).output
    assert '1,507' in told and '1,438' in told and '656,347' in told
    for fact in ('79.2', 'Titan X', '15.35', '88 times'):
        assert fact in told
    plain = json.loads(CliRunner().invoke(command, ['strubell-2019', '--json', '--place', 'FR']).output)
    assert plain['place_today']['code'] == 'FR'
    assert [row['kwh_printed'] for row in plain['rows']] == [27, 201, 275, 1507, 656347]


def test_an_unknown_paper_is_an_error_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match='strubell-2019'):
        CliRunner().invoke(command, ['strubel'], catch_exceptions=False)
