"""Money: what was said, else a list price that says how old it is, else nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import ArgumentError
from hefted.footprint.factors import factors_for
from hefted.footprint.place import Place
from hefted.footprint.price import list_price, parse, prices
from hefted.metering.machine import Machine

FRANCE = Place.of('FR')


@pytest.mark.parametrize(
    ('said', 'value', 'unit'),
    [
        ('0.30 USD/kWh', 0.3, 'USD/kWh'),
        ('1.20 USD/h', 1.2, 'USD/h'),
        ('$1.20/h', 1.2, 'USD/h'),
        ('$ 2 per hour', 2, 'USD/h'),
        ('  3usd / kwh ', 3, 'USD/kWh'),
        ('USD .5/h', 0.5, 'USD/h'),
    ],
)
def test_a_price_is_read_as_people_write_it(said: str, value: float, unit: str) -> None:
    told = parse(said)
    assert (told.value, told.unit, told.low, told.high) == (value, unit, value, value)


@pytest.mark.parametrize(
    'said', ['1.20', '1.20/h', '1.20 EUR/h', '0 USD/h', '-1 USD/h', 'free', '1 USD/year', '1e999 USD/h', '']
)
def test_what_is_not_a_price_is_told_with_the_remedy(said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse(said, 'HEFTED_PRICE')
    assert all(word in str(caught.value) for word in ('HEFTED_PRICE', "'1.20 USD/h'", "'0.30 USD/kWh'", repr(said)))


@given(st.floats(1e-6, 1e6), st.sampled_from(['h', 'kWh']))
def test_every_price_that_is_written_is_read_again(value: float, per: str) -> None:
    assert parse(f'{value!r} USD/{per}').value == value


def test_a_list_price_is_assumed_dated_and_wider_by_the_year() -> None:
    told, later = list_price('aws:p4d.24xlarge', 2023), list_price('AWS:p4d.24xlarge', 2026)
    assert told is not None
    assert later is not None
    assert (told.value, told.basis, told.low) == (32.7726, 'assumed', 32.7726)
    assert later.low == pytest.approx(32.7726 * 0.75**3)
    assert 'us-east-1 as of 2023-11' in told.sources[0].title
    fallen = list_price('aws:p5.48xlarge', 2026)
    assert fallen is not None
    assert fallen.low < 55  # what it cost two years later


def test_azure_names_are_read_with_and_without_their_tier() -> None:
    assert list_price('azure:Standard_NC24ads_A100_v4', 2026) == list_price('azure:NC24ads A100 v4', 2026)


def test_an_instance_without_a_price_here_costs_nothing_that_is_known() -> None:
    assert list_price('aws:p9.huge', 2026) is None
    assert prices(None, 'aws:p9.huge', 2026) == (None, None)


def test_what_is_no_instance_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HEFTED_INSTANCE', 'p4d.24xlarge')
    with pytest.raises(ArgumentError, match=r"HEFTED_INSTANCE: expected a cloud and its instance.*'p4d.24xlarge'"):
        factors_for(FRANCE, Machine())


def test_a_price_that_was_said_stands_before_the_list() -> None:
    said = prices('$2/h', 'aws:p4d.24xlarge', 2026)
    assert (said.machine and said.machine.value, said.electricity) == (2, None)
    both = prices('0.3 USD/kWh', 'aws:p4d.24xlarge', 2026)
    assert (both.machine and both.machine.value, both.electricity and both.electricity.value) == (32.7726, 0.3)


def test_the_factors_of_a_run_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert factors_for(FRANCE, Machine()).price is None
    assert factors_for(FRANCE, Machine()).electricity_price is None
    monkeypatch.setenv('HEFTED_PRICE', '0.25 USD/kWh')
    told = factors_for(FRANCE, Machine()).electricity_price
    assert told is not None
    assert (told.value, told.sources[0].title) == (0.25, 'As said in HEFTED_PRICE')
    monkeypatch.setenv('HEFTED_PRICE', 'cheap')
    with pytest.raises(ArgumentError, match=r"HEFTED_PRICE: expected a price above 0.*'cheap'"):
        factors_for(FRANCE, Machine())
