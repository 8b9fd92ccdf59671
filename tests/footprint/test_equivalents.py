"""Equivalents: fit to the magnitude, right by arithmetic, each with a source."""

import pytest

from hefted.footprint.equivalents import felt, felt_sources
from hefted.quantities import Quantity


@pytest.mark.parametrize(
    ('joules', 'phrases'),
    [
        (0.00001, []),
        (0.002, ['lifting a 1 kg bag 0.20 mm']),
        (0.5, ['a 9 W lamp for 56 ms', 'lifting a 1 kg bag 5.1 cm']),
        (17, ['a 9 W lamp for 1.9 s', 'lifting a 1 kg bag 1.7 m']),
        (4300, ['a 9 W lamp for 8.0 min', 'lifting a 70 kg person 6.3 m']),
        (200e3, ['a 9 W lamp for 6.2 h', 'bringing 0.60 L of water to the boil']),
        (7.2e6, ['130 charges of a phone']),
    ],
)
def test_energy_is_told_as_something_of_its_own_magnitude(joules: float, phrases: list[str]) -> None:
    assert felt(Quantity(joules, 'J')) == phrases


def test_carbon_is_told_as_a_drive_once_it_is_a_metre() -> None:
    assert felt(Quantity(17, 'J'), Quantity(2.2e-3, 'g CO2e')) == felt(Quantity(17, 'J'))
    assert felt(Quantity(2, 'kWh'), Quantity(0.393, 'kg CO2e'))[1] == '1.6 km in an average petrol car'
    assert 'flown' in felt(Quantity(5, 'MWh'), Quantity(2, 't CO2e'))[1]


@pytest.mark.parametrize('exponent', range(-6, 13))
def test_there_are_at_most_two_and_each_has_a_source(exponent: int) -> None:
    energy, carbon = Quantity(3 * 10.0**exponent, 'J'), Quantity(10.0**exponent / 7500, 'g CO2e')
    phrases, sources = felt(energy, carbon), felt_sources(energy, carbon)
    assert len(phrases) == len(sources) <= 2
    assert all(source.title for source in sources)
    assert phrases or exponent <= -4
