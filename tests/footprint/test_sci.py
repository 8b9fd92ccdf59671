"""Software carbon intensity: O and M for each functional unit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import ArgumentError
from hefted.footprint.footprint import Footprint
from hefted.footprint.place import Place
from hefted.footprint.sci import sci
from hefted.quantities import Quantity, Source

O = Quantity.between(30, 20, 50, 'g CO2e', source=Source('grid', 'A grid', 2024))  # noqa: E741
M = Quantity.between(10, 5, 20, 'g CO2e', source=Source('making', 'A life-cycle assessment', 2023), basis='assumed')


def footprint(**figures: Any) -> Footprint:
    return Footprint(
        **({'energy': None, 'carbon': None, 'duration': Quantity(60, 's'), 'place': Place.of('FR')} | figures)
    )


def test_a_score_holds_the_interval_the_weakest_basis_and_the_sources_of_both_parts():
    score = sci(footprint(operational=O, embodied=M), 10, 'epoch').score
    assert score.value == pytest.approx(4)
    assert (score.basis, {source.key for source in score.sources}) == ('assumed', {'grid', 'making'})
    assert (O.low + M.low) / 10 < score.low < score.value < score.high < (O.high + M.high) / 10


@given(st.floats(1e-3, 1e9))
def test_a_score_times_its_units_is_the_carbon(units: float):
    assert sci(footprint(operational=O, embodied=M), units).score.value * units == pytest.approx(40)


def test_a_score_without_a_part_says_so():
    assert not sci(footprint(operational=O)).complete
    assert str(sci(footprint(operational=O))).endswith('per training run; M is not known and not in it')
    assert str(sci(footprint(embodied=M))).endswith('O is not known and not in it')
    assert sci(footprint(operational=O, embodied=M)).complete


def test_an_older_footprints_one_carbon_is_operational():
    assert sci(footprint(carbon=O)).operational == O


def test_a_run_of_unknown_carbon_has_no_score():
    with pytest.raises(ArgumentError, match='expected one whose carbon is known'):
        sci(footprint())


@pytest.mark.parametrize('units', [0, -1, math.nan, math.inf, 5e-324, 10**400, 'ten', None])
def test_what_counts_nothing_is_refused_by_name(units: Any):
    with pytest.raises(ArgumentError, match='units: expected a number above 0'):
        sci(footprint(operational=O), units)
