"""What is held back for the machine's neighbours: little where nobody waits, more where waits were seen."""

from __future__ import annotations

import pytest

from hefted.train.jitter import Jitter


def alone() -> Jitter:
    jitter = Jitter(lambda: 1.0)
    jitter.look()
    return jitter


@pytest.mark.parametrize('whole', [0.12, 0.15, 0.3, 1.0, 10.0, 3600.0])
def test_with_the_machine_to_itself_a_training_keeps_back_far_less_than_a_twentieth(whole: float):
    assert 0 < alone().of(whole) < 0.034 * whole


def test_one_long_wait_is_an_accident_and_a_second_is_how_the_machine_is():
    jitter = alone()
    jitter.hear(0.05, 0.06)
    assert jitter.of(0.2) < 0.05 * 0.2
    jitter.hear(0.04, 0.05)
    assert jitter.of(0.2) == pytest.approx(0.04, rel=0.05)


def test_waits_that_do_not_come_again_are_forgotten():
    jitter = alone()
    for _ in range(2):
        jitter.hear(0.05, 0.06)
    before = jitter.of(0.2)
    for _ in range(100):
        jitter.hear(0.0, 0.2)
    assert jitter.of(0.2) == alone().of(0.2) < before


def test_where_many_programs_want_the_machine_more_is_held_back():
    def held(crowd: float, whole: float = 5.0) -> float:
        jitter = Jitter(lambda: crowd)
        jitter.look()
        return jitter.of(whole)

    assert held(1.0) < held(2.0) <= held(5.0) <= held(8.0) < 0.05 * 5
    assert held(5.0, 0.2) > 5 * held(1.0, 0.2)


def test_who_wants_the_machine_for_a_moment_is_no_crowd():
    answers = iter([1.0, 3.0, 1.0, 1.0, 1.0])
    jitter = Jitter(lambda: next(answers))
    found: list[float] = []
    for _ in range(5):
        jitter.look()
        found.append(jitter.of(0.2))
    assert found[0] == found[-1] < 0.01


def test_it_never_holds_back_half_of_a_limit():
    jitter = Jitter(lambda: 50.0)
    jitter.look()
    for _ in range(9):
        jitter.hear(3.0, 3.0)
    assert jitter.of(1.0) < 0.5
