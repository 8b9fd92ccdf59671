"""Budgets as people write them: what is read, what is refused, and what the refusal says."""

from __future__ import annotations

import math
import re
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hefted
from hefted import Budget, Quantity
from hefted.budget.budget import written
from hefted.errors import ArgumentError, BudgetError, HeftedError, UnknownNameError

WRITTEN = {
    '5Wh': ('energy', 18000),
    '0.5 kWh': ('energy', 1.8e6),
    '10 kwh': ('energy', 3.6e7),
    '50 J': ('energy', 50),
    '1,000 J': ('energy', 1000),
    '2 MJ': ('energy', 2e6),
    '2 mJ': ('energy', 2e-3),
    '3 mWh': ('energy', 10.8),
    '20 g': ('carbon', 20),
    '20 g CO2e': ('carbon', 20),
    '20gCO2eq': ('carbon', 20),
    '20 g of CO₂': ('carbon', 20),
    '1.5 kg CO2-eq': ('carbon', 1500),
    '$3': ('cost', 3),
    '3 USD': ('cost', 3),
    '3 dollars': ('cost', 3),
    'US$ 0.50': ('cost', 0.5),
    '10 min': ('duration', 600),
    '90 s': ('duration', 90),
    '30s': ('duration', 30),
    '1h30': ('duration', 5400),
    '1 h 30 min': ('duration', 5400),
    '2 hours': ('duration', 7200),
    '1d 2h': ('duration', 93600),
    '1 hour and 30 minutes': ('duration', 5400),
    '1 hour 30 minutes': ('duration', 5400),
    '1 day and 2 hours': ('duration', 93600),
    '2 mins 5 secs': ('duration', 125),
    '10 \u03bcL': ('water', 1e-5),
    '1 L': ('water', 1),
    '500 ml': ('water', 0.5),
    '3 mg Sb eq': ('minerals', 3e-6),
}


@pytest.mark.parametrize('said', WRITTEN)
def test_amounts_are_read_as_people_write_them(said: str):
    name, most = WRITTEN[said]
    budget = Budget.of(said)
    assert list(budget.limits) == [name]
    assert budget.most(name) == pytest.approx(most, rel=1e-12)


REFUSED = {
    '5': "5 of what? Write its unit behind it: '5 Wh'",
    '5 Whh': "Did you mean 'Wh'",
    '5 mwh': "Did you mean 'mWh' or 'MWh'?",
    '5 W': "Did you mean 'Wh'?",
    '5 parsecs': 'Unknown unit',
    '0 J': 'must be above 0',
    '-5 Wh': 'must be above 0',
    'nan J': 'must be finite',
    'inf Wh': 'must be finite',
    '1e400 J': 'must be finite',
    '1,5 Wh': 'decimals with a point',
    '€3': 'US dollars',
    '3 EUR': 'US dollars',
    '£3': 'US dollars',
    '': 'Write a number',
    'five Wh': 'Write a number',
    '1 Mg CO2': 'Unknown unit',
}


@pytest.mark.parametrize('said', REFUSED)
def test_what_is_no_amount_is_refused_with_what_to_write(said: str):
    with pytest.raises(ArgumentError, match=re.escape(REFUSED[said])) as caught:
        Budget(said)
    assert str(caught.value).startswith('budget: expected an amount with its unit')
    assert 'received' in str(caught.value)


@pytest.mark.parametrize('said', [5, 5.0, np.float32(5), math.nan, True, None, object(), b'5 Wh', [], {}])
def test_what_has_no_unit_or_says_nothing_is_refused(said: object):
    with pytest.raises(ArgumentError, match='budget: expected'):
        Budget.of(said)


def test_two_limits_with_an_and_between_are_two_and_a_length_of_time_is_one():
    assert Budget('10 min and 5 Wh') == Budget(duration='10 min', energy='5 Wh')
    assert Budget('5 Wh and 1 hour and 30 minutes and $3') == Budget(duration='90 min', energy='5 Wh', cost='$3')
    assert Budget(timedelta(minutes=10)) == Budget(duration=timedelta(minutes=10)) == Budget('10 min')


def test_a_keyword_says_what_a_bare_mass_is_of():
    assert Budget(minerals='3 mg').most('minerals') == pytest.approx(3e-6)
    assert Budget(carbon='3 mg').most('carbon') == pytest.approx(3e-3)


def test_an_amount_under_another_name_is_refused():
    with pytest.raises(ArgumentError, match=r"budget, energy: expected '5 Wh', received '5 g'.*Budget\(carbon='5 g'\)"):
        Budget(energy='5 g')
    with pytest.raises(ArgumentError, match='expected a quantity of energy'):
        Budget(energy=Quantity(5, 's'))


def test_an_unknown_quantity_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'energy'"):
        Budget.of({'enrgy': '5 Wh'})


def test_several_are_one_budget_and_the_stricter_of_two_holds():
    several = Budget.of(['5 Wh', '3 Wh', {'cost': '$3'}, Quantity(2, 'h'), Budget(carbon='20 g')])
    assert str(several) == '3 Wh, 20 g CO2e, 3 USD, 2 h'
    assert Budget.of('3 Wh and 20 g, $3; 2 h') == several
    assert hash(Budget.of(str(several))) == hash(several)


def test_a_budget_is_read_again_from_what_it_is_written_as():
    whole = Budget('5 Wh', '1h30', '$3', '1 L', '20 g', minerals='3 mg')
    assert Budget.of(whole.to_json()) == whole
    assert Budget.of(whole) is whole
    assert eval(repr(whole), {'Budget': Budget}) == whole


def test_a_budget_error_is_an_argument_error_with_a_forecast():
    assert BudgetError('no').forecast is None
    assert isinstance(BudgetError('no'), (HeftedError, ValueError))
    assert hefted.Budget is Budget


@given(st.floats(1e-6, 1e9), st.sampled_from(['J', 'Wh', 'kWh', 'g CO2e', 'USD', 's', 'min', 'h', 'L', 'mg Sb eq']))
def test_what_is_written_is_read_as_it_was(value: float, unit: str):
    budget = Budget(Quantity(value, unit))
    (name,) = budget.limits
    assert Budget(written(budget.limits[name])).most(name) == pytest.approx(budget.most(name), rel=1e-9)


@given(st.text(max_size=12))
def test_no_text_fails_in_another_way(said: str):
    try:
        budget = Budget(said)
    except ArgumentError:
        return
    assert all(0 < budget.most(name) < math.inf for name in budget.limits)
