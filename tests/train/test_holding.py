"""A governor that waits for the grid: by a clock that a test moves, and forecasts that it writes."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hefted.footprint.footprint import Footprint
from hefted.footprint.live.forecasts import Outlook, Slot
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity, Source
from hefted.runs import NullRun, Tick
from hefted.train.holding import Holding, WallClock
from hefted.when import When

HOUR = 3600.0
START = 1.8e9


class Clock:
    """A clock that only sleep moves."""

    def __init__(self):
        self.moment = START

    def now(self):
        return self.moment

    def sleep(self, seconds):
        assert 0 < seconds <= 1.0
        self.moment += seconds


class Grid:
    """Forecasts by the hour that a test writes: each answer in its turn, the last for ever; a text is a failure."""

    name = 'The grid'

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def ahead(self, place, hours):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise Unanswered(answer)
        return answer


def by_hour(*grams, start=START):
    return [
        Slot(start + HOUR * index, start + HOUR * (index + 1), Quantity(each, 'g CO2e/kWh'))
        for index, each in enumerate(grams)
    ]


def taking(seconds, longest=None, steps=100):
    duration = Quantity.between(
        seconds, seconds, longest or seconds, 's', source=Source('pilot', 'Steps that were tried')
    )
    nothing = dict.fromkeys(('energy', 'carbon', 'water', 'minerals', 'cost'))
    return Forecast(Plan(steps=steps), Footprint(**nothing, duration=duration, place=Place.of('FR')))


class Held:
    """A training that is held, step by step, without a model."""

    def __init__(self, when, grid, forecast, clock=None):
        self.clock, self.said, self.grid = clock or Clock(), [], grid
        self.holding = Holding(
            When(when),
            lambda until, now: Outlook(grid, Place.of('FR'), until, now),
            forecast,
            NullRun(),
            say=self.said.append,
            clock=self.clock,
        )
        self.worked: list[tuple[float, float]] = []

    def train(self, seconds, steps=100, checkpoint=0.0):
        """Train for some seconds of work in so many steps."""
        self.holding.begin(0, 0)
        self.ask(checkpoint)
        for step in range(steps):
            begun = self.clock.moment
            self.clock.moment += seconds / steps
            self.worked.append((begun, self.clock.moment))
            self.holding.hear(1, seconds / steps, Tick(step, 0, {}))
            if step < steps - 1:
                self.ask(checkpoint)
        self.holding.end()
        return self

    def ask(self, checkpoint=0.0):
        if self.holding.holds():
            if checkpoint:
                self.clock.moment += checkpoint
                self.holding.did('checkpoint', checkpoint)
            self.holding.wait()

    @property
    def hours(self):
        """Starts and ends of work, in hours from the beginning, joined where they touch."""
        joined = [list(self.worked[0])]
        for start, end in self.worked[1:]:
            if start - joined[-1][1] < 1:
                joined[-1][1] = end
            else:
                joined.append([start, end])
        return [tuple((each - START) / HOUR for each in span) for span in joined]


def test_it_waits_for_the_cleanest_hours_and_says_so():
    held = Held('cleanest within 6 h', Grid(by_hour(240, 200, 96, 96, 300, 300)), taking(HOUR, 1.2 * HOUR)).train(HOUR)
    assert held.hours == [pytest.approx((2, 3), abs=1e-3)]
    assert held.holding.waited == pytest.approx(2 * HOUR, abs=1)
    (line,) = held.said
    assert 'for 96 g CO2e/kWh, now 240; deadline' in line
    assert 'Ctrl-C ends the training, the model keeps its weights.' in line


def test_a_limit_pauses_a_training_and_lets_it_go_on():
    grid = Grid(by_hour(150, 250, 150, 250, 250, 250))
    held = Held('grid < 200 g within 6 h', grid, taking(1.5 * HOUR)).train(1.5 * HOUR, checkpoint=2.0)
    assert len(held.hours) == 2
    assert held.hours[0] == pytest.approx((0, 1), abs=0.05)
    assert held.hours[1][0] == pytest.approx(2, abs=1e-3)
    assert held.said[0] == 'Starting at once. The grid is as you wished.'
    assert 'its state is kept' in held.said[1]


def test_a_pause_without_a_checkpoint_says_that_none_is_kept():
    grid = Grid(by_hour(150, 250, 150, 250, 250, 250))
    held = Held('grid < 200 g within 6 h', grid, taking(1.5 * HOUR)).train(1.5 * HOUR)
    assert 'no checkpoint is kept' in held.said[1]


@given(
    some.lists(some.tuples(some.floats(120, 4 * HOUR), some.floats(10, 1000)), min_size=1, max_size=8),
    some.sampled_from(['cleanest', 'grid < 100 g', 'grid < 400 g']),
    some.floats(0.05, 1.5),
    some.floats(1, 2),
    some.floats(0.3, 1),
)
def test_it_is_never_past_its_deadline_whatever_the_grid_and_its_pace(hours, wish, share, ratio, pace):
    edges = [START, *accumulate((seconds for seconds, _ in hours), initial=START)][1:]
    slots = [
        Slot(one, two, Quantity(grams, 'g CO2e/kWh'))
        for (one, two), (_, grams) in zip(pairwise(edges), hours, strict=True)
    ]
    deadline = max(edges[-1] - START, 60.0)
    seconds = deadline * share / ratio
    held = Held(f'{wish} within {deadline / HOUR:.9f} h', Grid(slots), taking(seconds, seconds * ratio))
    actual = seconds * ratio * pace  # any pace up to the slowest that was foreseen
    held.train(actual)
    late = held.worked[-1][1] - held.holding.deadline
    assert late <= 1e-2 or held.holding.waited == 0


def test_the_forecast_is_renewed_while_it_waits_and_at_most_each_five_minutes():
    first, then = by_hour(300, 300, 300, 300, 20, 300), by_hour(300, 80, 300, 300, 20, 300)
    held = Held('cleanest within 6 h', Grid(first, then), taking(0.5 * HOUR)).train(0.5 * HOUR)
    assert held.hours[0][0] == pytest.approx(1, abs=1e-3)
    assert [line.partition(' for ')[2][:2] for line in held.said] == ['20', '80']
    assert held.grid.asked == 1 + 12  # each five minutes of an hour


def test_a_machine_that_slept_through_the_clean_hour_looks_for_another():
    class Sleeper(Clock):
        def sleep(self, seconds):
            self.moment += 3 * HOUR if self.moment == START else seconds

    grid = Grid(by_hour(300, 80, 300, 300, 90, 300))
    held = Held('cleanest within 6 h', grid, taking(0.5 * HOUR), Sleeper()).train(0.5 * HOUR)
    assert held.hours[0][0] == pytest.approx(4, abs=1e-3)


def test_one_that_slept_past_its_deadline_goes_on_at_once():
    class Sleeper(Clock):
        def sleep(self, seconds):
            self.moment += 30 * HOUR

    held = Held('cleanest within 6 h', Grid(by_hour(300, 80)), taking(0.5 * HOUR), Sleeper()).train(0.5 * HOUR)
    assert held.hours[0][0] == 30


@pytest.mark.parametrize(
    ('grid', 'forecast', 'words'),
    [
        (Grid('The grid cannot be reached.'), taking(HOUR), 'Starting at once. The grid cannot be reached.'),
        (Grid(by_hour(300, 80)), None, 'Starting at once. Nobody knows how long this training takes'),
        (Grid(by_hour(300, 80)), taking(HOUR, 7 * HOUR), 'Starting at once. It may take 7 h, and the deadline is '),
        (Grid(by_hour(100, 300)), taking(HOUR), 'Starting at once. No hours before the deadline are cleaner.'),
    ],
)
def test_what_cannot_wait_starts_at_once_and_says_why(grid, forecast, words):
    held = Held('cleanest within 6 h', grid, forecast).train(HOUR)
    assert held.hours == [pytest.approx((0, 1))]
    assert held.holding.waited == 0
    assert held.said[0].startswith(words)


def test_a_service_that_fails_later_leaves_what_it_said():
    grid = Grid(by_hour(300, 300, 80, 300), 'The grid cannot be reached.')
    assert Held('cleanest within 4 h', grid, taking(0.5 * HOUR)).train(0.5 * HOUR).hours[0][0] == pytest.approx(
        2, abs=1e-3
    )


def test_a_slower_training_than_was_foreseen_pauses_no_longer_than_its_own_pace_allows():
    grid = Grid(by_hour(150, 250, 250, 250, 250, 150))
    held = Held('grid < 200 g within 6 h', grid, taking(2 * HOUR, 2.2 * HOUR)).train(4 * HOUR)
    assert held.worked[-1][1] <= held.holding.deadline + 60


def test_the_deadline_counts_from_when_it_was_asked_for():
    def outlook(until, now):
        return Outlook(Grid(by_hour(100)), Place.of('FR'), until, now)

    held = Holding(When('cleanest within 2 h'), outlook, None, NullRun(), asked=START - 1800, clock=Clock())
    assert held.deadline == START + 1.5 * HOUR


def test_the_clock_counts_on_and_sleeps():
    clock = WallClock()
    first = clock.now()
    clock.sleep(0.02)
    assert 0.015 < clock.now() - first < 5
