"""`Holding`: the governor that waits, and pauses, for cleaner electricity, and never past its deadline."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from hefted import host
from hefted.footprint.live.forecasts import Outlook
from hefted.runs import Tick
from hefted.train import interrupts, preemption
from hefted.train.governor import Governor, Work
from hefted.when import schedule
from hefted.when.hours import hours, mean
from hefted.when.saving import saving, spelt
from hefted.when.wish import When

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint
    from hefted.forecast.forecast import Forecast

_PIECE_SECONDS = 1.0  # it sleeps for so long at most, then looks at the clock: a suspended machine wakes up late
_MEASURED_SECONDS = 30.0  # so much work, or waiting, tells how much power it takes, and how fast it goes
_SAME_SECONDS = 60.0  # a plan that moved by less is not told again


class Clock(Protocol):
    """What time it is, and how it passes."""

    def now(self) -> float:
        """Seconds since 1970; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let some seconds pass; Ctrl-C ends it."""
        ...


class WallClock:
    """The wall clock, which also counts while the machine is suspended; one that is set back is not followed."""

    def __init__(self) -> None:
        self._wall, self._steady = time.time(), self._counted()
        self._never = threading.Event()

    def now(self) -> float:
        return max(time.time(), self._wall + self._counted() - self._steady)

    def sleep(self, seconds: float) -> None:
        self._never.wait(seconds)

    @staticmethod
    def _counted() -> float:
        boot = host.boot_clock()
        return host.monotonic() if boot is None else boot


class Holding(Governor):
    """Holds a training until, and while, the grid is not as it was wished.

    Args:
        when: What is wished.
        outlook: Makes what is foreseen of the grid, up to a deadline in seconds since 1970.
        forecast: What the training is going to take; where nobody knows, it is not held.
        run: What meters it.
        asked: When it was asked for, in seconds since 1970; now if None. The deadline counts from then.
        say: Shows a line.
        clock: What time it is.
    """

    def __init__(
        self,
        when: When,
        outlook: Callable[[float, Callable[[], float]], Outlook],
        forecast: Forecast | None,
        run: Any,
        *,
        asked: float | None = None,
        say: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._when, self._run, self._say = when, run, say
        self._clock = clock or WallClock()
        self._began = self._clock.now()
        self.deadline = when.deadline(self._began if asked is None else asked)
        self._outlook = outlook(self.deadline, self._clock.now)
        self._forecast = forecast
        self._version = 0  # of the outlook that the plan rests on
        self._plan: schedule.Schedule | None = None
        self._planned = self._start = self._until = self._began  # when the plan was made, and its first span
        self._before: Footprint | None = None  # what the run took before it could begin
        self._free = False  # whether nothing can hold it any more
        self._kept = False  # whether a checkpoint was kept before it waits
        self._steps, self._worked, self.waited = 0, 0.0, 0.0
        self._pause = schedule.PAUSE_SECONDS
        self._idle = schedule.IDLE

    # The governor's side

    def begin(self, done: int, epoch: int) -> None:  # noqa: ARG002
        self._free = self._forecast is None
        if self._free:
            self._say('Starting at once. Nobody knows how long this training takes, so it may not wait.')
            return
        self._outlook.renew()
        self._before = self._run.so_far()
        plan = self._choose(running=False)
        if plan.spans[0][0] <= 0:
            self._say(self._at_once(plan))

    def holds(self) -> bool:
        if self._free:
            return False
        now = self._clock.now()
        if now < self._start:
            return True
        if now < self._until and self._outlook.version == self._version:
            self._outlook.renew_behind()
            return False
        return self._choose(running=True).spans[0][0] > 0

    def wait(self) -> None:
        begun = last = self._clock.now()
        told = -math.inf
        try:
            while True:
                now = self._clock.now()
                known = begun + _MEASURED_SECONDS
                if self._outlook.due or last <= known < now or now - last > _SAME_SECONDS:  # the last: a suspend
                    self._measure()
                    if self._outlook.due:
                        self._outlook.renew()
                    self._choose(running=False)
                if now >= self._start or preemption.struck():
                    break
                if abs(self._start - told) >= _SAME_SECONDS:
                    told = self._start
                    self._say(self._waiting())
                last = now
                self._clock.sleep(min(self._start - now, _PIECE_SECONDS))
                interrupts.safe_point()  # a Ctrl-C that struck in a collector's hook was lost there
        finally:
            self.waited += self._clock.now() - begun
        self._free = self._last
        self._measure()

    def hear(self, steps: int, seconds: float, tick: Tick) -> None:  # noqa: ARG002
        self._steps += steps
        self._worked += seconds

    def did(self, work: Work, seconds: float) -> None:
        self._worked += seconds
        if work == 'checkpoint':
            self._kept, self._pause = True, seconds + 1.0

    def end(self) -> None:
        if self.waited <= 0:
            return
        slots = self._outlook.slots if self._steps else []  # without a step nothing was done that could be compared
        found = saving(self._run.so_far(), slots, self._began, self.waited, self._before)
        told = {'waited': self.waited} if found is None else found.to_json() | {'told': str(found)}
        self._run.tell(when={'wish': str(self._when), 'deadline': self.deadline, **told})

    # The plan

    @property
    def _last(self) -> bool:
        """Whether the plan's next span is the last, and no limit can end it."""
        return self._plan is not None and len(self._plan.spans) == 1 and self._when.below is None

    def _choose(self, *, running: bool) -> schedule.Schedule:
        self._planned, self._version = self._clock.now(), self._outlook.version
        left = self.deadline - self._planned
        ahead = hours(self._outlook.slots, self._planned, self.deadline) if left > 0 else []
        plan = self._plan = schedule.choose(ahead, self._left(), left, self._when.below, running)
        self._start, self._until = (self._planned + edge for edge in plan.spans[0])
        self._free = plan.spans[0][0] <= 0 and self._last
        return plan

    def _left(self) -> schedule.Work:
        """What is left to do, by the forecast; by the steps that were done, once there were some seconds of them."""
        assert self._forecast is not None
        duration, steps = self._forecast.duration.to('s'), self._forecast.plan.steps
        ratio = max(duration.high / duration.value, 1.0) if duration.value > 0 else 1.0
        if not steps:
            left = duration.value - self._worked
        elif self._worked >= _MEASURED_SECONDS and self._steps:
            left = self._worked / self._steps * (steps - self._steps)
        else:
            left = duration.value * (1 - self._steps / steps)
        left = max(left, 1e-3)
        return schedule.Work(left, left * ratio, self._idle, self._pause)

    def _measure(self) -> None:
        """Learn how much power it takes to wait, of that at work."""
        told = self._run.so_far()
        if told is None:
            return
        waiting, working = _watts(told, 'wait'), _watts(told, 'train')
        if working is None and self._forecast is not None and self._forecast.energy is not None:
            working = self._forecast.energy.to('J').value / self._forecast.duration.to('s').value
        if waiting is not None and working:
            self._idle = min(waiting / working, 1.0)

    # What is shown

    def _waiting(self) -> str:
        slots = self._outlook.slots
        then, now = mean(slots, self._start, self._until), mean(slots, self._planned, self._planned)
        told = f'Waiting until {self._time(self._start)}'
        if then is not None:
            told += f' for {then.value:.0f} g CO2e/kWh' + ('' if now is None else f', now {now.value:.0f}')
        kept = 'its state is kept' if self._kept else 'the model keeps its weights'
        if self._steps and not self._kept:
            kept += '; no checkpoint is kept, which callbacks.BackupAndRestore would do'
        return f'{told}; deadline {self._time(self.deadline)}. Ctrl-C ends the training, {kept}.'

    def _at_once(self, plan: schedule.Schedule) -> str:
        if plan.why == 'unknown':
            why = self._outlook.reason or 'Nothing is known of the hours to come.'
        elif plan.why == 'late':
            longest = spelt(self._left().longest)
            why = f'It may take {longest}, and the deadline is {self._time(self.deadline)}.'
        elif plan.why == 'dearer':
            why = 'To wait would make more carbon than it saves.'
        elif self._when.below is None:
            why = 'No hours before the deadline are cleaner.'
        else:
            why = 'The grid is as you wished.'
        return f'Starting at once. {why}'

    def _time(self, moment: float) -> str:
        """A time of day, with its day where that is not today's, and its seconds where it is soon."""
        now = self._clock.now()
        day, today = time.localtime(moment), time.localtime(now)
        form = ('' if day[:3] == today[:3] else '%a ') + '%H:%M' + (':%S' if moment - now < 600 else '')
        return time.strftime(form, day)


def _watts(told: Footprint, name: str) -> float | None:
    """The power of a phase; None before it has lasted for a while."""
    phase = told.phases.get(name)
    if phase is None or phase.energy is None or phase.seconds < _MEASURED_SECONDS:
        return None
    return phase.energy.to('J').value / phase.seconds
