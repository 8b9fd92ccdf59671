"""Footprints: adding runs, and writing one down."""

import json

import pytest

from hefted.footprint import Footprint, PhaseShare, Place
from hefted.metering.reading import Gap
from hefted.quantities import Quantity, Source


def joules(value: float) -> Quantity:
    return Quantity.between(value, value / 2, value * 2, 'J', source=Source('cpu', 'CPU model', 2024))


def a_run(place: str = 'FR', **known) -> Footprint:
    return Footprint(
        **{
            'energy': joules(17),
            'carbon': Quantity(0.002, 'g CO2e'),
            'duration': Quantity(3, 's'),
            'place': Place(place),
            'components': {'cpu': joules(15), 'dram': joules(2)},
            'phases': {'train': PhaseShare(joules(10), 2.0), 'compile': PhaseShare(None, 1.0)},
            'gaps': (Gap('rapl', 'not readable', 1.0),),
            'covers': 'CPU and memory',
            **known,
        }
    )


def test_a_footprint_survives_json() -> None:
    run = a_run(water=Quantity(0.1, 'mL'))
    text = json.dumps({**run.to_json(), 'from the future': 1})
    assert Footprint.from_json(json.loads(text)) == run
    assert json.loads(text)['cost'] is None


def test_two_runs_add_by_component_and_phase() -> None:
    both = a_run() + a_run(components={'gpu': joules(5)}, phases={'train': PhaseShare(joules(1), 0.5)})
    assert both.energy is not None
    assert (both.energy.value, both.duration.value) == (34, 6)
    assert {name: energy.value for name, energy in both.components.items()} == {
        'cpu': 15,
        'dram': 2,
        'gpu': 5,
    }
    assert both.phases['train'] == PhaseShare(joules(11), 2.5)
    assert both.phases['compile'].energy is None
    assert len(both.gaps) == 2
    assert both.place == Place('FR')


def test_runs_of_one_model_are_together_as_uncertain_as_each() -> None:
    both = a_run() + a_run()
    assert both.energy is not None
    assert (both.energy.low, both.energy.high) == pytest.approx((17, 68))


def test_what_is_unknown_of_both_stays_unknown_and_what_is_known_of_one_is_counted() -> None:
    both = a_run(carbon=None) + a_run(energy=None, carbon=None, covers='nothing')
    assert both.carbon is None
    assert both.energy == joules(17)
    assert both.covers == 'CPU and memory; nothing'
    assert (a_run() + a_run()).covers == 'CPU and memory'


def test_runs_at_two_places_are_at_no_one_place() -> None:
    both = a_run('FR') + a_run('DE')
    assert (both.place.code, both.place.name) == ('world', 'France; Germany')


def test_a_footprint_prints_as_one_line() -> None:
    assert repr(a_run()) == '<Footprint 17 J (8 to 34, modelled), 2.0 mg CO2e, 3.0 s>'
    assert repr(a_run(energy=None, carbon=None)) == '<Footprint energy not known, 3.0 s>'
