"""Quantities: algebra, error propagation, how they read, and what they refuse."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.errors import ArgumentError, UnknownNameError
from hefted.quantities import Error, Quantity, Source, total

CPU, GRID, DISK = (
    Source('cpu', 'CPU model', 2024),
    Source('grid', 'Grid', 2023),
    Source('disk', 'Disk model', 2022),
)
SOURCES = (CPU, GRID, DISK)

values = st.floats(0.01, 1e4)
ratios = st.floats(1.0, 3.0)


@st.composite
def quantities(draw: st.DrawFn, unit: str = 'J') -> Quantity:
    """A positive quantity with the errors of up to three sources."""
    value = draw(values)
    sources = draw(st.lists(st.sampled_from(SOURCES), unique=True))
    errors = tuple(Error(s.key, value / draw(ratios) - value, value * draw(ratios) - value) for s in sources)
    return Quantity(value, unit, draw(st.sampled_from(['measured', 'modelled', 'assumed'])), errors, tuple(sources))


def same(one: Quantity, two: Quantity) -> bool:
    """Equal up to rounding, in value, ends, unit and basis."""
    scale = max(abs(one.value), abs(one.low), abs(one.high))
    ends = zip((one.value, one.low, one.high), (two.value, two.low, two.high), strict=True)
    close = all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9 * scale) for a, b in ends)
    return close and (one.unit, one.basis) == (two.unit, two.basis)


def exactly(value: float, spread: float, source: Source, unit: str = 'J') -> Quantity:
    return Quantity.between(value, value - spread, value + spread, unit, source=source)


@given(quantities(), quantities(), quantities())
def test_addition_is_associative_and_commutative(a: Quantity, b: Quantity, c: Quantity) -> None:
    assert same((a + b) + c, a + (b + c))
    assert same(a + b, b + a)


@given(quantities(), quantities(), quantities())
def test_multiplication_is_associative_and_commutative(a: Quantity, b: Quantity, c: Quantity) -> None:
    assert same((a * b) * c, a * (b * c))
    assert same(a * b, b * a)


@given(quantities(), quantities(), quantities('W'))
def test_multiplication_distributes_over_addition(a: Quantity, b: Quantity, c: Quantity) -> None:
    left, right = (a + b) * c, a * c + b * c
    assert (left.value, left.low, left.high) == pytest.approx((right.value, right.low, right.high))


@given(quantities(), quantities())
def test_division_undoes_multiplication(a: Quantity, b: Quantity) -> None:
    assert same(a * b / b, Quantity(a.value, a.unit, max(a, b, key=rank).basis, a.errors, a.sources))


def rank(quantity: Quantity) -> int:
    return ('measured', 'modelled', 'assumed').index(quantity.basis)


@given(quantities(), quantities('kWh'))
def test_the_value_lies_within_its_interval(a: Quantity, b: Quantity) -> None:
    for result in (a, a + b, a - b, a * b, a / b, -2.0 * a):
        assert result.low <= result.value <= result.high


@given(quantities())
def test_a_quantity_less_itself_is_nothing_without_doubt(a: Quantity) -> None:
    nothing = a - a
    assert (nothing.value, nothing.low, nothing.high, nothing.errors) == (0, 0, 0, ())


@given(quantities(), st.integers(2, 50))
def test_many_of_one_model_are_as_uncertain_relatively_as_one(a: Quantity, count: int) -> None:
    assert same(total([a] * count), a * count)


def test_ten_thousand_ticks_keep_the_relative_width_of_one() -> None:
    tick = exactly(2.0, 0.5, CPU)
    summed = total([tick] * 10_000)
    assert (summed.low, summed.value, summed.high) == pytest.approx((15_000, 20_000, 25_000))


def test_errors_of_different_sources_add_in_quadrature() -> None:
    # Far from zero the logarithms of the interval's ends are all but linear.
    summed = exactly(1e6, 3.0, CPU) + exactly(1e6, 4.0, GRID)
    assert summed.high - summed.value == pytest.approx(5.0, rel=1e-4)
    assert summed.value - summed.low == pytest.approx(5.0, rel=1e-4)


def test_errors_of_one_source_add_linearly_and_with_their_sign() -> None:
    rising, falling = exactly(10, 3, CPU), Quantity(10, 'J', 'modelled', (Error('cpu', 2.0, -2.0),), (CPU,))
    assert (rising + rising).high == pytest.approx(26)
    assert ((rising + falling).low, (rising + falling).high) == pytest.approx((19, 21))


@given(values, values, ratios, ratios)
def test_factors_of_different_sources_combine_as_ratios(x: float, y: float, p: float, q: float) -> None:
    product = Quantity.between(x, x / p, x * p, 'J', source=CPU) * Quantity.between(y, y / q, y * q, '1', source=GRID)
    ratio = math.exp(math.hypot(math.log(p), math.log(q)))
    assert (product.low, product.high) == pytest.approx((x * y / ratio, x * y * ratio))


def test_a_source_in_both_factors_is_applied_exactly() -> None:
    squared = exactly(10, 2, CPU, 'W') * exactly(3, 1, CPU, 's')
    assert (squared.low, squared.value, squared.high, squared.unit) == (8 * 2, 30, 12 * 4, 'J')
    assert exactly(10, 2, CPU) / exactly(10, 2, CPU) == Quantity(1, '1', 'modelled', (), (CPU,))


def test_errors_given_twice_for_one_source_are_one_error() -> None:
    doubled = Quantity(10, 'J', 'modelled', (Error('cpu', -1, 1), Error('cpu', -2, 2)), (CPU,))
    assert doubled.errors == (Error('cpu', -3, 3),)


@given(quantities(), st.floats(1e-3, 1e3))
def test_intervals_scale_with_a_factor_and_turn_with_its_sign(a: Quantity, factor: float) -> None:
    scaled, turned = a * factor, a * -factor
    assert (scaled.low, scaled.high) == pytest.approx((a.low * factor, a.high * factor))
    assert turned.value == -scaled.value
    assert turned.low <= turned.value <= turned.high
    assert same(a / factor, a * (1 / factor))


@given(quantities())
def test_json_keeps_everything(a: Quantity) -> None:
    text = json.dumps(a.to_json())
    assert Quantity.from_json(json.loads(text)) == a
    assert Quantity.from_json({**json.loads(text), 'from the future': 1}) == a
    assert json.loads(text)['low'] == a.low


@pytest.mark.parametrize(
    ('value', 'unit', 'wanted', 'converted'),
    [
        (7200, 'J', 'Wh', 2.0),
        (1, 'kWh', 'MJ', 3.6),
        (90, 'min', 'h', 1.5),
        (2, 't CO2e', 'kg CO2e', 2000),
        (1, 'm3', 'L', 1000),
        (36, 'W/1', 'W', 36),
        (475, 'g CO2e/kWh', 'kg CO2e/MWh', 475),
    ],
)
def test_units_convert(value: float, unit: str, wanted: str, converted: float) -> None:
    there = Quantity(value, unit).to(wanted)
    assert there.value == pytest.approx(converted)
    assert there.to(unit).value == pytest.approx(value)


@pytest.mark.parametrize(
    ('left', 'right', 'product', 'factor'),
    [
        ('W', 's', 'J', 1),
        ('kW', 'h', 'J', 3.6e6),
        ('J', 'g CO2e/kWh', 'g CO2e', 1 / 3.6e6),
        ('kWh', 'L/kWh', 'L', 1),
        ('W/1', '1', 'W', 1),
        ('W/GB', 'GB', 'W', 1),
        ('USD/h', 'min', 'USD', 1 / 60),
        ('1', 'kWh', 'kWh', 1),
        ('g CO2e/kWh', '1', 'g CO2e/kWh', 1),
    ],
)
def test_units_multiply(left: str, right: str, product: str, factor: float) -> None:
    result = Quantity(2, left) * Quantity(3, right)
    assert (result.unit, result.value) == (product, pytest.approx(6 * factor))


@pytest.mark.parametrize(
    ('left', 'right', 'quotient'),
    [
        ('J', 's', 'W'),
        ('J', 'kWh', '1'),
        ('g CO2e', 'J', 'g CO2e/kWh'),
        ('USD', 's', 'USD/h'),
        ('W', '1', 'W'),
    ],
)
def test_units_divide(left: str, right: str, quotient: str) -> None:
    assert (Quantity(1, left) / Quantity(1, right)).unit == quotient


@pytest.mark.parametrize('operate', [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a.to(b.unit)])
def test_unlike_dimensions_are_refused_by_name(operate) -> None:
    with pytest.raises(ArgumentError, match='measures the same as') as caught:
        operate(Quantity(1, 'J'), Quantity(1, 'kg CO2e'))
    assert "'J'" in str(caught.value)
    assert "'kg CO2e'" in str(caught.value)


def test_like_dimensions_add_in_the_unit_of_the_first() -> None:
    assert Quantity(1, 'Wh') + Quantity(3600, 'J') == Quantity(2, 'Wh')
    assert sum([Quantity(1, 'J'), Quantity(2, 'J')]) == Quantity(3, 'J')


def test_what_cannot_be_a_quantity_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown unit: 'furlong'"):
        Quantity(1, 'furlong')
    with pytest.raises(UnknownNameError, match="'measurd'"):
        Quantity(1, 'J', 'measurd')  # pyright: ignore
    with pytest.raises(ArgumentError, match='finite'):
        Quantity(math.nan, 'J')
    with pytest.raises(ArgumentError, match='low <= value <= high'):
        Quantity.between(1, 2, 3, 'J', source=CPU)
    with pytest.raises(ArgumentError, match='at least one'):
        total([])
    with pytest.raises(ArgumentError, match='clear of 0'):
        Quantity(1, 'J') / Quantity.between(1, -1, 2, 's', source=CPU)
    with pytest.raises(TypeError):
        Quantity(1, 'J') + 1  # pyright: ignore
    with pytest.raises(ZeroDivisionError):
        Quantity(1, 'J') / Quantity(0, 's')


def test_the_basis_of_a_mix_is_the_weakest_and_sources_are_told_once() -> None:
    mixed = Quantity(1, 'J', 'measured', (), (CPU,)) + Quantity(1, 'J', 'modelled', (), (CPU, GRID))
    assert (mixed.basis, mixed.sources) == ('modelled', (CPU, GRID))
    assert (mixed * Quantity(1, '1', 'assumed')).basis == 'assumed'


@pytest.mark.parametrize(
    ('value', 'unit', 'text'),
    [
        (17, 'J', '17 J'),
        (0.0098, 'J', '9.8 mJ'),
        (247, 'J', '247 J'),
        (3599, 'J', '1.0 Wh'),
        (4300, 'J', '1.2 Wh'),
        (1.2, 'kWh', '1.2 kWh'),
        (0.001, 'g CO2e', '1.0 mg CO2e'),
        (0.9999, 'g CO2e', '1.0 g CO2e'),
        (2300, 'g CO2e', '2.3 kg CO2e'),
        (2.3e6, 'g CO2e', '2.3 t CO2e'),
        (0.0451, 's', '45 ms'),
        (95, 's', '1.6 min'),
        (7200, 's', '2.0 h'),
        (11.3, 'W', '11 W'),
        (0.25, 'L', '250 mL'),
        (3e-9, 'kg Sb eq', '3.0 µg Sb eq'),
        (2.8e-11, 'kg Sb eq', '28 ng Sb eq'),
        (3e-5, 'L', '30 µL'),
        (0.0123, 'USD', '0.012 USD'),
        (2.5e9, 'B', '2.5 GB'),
        (1.56, '1', '1.6'),
        (475, 'g CO2e/kWh', '475 g CO2e/kWh'),
        (5e12, 'J', '1,389 MWh'),
        (3.14e-20, 'J', '3.1e-17 mJ'),
        (3.6e9 * 1.5e30, 'J', '1.5e+30 MWh'),
        (1.2e-7, 'USD', '0.00000012 USD'),
        (0, 'J', '0 J'),
        (-17, 'J', '-17 J'),
    ],
)
def test_a_figure_is_told_in_the_unit_that_suits_it(value: float, unit: str, text: str) -> None:
    assert str(Quantity(value, unit)) == text


@pytest.mark.parametrize(
    ('low', 'value', 'high', 'unit', 'text'),
    [
        (14, 17, 21, 'J', '17 J (14 to 21, modelled)'),
        (190, 247, 320, 'J', '250 J (190 to 320, modelled)'),
        (245, 247, 249, 'J', '247 J (245 to 249, modelled)'),
        (99.5, 100, 100.5, 'W', '100.0 W (99.5 to 100.5, modelled)'),
        (0.3, 17, 900, 'J', '17 J (0.3 to 900, modelled)'),
        (0.8, 9.9, 129.0, 'µg Sb eq', '9.9 µg Sb eq (0.8 to 130, modelled)'),
        (370, 740, 2274, 'J', '740 J (370 to 2,300, modelled)'),
        (94, 98, 103, 'J', '98 J (94 to 103, modelled)'),
        (3600, 4300, 6000, 'J', '1.2 Wh (1.0 to 1.7, modelled)'),
    ],
)
def test_an_interval_is_told_beside_the_figure(low: float, value: float, high: float, unit: str, text: str) -> None:
    assert str(Quantity.between(value, low, high, unit, source=CPU)) == text


def test_an_exact_figure_is_told_without_an_interval() -> None:
    assert str(Quantity(17, 'J', 'modelled')) == '17 J (modelled)'
    assert str(Quantity.between(17, 17, 17, 'J', basis='measured', source=CPU)) == '17 J'
    assert exactly(17, 3, CPU).rounded == '17 J'


def test_what_one_source_may_take_away_whole_never_turns_negative_beside_another() -> None:
    water = Quantity.between(0.4, 0.0, 2.0, 'L/kWh', source=GRID)  # cooled by air alone, it may be none
    used = Quantity.between(1.0, 0.8, 1.2, 'kWh', source=CPU) * water
    assert used.low == 0.0
    assert used.high > 2.0
    facility = Quantity.between(1.0, 0.8, 1.2, 'kWh', source=CPU) * Quantity.between(0.1, 0.0, 0.2, '1', source=DISK)
    assert facility.low == 0.0


@given(quantities(), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3))
def test_shifts_of_up_to_the_whole_of_a_figure_leave_its_low_at_0_or_above(a: Quantity, shares: list[float]) -> None:
    errors = tuple(Error(f'source {n}', -share * a.value, share * a.value) for n, share in enumerate(shares))
    wide = Quantity(a.value, 'J', 'modelled', (*a.errors, *errors))
    assert 0.0 <= wide.low <= wide.value <= wide.high
    assert 0.0 <= (wide * 3).low <= (wide * 3).value
    assert wide.low <= wide.value + min((-share * a.value for share in shares), default=0.0) + 1e-9 * a.value


def test_an_exact_0_does_not_say_how_much_the_others_are_worth() -> None:
    measured = Quantity(3, 'J', 'measured')
    nothing = Quantity(0, 'J', 'assumed')
    assert (measured + nothing).basis == (nothing + measured).basis == 'measured'
    assert (nothing + nothing).basis == 'assumed'
    doubtful = Quantity(0, 'J', 'assumed', (Error('cpu', 0.0, 1.0),))
    assert (measured + doubtful).basis == 'assumed'
    none = Quantity.between(2, 1, 3, 'kWh', basis='assumed', source=CPU) * Quantity(0, 'L/kWh')
    assert (Quantity(3, 'L', 'modelled') + none).basis == 'modelled'


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e250, max_value=1e250),
    st.sampled_from(['J', 's', 'g CO2e', 'L', 'kg Sb eq', 'B', 'USD', '1', 'W', 'g CO2e/kWh']),
    ratios,
)
def test_every_figure_however_small_or_large_can_be_told(value: float, unit: str, ratio: float) -> None:
    told = Quantity(value, unit).rounded
    if value:
        number = float(told.split(' ')[0].replace(',', ''))
        shown = Quantity(value, unit).to(told.partition(' ')[2] or '1').value
        assert number == pytest.approx(shown, rel=0.06) or abs(shown) < 1e-300
    if value > 1e-250:
        wide = Quantity.between(value, value / ratio, value * ratio, unit, source=CPU)
        assert str(wide)
        again = Quantity.from_json(json.loads(json.dumps(wide.to_json() | {'new': 1})))
        assert (again, again.low, again.high) == (wide, wide.low, wide.high)


def test_a_figure_climbs_its_ladder_and_its_number_never_falls_below_1_once_it_has_risen() -> None:
    for unit in ('J', 's', 'g CO2e', 'L', 'kg Sb eq', 'B', 'W'):
        last = 0.0
        for step in range(-400, 700):
            quantity = Quantity(10 ** (step / 40), unit)
            told, _, shown = quantity.rounded.partition(' ')
            number = float(told.replace(',', ''))
            in_base = Quantity(number, shown).to(unit).value
            assert in_base >= 0.999 * last, (unit, step)
            assert in_base == pytest.approx(quantity.value, rel=0.051)
            last = in_base
