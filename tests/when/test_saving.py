"""What waiting has saved: the hours that were used against those at the beginning, with their errors shared."""

from __future__ import annotations

import pytest

from hefted.footprint.account import Shares, footprint
from hefted.footprint.factors import Factors
from hefted.footprint.live.forecasts import Slot
from hefted.footprint.place import Place
from hefted.quantities import Quantity, Source
from hefted.when.saving import Saving, saving, spelt

TRACE = Source('grid:trace', 'Your own trace')
COUNTER = Source('counter', 'A counter')


def grams(value, ratio=1.25):
    return Quantity.between(value, value / ratio, value * ratio, 'g CO2e/kWh', source=TRACE)


def told(intensity, wait_joules=0.36e6, work_joules=3.6e6, pue=None):
    shares = Shares()
    shares.add('wait', 7200.0, {'counter': wait_joules})
    shares.add('train', 3600.0, {'counter': work_joules})
    accuracy = Quantity.between(1, 0.9, 1.1, '1', source=COUNTER)
    return footprint(shares, {'counter': ('cpu', accuracy)}, Place.of('FR'), Factors(intensity, pue=pue))


SLOTS = [Slot(0, 7200, grams(240)), Slot(7200, 20000, grams(96))]


def test_the_work_is_priced_by_the_hours_that_began_with_it_and_waiting_is_counted():
    used = (grams(240) * 0.1 + grams(96)) * (1 / 1.1)  # what held while each was used
    found = saving(told(used), SLOTS, 0.0, 7200.0)
    assert found.used.value == pytest.approx(0.1 * 240 + 96)
    assert found.at_once.value == pytest.approx(240)
    assert found.saved.value == pytest.approx(120)
    assert str(found) == '2 h: 120 g CO2e rather than 240 g CO2e at once, 50 % less'


def test_errors_of_the_energy_and_of_the_trace_cancel_in_the_part_and_not_in_the_grams():
    found = saving(told((grams(240) * 0.1 + grams(96)) * (1 / 1.1)), SLOTS, 0.0, 7200.0)
    assert found.part.low == pytest.approx(found.part.high)
    assert found.saved.low < 0.85 * 120
    assert found.saved.high > 1.15 * 120


def test_an_error_that_the_hours_do_not_share_alike_leaves_the_part_an_interval():
    slots = [Slot(0, 7200, grams(240, 1.5)), Slot(7200, 20000, grams(96, 1.1))]
    found = saving(told((grams(240, 1.5) * 0.1 + grams(96, 1.1)) * (1 / 1.1)), slots, 0.0, 7200.0)
    assert found.part.low < 0.45 < 0.5 < found.part.high
    assert ' at once, 50 % less (' in str(found)


def test_the_facilitys_overhead_is_in_both():
    pue = Quantity.between(1.5, 1.2, 1.8, '1', source=Source('pue', 'A survey'))
    found = saving(told(grams(96), pue=pue), SLOTS, 0.0, 7200.0)
    assert found.at_once.value == pytest.approx(1.5 * 240)
    assert found.used.value == pytest.approx(1.1 * 1.5 * 96)


def test_what_was_used_before_it_could_begin_is_the_same_either_way():
    shares = Shares()
    shares.add('compile', 100.0, {'counter': 7.2e6})
    accuracies = {'counter': ('cpu', Quantity(1, '1'))}
    before = footprint(shares, accuracies, Place.of('FR'), Factors(grams(240)))
    shares.add('wait', 7200.0, {'counter': 0.36e6})
    shares.add('train', 3600.0, {'counter': 3.6e6})
    whole = footprint(shares, accuracies, Place.of('FR'), Factors((grams(240) * 2.1 + grams(96)) * (1 / 3.1)))
    found = saving(whole, SLOTS, 0.0, 7200.0, before)
    assert found.at_once.value == pytest.approx(2 * 240 + 240)
    assert found.used.value == pytest.approx(2.1 * 240 + 96)


def test_waiting_that_cost_more_is_told_as_that():
    found = saving(told(grams(240), wait_joules=7.2e6), [Slot(0, 20000, grams(240))], 0.0, 7200.0)
    assert found.saved.value < 0
    assert str(found).endswith('200 % more')


def test_a_training_over_many_hours_is_compared_with_the_many_that_it_would_have_taken():
    slots = [Slot(0, 1800, grams(300)), Slot(1800, 20000, grams(100))]
    assert saving(told(grams(100)), slots, 0.0, 7200.0).at_once.value == pytest.approx(200)


def test_what_is_not_known_is_none():
    assert saving(None, SLOTS, 0.0, 1.0) is None
    assert saving(told(None), SLOTS, 0.0, 1.0) is None
    assert saving(told(grams(96)), [], 0.0, 1.0) is None


def test_it_is_written_and_read_again():
    found = saving(told(grams(96)), SLOTS, 0.0, 7200.0)
    again = Saving.from_json(found.to_json())
    assert again == found
    assert found.to_json()['saved']['value'] == pytest.approx(240 - 1.1 * 96)


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (0.2, '0.2 s'),
        (59, '59 s'),
        (60, '1 min'),
        (3569, '59 min'),
        (3599, '1 h'),
        (11400, '3 h 10 min'),
        (90000, '25 h'),
    ],
)
def test_stretches_are_spelt(seconds, words):
    assert spelt(seconds) == words
