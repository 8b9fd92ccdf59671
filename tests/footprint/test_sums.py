"""Footprints that are added: nothing is lost, nothing is told twice, and what is shared stays one error."""

from __future__ import annotations

import json
import operator
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint.account import Shares, footprint
from hefted.footprint.factors import Factors
from hefted.footprint.footprint import Footprint
from hefted.footprint.place import Place
from hefted.quantities import Error, Quantity, Source

FIGURES = (
    'energy', 'facility', 'carbon', 'operational', 'embodied', 'water', 'water_on_site', 'water_off_site', 'minerals',
    'cost',
)  # fmt: skip
PLACES = (Place.of('FR'), Place.of('US-WA'), Place.of(None), Place.of('aws:us-west-2'))


def factor(value: float, unit: str, key: str) -> Quantity:
    return Quantity.between(value, value / 2, value * 3, unit, source=Source(key, key))


PRICED = Factors(
    intensity=factor(100, 'g CO2e/kWh', 'grid'),
    pue=Quantity.between(1.5, 1.0, 2.0, '1', source=Source('pue', 'pue')),
    water_on_site=Quantity.between(0.4, 0.0, 2.0, 'L/kWh', source=Source('wue', 'wue')),
    water_off_site=factor(4, 'L/kWh', 'water'),
    embodied=factor(30, 'g CO2e/h', 'making'),
    minerals=factor(1e-6, 'kg Sb eq/h', 'minerals'),
    electricity_price=Quantity(0.2, 'USD/kWh'),
)
SENSORS = {
    'rapl': ('cpu', Quantity(1.0, '1', 'measured', (Error('rapl', -0.05, 0.1),))),
    'dram-model': ('dram', Quantity(1.0, '1', 'modelled', (Error('dram', -0.7, 2.0),))),
    'unseen:fixed': ('unseen', Quantity(1.0, '1', 'assumed', (Error('unseen', -0.9, 1.5),))),
    'moved:network': ('network', Quantity(1.0, '1', 'assumed', (Error('network', -0.75, 14.0),))),
}


@st.composite
def runs(draw: st.DrawFn) -> Footprint:
    """A run with any sensors, or none, priced by all that is known or by nothing, at any place."""
    shares = Shares()
    used = draw(st.dictionaries(st.sampled_from(sorted(SENSORS)), st.sampled_from([0.0, 1e-9, 3.0, 1e6]), max_size=4))
    shares.add(draw(st.sampled_from(['train', 'validate'])), draw(st.floats(1e-3, 1e6)), used)
    factors = draw(st.sampled_from([PRICED, Factors(), Factors(intensity=PRICED.intensity), Factors(price=None)]))
    return footprint(shares, SENSORS, draw(st.sampled_from(PLACES)), factors)


def alike(one: Quantity | None, two: Quantity | None) -> bool:
    if one is None or two is None:
        return one is two
    ends = zip((one.value, one.low, one.high), (two.value, two.low, two.high), strict=True)
    return all(a == pytest.approx(b, rel=1e-9, abs=1e-12) for a, b in ends) and (one.unit, one.basis) == (
        two.unit,
        two.basis,
    )


@given(runs(), runs(), runs())
def test_the_order_in_which_runs_are_added_does_not_matter(a: Footprint, b: Footprint, c: Footprint) -> None:
    one, two, other = (a + b) + c, a + (b + c), c + b + a
    for name in FIGURES:
        assert alike(getattr(one, name), getattr(two, name))
        assert alike(getattr(one, name), getattr(other, name))
    assert one.components.keys() == two.components.keys() == other.components.keys()
    assert alike(one.duration, other.duration)
    assert one.place.code == two.place.code


@given(runs())
def test_no_figure_of_a_run_is_negative_and_parts_are_the_whole(run: Footprint) -> None:
    for name in FIGURES:
        figure = getattr(run, name)
        assert figure is None or 0.0 <= figure.low <= figure.value <= figure.high
    for whole, *parts in (('carbon', 'operational', 'embodied'), ('water', 'water_on_site', 'water_off_site')):
        known = [part for name in parts if (part := getattr(run, name)) is not None]
        told = getattr(run, whole)
        assert (told is None) == (not known)
        assert told is None or told.value == pytest.approx(sum(part.value for part in known))
    assert (run.energy is None) == (not run.components) or run.energy.value == 0.0
    for name, energy in run.components.items():
        assert energy.basis in run.covers or (name == 'unseen' and not energy.value)


