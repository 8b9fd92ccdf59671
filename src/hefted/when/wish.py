"""`When`: what hours a training shall run in, and by when it must be done."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import Any

from hefted.errors import ArgumentError, did_you_mean

PLAIN_HOURS = 24.0  # a wish that says no deadline is one within a day
_NUMBER = r'(-?[0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?)'
_GRID = rf'grid *(?:<=?|below|under) *{_NUMBER} *(k?g)?((?: *co2e?)?(?: */ *kwh)?)'
_WITHIN = rf'{_NUMBER} *([a-z]*)'
_HOURS = re.compile(r'(\d+) *h(?:rs?|ours?)? *(?:and )?(\d+) *(?:m(?:ins?|inutes?)?)?')  # 1h30, as budgets have it
_BY = r'(\d{1,2}):(\d{2})'
_SECONDS = {
    **dict.fromkeys(('s', 'sec', 'secs', 'second', 'seconds'), 1.0),
    **dict.fromkeys(('m', 'min', 'mins', 'minute', 'minutes'), 60.0),
    **dict.fromkeys(('h', 'hr', 'hrs', 'hour', 'hours'), 3600.0),
    **dict.fromkeys(('d', 'day', 'days'), 86400.0),
}
_FORMS = "Write 'cleanest' or 'grid < 200 g', and behind it 'within 8 h' or 'by 06:00' if it has a deadline."


@dataclass(frozen=True, init=False)
class When:
    """What hours a training shall run in.

    Args:
        wish: 'cleanest': the hours that make the least carbon; or 'grid < 200 g': those in which a kWh makes less than
            so many grams CO2e ('below' and 'under' mean the same). 'within 8 h' or 'by 06:00' may stand behind it.
        within: The deadline, from when `fit` is called: '8 h', '90 min', '2 d'. Without any, a day.
        by: The deadline as a time of day, such as '06:00': the next one of this place's clock.

    Attributes:
        below: Grams CO2e/kWh that the grid shall be below; None for the cleanest hours.
        seconds: The deadline in seconds; None where it is a time of day.
        minute: The deadline in minutes after midnight; None where it is a stretch.

    The training is done by the deadline if its forecast is right: it waits no longer than leaves the high end of its
    duration's 90 % interval.

    Raises:
        ArgumentError: If it cannot be read, or there are two deadlines.

    Example:
        >>> When('grid < 200 g within 8 h')
        When('grid < 200 g within 8 h')
        >>> When('cleanest', within='90 min') == When('cleanest within 1.5 h')
        True
    """

    below: float | None
    seconds: float | None
    minute: int | None

    def __init__(self, wish: str, *, within: str | None = None, by: str | None = None) -> None:
        if not isinstance(wish, str):
            raise ArgumentError(f'when: expected a wish in words, received {wish!r}. {_FORMS}')
        words = ' '.join(wish.lower().split())
        words, _, also_by = words.partition(' by ')
        words, _, also_within = words.partition(' within ')
        deadlines = [(kind, said) for kind, said in (
            ('within', within), ('within', also_within), ('by', by), ('by', also_by),
        ) if said]  # fmt: skip
        if len(deadlines) > 1:
            raise ArgumentError(f'when: expected one deadline, received {" and ".join(said for _, said in deadlines)}.')
        kind, said = deadlines[0] if deadlines else ('within', f'{PLAIN_HOURS:g} h')
        object.__setattr__(self, 'below', _below(words, wish))
        object.__setattr__(self, 'seconds', _stretch(said) if kind == 'within' else None)
        object.__setattr__(self, 'minute', _time_of_day(said) if kind == 'by' else None)

    @classmethod
    def of(cls, value: Any) -> When | None:
        """Read what `fit` was told; None stays None.

        Raises:
            ArgumentError: If it cannot be read.

        Example:
            >>> When.of('cleanest').seconds
            86400.0
        """
        return value if value is None or isinstance(value, When) else cls(value)

    def deadline(self, now: float) -> float:
        """When the training must be done, in seconds since 1970.

        Args:
            now: Seconds since 1970.
        """
        if self.minute is None:
            return now + (self.seconds or 0.0)
        today = time.localtime(now)
        for day in (0, 1):
            found = time.mktime((
                today.tm_year, today.tm_mon, today.tm_mday + day, self.minute // 60, self.minute % 60, 0, 0, 0, -1,
            ))  # fmt: skip
            if found > now:
                return found
        return now + 86400.0

    def __str__(self) -> str:
        wish = 'cleanest' if self.below is None else f'grid < {self.below:g} g'
        if self.minute is not None:
            return f'{wish} by {self.minute // 60:02}:{self.minute % 60:02}'
        return f'{wish} within {(self.seconds or 0.0) / 3600:.6g} h'

    def __repr__(self) -> str:
        return f'When({str(self)!r})'


def _below(words: str, wish: str) -> float | None:
    if words == 'cleanest':
        return None
    found = re.fullmatch(_GRID, words)
    if found is None:
        hint = did_you_mean(words.partition(' ')[0], ['cleanest', 'grid']) if not words.startswith('grid') else None
        raise ArgumentError(
            f'when: expected hours to wait for, received {wish!r}. {f"{hint} " if hint else ""}{_FORMS}'
        )
    if not found[2]:
        raise ArgumentError(
            f"when: expected grams per kWh, received {wish!r}, which has no unit. Write 'grid < {found[1]} g'."
        )
    grams = float(found[1]) * (1000.0 if found[2] == 'kg' else 1.0)
    if not 0 < grams < math.inf:
        raise ArgumentError(f'when: expected grams per kWh above 0, received {wish!r}. No grid is below that.')
    return grams


def _stretch(said: Any) -> float:
    words = ' '.join(said.lower().split()) if isinstance(said, str) else ''
    if both := _HOURS.fullmatch(words):
        words = f'{60 * int(both[1]) + int(both[2])} min'
    found = re.fullmatch(_WITHIN, words)
    if found is None or found[2] not in _SECONDS:
        hint = did_you_mean(found[2], _SECONDS) if found is not None and found[2] else None
        raise ArgumentError(
            f"within: expected a stretch of time such as '8 h', '90 min' or '2 d', received {said!r}. "
            + (hint or 'Write a number and its unit.')
        )
    seconds = float(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds < math.inf:
        raise ArgumentError(
            f'within: expected a stretch of time above 0, received {said!r}. Leave `when` out to start at once.'
        )
    return seconds


def _time_of_day(said: Any) -> int:
    found = re.fullmatch(_BY, said.strip()) if isinstance(said, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ArgumentError(
            f"by: expected a time of day such as '06:00' by this machine's clock ({time.strftime('%Z')}), received "
            f'{said!r}. Write hours from 00 to 23 and minutes.'
        )
    return int(found[1]) * 60 + int(found[2])
