"""What a grid's intensity will be: slots of time, from a service or a file, and what keeps them fresh.

Nothing is asked that the user did not ask for: only a service that HEFTED_GRID names, or a file that HEFTED_GRID_TRACE
names (see `hefted.footprint.live.trace`).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from hefted.footprint.live.source import GridSource
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.quantities import Quantity

RENEWED_EACH_SECONDS = 300.0  # a forecast is asked for again at most so often
_REFUSED_SECONDS = 3600.0  # and so often where the key was refused


class Slot(NamedTuple):
    """A stretch of time in which one intensity holds.

    Attributes:
        start: Seconds since 1970.
        end: Seconds since 1970.
        intensity: 'g CO2e/kWh'.
    """

    start: float
    end: float
    intensity: Quantity


class GridForecast(Protocol):
    """Tells what the carbon intensity of electricity will be.

    Attributes:
        name: What it is called, in a sentence.
    """

    @property
    def name(self) -> str: ...

    def ahead(self, place: Place, hours: float) -> list[Slot]:
        """Ask for the present slot and those of the hours to come, in order, none over another.

        Raises:
            Unanswered: If it does not say, or does not know the place.
        """
        ...


class GridService(GridSource, GridForecast, Protocol):
    """A service that tells both: what is, and what will be."""


def slots(points: Sequence[tuple[float, Quantity]], last: float | None = None) -> list[Slot]:
    """Make slots of points: each holds until the next.

    Args:
        points: When each begins, in seconds since 1970, in order.
        last: For how long the last one holds, in seconds; as long as the one before it, or an hour, if None.

    Example:
        >>> point = Quantity(100, 'g CO2e/kWh')
        >>> [(slot.start, slot.end) for slot in slots([(0, point), (1800, point)])]
        [(0, 1800), (1800, 3600)]
    """
    if not points:
        return []
    starts = [start for start, _ in points]
    if last is None:
        last = starts[-1] - starts[-2] if len(starts) > 1 else 3600.0
    ends = [*starts[1:], starts[-1] + last]
    return [Slot(start, end, intensity) for (start, intensity), end in zip(points, ends, strict=True)]


def moment(text: object, name: str) -> float:
    """Read an instant (ISO 8601; UTC where it has no zone) as seconds since 1970.

    Raises:
        Unanswered: If it is none.

    Example:
        >>> moment('1970-01-01T01:00Z', 'The service')
        3600.0
    """
    try:
        when = datetime.fromisoformat(str(text))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Unanswered(f'{name} sent a forecast whose times cannot be read.') from None


def to_come(found: list[Slot], name: str, now: float) -> list[Slot]:
    """Check slots of a service, each after the one before, and leave out what is over.

    Raises:
        Unanswered: If they are not in order, or all are over.
    """
    edges = [edge for slot in found for edge in (slot.start, slot.end)]
    if any(slot.start == slot.end for slot in found) or edges != sorted(edges):
        raise Unanswered(f'{name} sent a forecast whose times do not follow one another.')
    if not (ahead := [slot for slot in found if slot.end > now]):
        raise Unanswered(f'{name} sent no forecast.')
    return ahead


class Outlook:
    """What is foreseen at a place, renewed now and then; what failed to come leaves what came before.

    Args:
        source: Tells it.
        place: The place.
        until: Up to when it matters, in seconds since 1970.
        clock: Seconds since 1970.

    Attributes:
        slots: The slots that are known, past ones of this outlook too.
        version: Rises with each answer.
        reason: Why the last answer did not come; empty where it came.
    """

    def __init__(self, source: GridForecast, place: Place, until: float, clock: Callable[[], float]) -> None:
        self.slots: list[Slot] = []
        self.version = 0
        self.reason = ''
        self._source, self._place, self._until, self._clock = source, place, until, clock
        self._again = -math.inf  # when it may be asked again
        self._asked = -math.inf
        self._asking = threading.Lock()

    @property
    def due(self) -> bool:
        """Whether it is time to ask again."""
        return not self._asked <= self._clock() < self._again

    def renew(self) -> None:
        """Ask now, and wait for the answer: some seconds at most."""
        with self._asking:
            self._ask()

    def renew_behind(self) -> None:
        """Ask in a thread of its own if it is time."""
        if self.due and self._asking.acquire(blocking=False):

            def ask() -> None:
                try:
                    self._ask()
                finally:
                    self._asking.release()

            try:
                threading.Thread(target=ask, name='hefted-outlook', daemon=True).start()
            except RuntimeError:  # the interpreter gives no more threads
                self._asking.release()

    def _ask(self) -> None:
        now = self._asked = self._clock()
        self._again = now + RENEWED_EACH_SECONDS
        try:
            found = self._source.ahead(self._place, max(self._until - now, 0.0) / 3600)
        except Unanswered as error:
            self.reason = error.reason
            self._again = now + max(error.wait or 0.0, _REFUSED_SECONDS if error.refused else RENEWED_EACH_SECONDS)
        except Exception as error:  # what no source's author thought of must not end a training
            self.reason = f'{self._source.name} could not be asked: {type(error).__name__}.'
        else:
            begins = found[0].start if found else now
            past = [slot._replace(end=min(slot.end, begins)) for slot in self.slots if slot.start < begins]
            self.slots, self.reason = past + found, ''
            self.version += 1