@given(runs(), st.integers(2, 40))
def test_many_runs_of_one_kind_are_as_uncertain_as_one_and_tell_their_place_and_cover_once(
    run: Footprint, count: int
) -> None:
    told = reduce(operator.add, [run] * count)
    for name in FIGURES:
        one, many = getattr(run, name), getattr(told, name)
        assert alike(one and one * count, many)
    assert (told.covers, told.place) == (run.covers, run.place)


@given(runs(), runs(), st.integers(1, 20))
def test_runs_of_two_kinds_in_turn_tell_each_place_and_cover_once(a: Footprint, b: Footprint, count: int) -> None:
    told = reduce(operator.add, [a, b] * count)
    assert (told.covers, told.place) == ((a + b).covers, (a + b).place)


@given(runs())
def test_a_run_with_keys_of_a_newer_version_is_read_as_it_was(run: Footprint) -> None:
    data = json.loads(json.dumps(run.to_json()))
    data['vapour'] = {'value': 1}
    data['place']['mood'] = 'good'
    for phase in data['phases'].values():
        phase['mood'] = 'good'
    assert Footprint.from_json(data) == run


def test_two_sums_over_other_places_name_all_of_them() -> None:
    france, washington, world, oregon = (footprint(Shares(), {}, place, Factors()) for place in PLACES)
    told = (france + washington) + (world + oregon)
    assert all(each.name in told.place.name for each in PLACES)
    assert (france + washington + world).place.name.count('France') == 1


def test_what_is_left_out_is_not_in_what_the_total_covers() -> None:
    shares = Shares()
    shares.add('train', 1.0, {'cpu-model:idle': 3.0, 'nvml': 5.0})
    sensors = {'cpu-model:idle': ('cpu', Quantity(1, '1', 'modelled')), 'nvml': ('gpu', Quantity(1, '1'))}
    whole, without = (footprint(shares, sensors, PLACES[0], Factors(), without=left) for left in ((), ('cpu',)))
    assert whole.covers.endswith('with a server’s board, fans and supply')
    assert without.covers == 'GPUs, measured; no board, fans or supply'
    nothing = footprint(shares, sensors, PLACES[0], Factors(), without=('cpu', 'gpu'))
    assert nothing.energy is None
    assert nothing.covers == 'nothing: without CPU and GPUs, no sensor could be read'


def test_a_component_of_a_newer_version_is_in_the_parts_and_the_price_of_the_whole() -> None:
    shares = Shares()
    shares.add('train', 1.0, {'quantum': 3.6e6})
    sensors = {'quantum': ('qpu', Quantity(1, '1'))}
    told = footprint(shares, sensors, PLACES[0], Factors(intensity=Quantity(50, 'g CO2e/kWh')))  # pyright: ignore
    assert told.components.keys() == {'qpu'}
    assert told.carbon is not None and told.carbon.value == pytest.approx(50)
    assert told.covers.startswith('qpu, measured')


def test_a_models_nothing_is_no_figure() -> None:
    shares = Shares()
    shares.add('train', 1.0, {'dram-model': 0.0})
    told = footprint(shares, SENSORS, PLACES[0], Factors())
    assert told.energy is None
    assert 'dram' not in told.components


def test_two_houses_of_one_place_are_in_that_place_and_in_neither_house() -> None:
    one, two = (
        footprint(Shares(), {}, Place('FR', datacentre=house, land=land, latitude=48.8, longitude=2.3), Factors())
        for house, land in (('North', 'Breton'), ('South', None))
    )
    both = (one + two).place
    assert (both.code, both.name, both.latitude) == ('FR', 'France', 48.8)
    assert (both.datacentre, both.land, both.land_known_by) == (None, None, None)
    assert (one + one).place == one.place
