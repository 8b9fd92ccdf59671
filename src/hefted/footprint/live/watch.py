"""Keeps an eye on the intensity at one place: asks in background, remembers, and says what it could not learn.

A figure is asked for again after five minutes, and stands for an hour, as grids are told by the hour. After a failure
the service is left alone for 30 s, then twice as long each time, up to an hour, or as long as it asks for. All that is
kept in the user's cache folder, so that a hundred short programs ask once.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from hefted import host
from hefted.footprint.grid import UNIT
from hefted.footprint.live.source import GridSource
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.footprint.repricing import REACHES_BACK_SECONDS
from hefted.metering.reading import Gap
from hefted.quantities import Quantity

ASKED_EACH_SECONDS = 300.0
STANDS_SECONDS = 3600.0
_FIRST_WAIT_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 3600.0
_PATIENCE_SECONDS = 6.0
_UNTIL = " Until it answers, the table's yearly mean is used."


class State(NamedTuple):
    """What is known of a place's intensity; all times in seconds since 1970.

    Attributes:
        intensity: The last answer, if there is one.
        answered: When that was.
        again: When the service may be asked again.
        failures: How often it failed since.
        reason: Why it failed the last time; empty where it did not.
    """

    intensity: Quantity | None = None
    answered: float = 0.0
    again: float = 0.0
    failures: int = 0
    reason: str = ''


class Kept:
    """A state in a file of the user's own, whole or not there; without such a folder, nothing is kept.

    Args:
        folder: Where the files are.
        source: The service.
        place: The place.
    """

    def __init__(self, folder: Path, source: GridSource, place: Place):
        told = repr((type(source).__name__, source.address, place.code, place.latitude, place.longitude))
        self._file = folder / f'{sha256(told.encode()).hexdigest()[:32]}.json'

    def read(self) -> State:
        """What was written last; nothing known where nothing can be read."""
        try:
            if not host.is_private_folder(self._file.parent):
                return State()
            data = json.loads(self._file.read_text('utf-8'))
            intensity = data['intensity'] and Quantity.from_json(data['intensity']).to(UNIT)
            answered, again = float(data['answered']), float(data['again'])
            return State(intensity, answered, again, int(data['failures']), str(data['reason']))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return State()

    def write(self, state: State) -> None:
        """Write a state beside, then put it in its place; a folder that cannot be written keeps nothing."""
        beside = self._file.with_suffix(f'.{os.getpid()}-{threading.get_ident()}')
        data: dict[str, Any] = state._asdict() | {'intensity': state.intensity and state.intensity.to_json()}
        with suppress(OSError):
            self._file.parent.mkdir(0o700, parents=True, exist_ok=True)
            if host.is_private_folder(self._file.parent):
                beside.write_text(json.dumps(data), 'utf-8')
                beside.replace(self._file)


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name='hefted-grid', daemon=True).start()


class Watch:
    """The intensity at a place, as a service tells it; never raises and never waits.

    Args:
        source: The service.
        place: The place.
        kept: Where a state is kept.
        wall: Seconds since 1970.
        start: Starts what asks, elsewhere.

    Attributes:
        version: Rises when the intensity changes.
        intensity: What stands now; None where the table's does.
        cost_seconds: CPU time of its threads so far.
    """

    def __init__(
        self,
        source: GridSource,
        place: Place,
        kept: Kept,
        *,
        wall: Callable[[], float] = time.time,
        start: Callable[[Callable[[], None]], None] = _in_thread,
    ):
        self.version = 0
        self.intensity: Quantity | None = None
        self.cost_seconds = 0.0
        self._source, self._place, self._kept = source, place, kept
        self._wall, self._start = wall, start
        self._asking = threading.Lock()  # held by the one thread there is; nobody waits for it
        self._asked = 0.0
        self._gaps: list[Gap] = []
        self._without: float | None = host.monotonic()  # since when the table's figure is used
        self._take(kept.read())

    def look(self) -> None:
        """Ask again if it is time, and let go of what is too old."""
        now = self._wall()
        if self.intensity is not None and not self._stands(now):
            self._set(None)
        overdue = self._asking.locked() and now - self._asked > _PATIENCE_SECONDS
        if overdue and not self._state.reason:
            reason = f'{self._source.name} has not answered for {_PATIENCE_SECONDS:g} s.'
            self._state = self._state._replace(reason=reason)
        # A clock that was set back must not keep it from asking for ever.
        if not now < self._state.again <= now + 24 * _LONGEST_WAIT_SECONDS and self._asking.acquire(blocking=False):
            self._asked = now
            try:
                self._start(self._ask)
            except RuntimeError:  # the interpreter gives no more threads
                self._asking.release()

    def gaps(self, since: float) -> tuple[Gap, ...]:
        """The stretches for which the table's figure is used, that last until after an instant of CLOCK_MONOTONIC."""
        past = [gap for gap in self._gaps if gap.end is None or gap.end > since]
        if self._without is None:
            return tuple(past)
        reason = self._state.reason or f'{self._source.name} has not answered yet.'
        return (*past, Gap('grid', reason + _UNTIL, self._without))

    def _take(self, state: State) -> None:
        self._state = state
        if state.intensity is not None and self._stands(self._wall()):
            self._set(state.intensity)

    def _stands(self, now: float) -> bool:
        return 0 <= now - self._state.answered < STANDS_SECONDS

    def _ask(self) -> None:
        begun = time.thread_time()
        try:
            before, self._state = self._state.reason, self._answer()
            if self._state.failures == 0 and self._state.intensity != self.intensity:
                self._set(self._state.intensity, before)
        finally:
            self.cost_seconds += time.thread_time() - begun
            self._asking.release()

    def _answer(self) -> State:
        try:
            intensity = self._source.now(self._place)
        except Unanswered as error:
            state = self._failed(error.reason, error.wait)
            if error.refused:  # a key that is mended must count at once, in the next process
                return state
        except Exception as error:  # what no source's author thought of must not end in a training's output
            state = self._failed(f'{self._source.name} could not be asked: {type(error).__name__}.', None)
        else:
            now = self._wall()
            state = State(intensity, now, now + ASKED_EACH_SECONDS)
        self._kept.write(state)
        return state

    def _failed(self, reason: str, wait: float | None) -> State:
        failures = self._state.failures + 1
        backed_off = min(_FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 20), _LONGEST_WAIT_SECONDS)
        again = self._wall() + max(backed_off, wait or 0.0)
        return self._state._replace(again=again, failures=failures, reason=reason)

    def _set(self, intensity: Quantity | None, reason: str = '') -> None:
        now = host.monotonic()
        if intensity is None:
            self._without = now
        elif self._without is not None:
            # An answer reaches back over its hour (see `Repricing`): what is left of a gap is what is longer.
            if now - self._without > REACHES_BACK_SECONDS:
                reason = reason or f'{self._source.name} had not answered.'
                self._gaps.append(Gap('grid', f"{reason} The table's yearly mean is used.", self._without, now))
            self._without = None
        self.intensity = intensity
        self.version += 1
