"""A changing intensity: each part of the energy is priced by its own, and a journal tells the same again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.footprint.account import Shares, footprint, rebuild
from hefted.footprint.factors import Factors
from hefted.footprint.intensities import Intensities
from hefted.footprint.place import Place
from hefted.footprint.repricing import Repricing
from hefted.metering.reading import RawReading
from hefted.quantities import Error, Quantity, Source

UNIT = 'g CO2e/kWh'
ACCURACIES = {
    'counter': ('cpu', Quantity(1.0, '1')),
    'half': ('gpu', Quantity(0.5, '1')),
    'far': ('network', Quantity(1.0, '1')),
}


def intensity(value, key='grid', error=0.0):
    errors = (Error(key, -error, error),) if error else ()
    return Quantity(value, UNIT, 'modelled', errors, (Source(key, key, 2026),))


positive = st.floats(0.1, 1e6)


@given(st.lists(st.tuples(positive, st.floats(1, 1000)), min_size=1, max_size=6), st.floats(1, 2))
def test_the_carbon_is_the_sum_of_each_part_by_its_own_intensity(parts, pue):
    changed = Intensities()
    first, used = Factors(intensity(parts[0][1]), Quantity(pue, '1')), parts[0][0]
    for energy, grams in parts[1:]:
        changed.change(intensity(grams), {'counter': used})
        used += energy
    shares = Shares()
    shares.add('train', 1.0, {'counter': used})
    told = footprint(shares, ACCURACIES, Place.of('FR'), changed.priced(first, shares.by_sensor(), ACCURACIES))
    assert told.operational.value == pytest.approx(sum(e * pue * g for e, g in parts) / 3.6e6)


def test_what_is_used_elsewhere_has_no_part_in_the_facilitys_overhead():
    changed = Intensities()
    changed.change(intensity(300), {'counter': 10.0, 'half': 20.0})
    shares = Shares()
    shares.add('train', 1.0, {'counter': 10.0, 'half': 20.0, 'far': 60.0})
    first = Factors(intensity(100), Quantity(1.5, '1'))
    told = footprint(shares, ACCURACIES, Place.of('FR'), changed.priced(first, shares.by_sensor(), ACCURACIES))
    assert told.operational.value == pytest.approx((20 * 1.5 * 100 + 60 * 300) / 3.6e6)


def test_errors_of_one_service_add_and_each_source_is_named():
    changed = Intensities()
    changed.change(intensity(200, 'live', 20), {'counter': 5.0})
    changed.change(intensity(100, 'live', 10), {'counter': 7.5})
    mean = changed.priced(Factors(intensity(400, 'table', 40)), {'counter': 10.0}, ACCURACIES).intensity
    assert mean.value == pytest.approx(400 / 2 + 200 / 4 + 100 / 4)
    assert {error.source: error.up for error in mean.errors} == pytest.approx({'table': 20.0, 'live': 7.5})
    assert {source.key for source in mean.sources} == {'table', 'live'}


def test_an_answer_for_the_whole_run_leaves_nothing_of_the_table():
    changed = Intensities()
    changed.change(intensity(50, 'live'), {'counter': 5.0}, from_start=True)
    mean = changed.priced(Factors(intensity(400, 'table')), {'counter': 10.0}, ACCURACIES).intensity
    assert (mean.value, [source.key for source in mean.sources]) == (50, ['live'])


def test_a_run_that_used_nothing_has_the_last_intensity():
    changed = Intensities()
    changed.change(intensity(50), {})
    assert changed.priced(Factors(intensity(400)), {}, ACCURACIES).intensity.value == 50


def test_without_a_change_the_factors_are_the_same_object():
    factors = Factors(intensity(400))
    assert Intensities().priced(factors, {'counter': 1.0}, ACCURACIES) is factors


class Told:
    """Tells what a test sets."""

    def __init__(self, told=None):
        self.version, self.intensity = 0, told

    def tell(self, value):
        self.version += 1
        self.intensity = None if value is None else intensity(value, 'live')

    def gaps(self, since):
        return ()


def reading(at, joules):
    return RawReading(at, at, {'counter': joules})


def played(told, steps):
    """Play a run: (seconds, joules, what is told then, if anything); its footprint, and that of its journal."""
    repricing, shares, last = Repricing(told), Shares(), [reading(0, 0)]
    factors = repricing.first(Factors(intensity(400, 'table')))
    lines = [
        {
            'sensors': {'counter': {'component': 'cpu', 'accuracy': Quantity(1.0, '1').to_json()}},
            'start': {'monotonic': 0.0, 'joules': {'counter': 0.0}},
            'factors': factors.to_json(),
        }
    ]

    def give(until):
        if until.monotonic >= last[0].monotonic:
            used = {name: joules - last[0].joules[name] for name, joules in until.joules.items()}
            shares.divide({'train': 1.0}, until.monotonic - last[0].monotonic, used, 0.0)
            last[0] = until

    for at, joules, tells in steps:
        if tells is not ...:
            told.tell(tells)
        line = {'monotonic': at, 'joules': {'counter': joules}, 'phase': 'train'}
        found = repricing.look(reading(at, joules), 0.0)
        lines.append(line | {name: getattr(value, 'to_json', lambda v=value: v)() for name, value in found.items()})
    give_until = reading(steps[-1][0], steps[-1][1])
    repricing.split(give_until, give, shares)
    give(give_until)
    place = Place.of('FR')
    mine = footprint(shares, ACCURACIES, place, repricing.priced(factors, shares, ACCURACIES))
    return mine, rebuild(lines)


@pytest.mark.parametrize(
    ('begins', 'steps', 'grams'),
    [
        (None, [(1, 10, 100), (2, 20, ...)], 20 * 100),  # the first answer stands for the run's beginning
        (None, [(1, 10, ...), (301, 20, 100), (400, 40, ...)], 20 * 400 + 20 * 100),  # unless that was too long ago
        (200, [(10, 10, 100), (20, 20, ...)], 10 * 200 + 10 * 100),  # a second one never does
        (200, [(10, 10, None), (20, 20, 50), (30, 40, ...)], 10 * 200 + 10 * 400 + 20 * 50),  # back to the table
        (200, [(10, 10, ...), (20, 20, ...)], 20 * 200),
        (None, [(1, 10, ...), (2, 20, ...)], 20 * 400),
    ],
)
def test_a_run_and_its_journal_price_each_part_by_what_held_then(begins, steps, grams):
    mine, again = played(Told(begins and intensity(begins, 'live')), steps)
    assert mine.carbon.value == pytest.approx(grams / 3.6e6)
    assert again.carbon.value == pytest.approx(grams / 3.6e6)
    assert again.energy.value == mine.energy.value
    assert again.carbon.errors == mine.carbon.errors


def test_a_part_whose_intensity_is_not_known_leaves_the_carbon_unknown_rather_than_made_up():
    changed = Intensities()
    changed.change(Quantity(100, 'g CO2e/kWh'), {'counter': 1.0})
    accuracies = {'counter': ('cpu', Quantity(1, '1'))}
    assert changed.priced(Factors(), {'counter': 4.0}, accuracies).intensity is None
    assert changed.priced(Factors(), {'counter': 4.0}, {}).intensity.value == 100
