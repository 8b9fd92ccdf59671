"""A forecast as a person reads it: the place and what it rests on in the receipt's words."""

from __future__ import annotations

import re
from typing import Any

from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import find
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.forecast.words import block, line
from hefted.quantities import Quantity
from hefted.report.receipt import Facts, Receipt


def forecast(place: str | None = None, **more: Any) -> Forecast:
    footprint = Footprint(None, None, Quantity(12.0, 's'), find(place))
    return Forecast(Plan(steps=1, flops_per_step=2.9e7), footprint, **more)


def test_an_unknown_place_is_told_as_in_a_receipt_with_how_to_set_it():
    told = block(forecast()).splitlines()
    at = told.index('Place       the world (assumed)')
    assert "place='FR'" in told[at + 1]
    assert 'Place       France' in block(forecast('FR'))
    assert "place='FR'" not in block(forecast('FR'))


def test_operations_are_told_in_words_and_a_small_share_of_a_peak_is_not_none():
    assert 'Operations  29 million' in block(forecast())
    assert 'at under 0.1 % of the peak' in block(forecast(utilisation=Quantity(1e-7, '1')))
    assert 'at 1.2 % of the peak' in block(forecast(utilisation=Quantity(0.0123, '1')))


def test_no_figure_runs_into_its_interval_and_no_price_has_a_row_of_noughts():
    minerals = Quantity(0.019, 'ng Sb eq', 'assumed')
    footprint = Footprint(
        None, None, Quantity(12.0, 's'), find('FR'), minerals=minerals, cost=Quantity(2e-8, 'USD', 'assumed')
    )
    told = block(Forecast(Plan(steps=1), footprint))
    assert 'Minerals    0.019 ng Sb eq assumed' in told
    assert 'Cost        under 0.001 USD assumed' in told


def test_notes_are_labelled_once():
    assert block(forecast(notes=('One.', 'Two.'))).endswith('Note        One.\n            Two.')


def test_several_phases_are_told_apart():
    phases = {'compile': PhaseShare(None, 4.0), 'train': PhaseShare(None, 0.028)}
    footprint = Footprint(None, None, Quantity(4.028, 's'), find('FR'), phases=phases)
    assert 'Of which    4.0 s compile, 28 ms train' in block(Forecast(Plan(steps=470), footprint))
    assert 'Of which' not in block(forecast())


def test_a_page_that_lends_tables_no_colour_does_not_make_figures_black_on_black():
    for told in (forecast()._repr_html_(), Receipt(Facts('0193'), None)._repr_html_()):
        (table,) = re.findall(r'[.]hefted\S* table{(.*?)}', told)
        assert 'color:inherit' in table


def test_one_step_is_not_steps():
    assert line(forecast()) == 'Forecast: 12 s · 1 step'
