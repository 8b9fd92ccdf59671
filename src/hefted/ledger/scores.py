"""How good forecasts have been: what was foreseen beside what it took, run by run.

A run's journal holds its forecast, told once it was compiled and before its first step. It is of all that was ahead: so
it stands beside what the run's phases 'train', 'validate' and 'checkpoint' took by the account in the journal's last
line, which is exact, where a reading near the forecast's line would be so to a second. (With 'compile', if that is one
of the phases that it foresaw.) What a run was held for ('wait') is nobody's to foresee.

Only finished runs are scored. What a budget, a callback or a person stopped, or an error, did less than was foreseen;
so did an attempt that went on with what an earlier one had done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from hefted.ledger.lines import LONGEST_LINE, Line, decode
from hefted.ledger.record import factor_of, machine_key
from hefted.quantities import Quantity

FORESEEN = ('train', 'validate', 'checkpoint')
_HEAD = 2**20  # bytes in which a forecast is looked for: it comes before the first step


class Outcome(NamedTuple):
    """One figure, foreseen and actual, in one unit.

    Attributes:
        foreseen: The forecast's central figure.
        low: The low end of its 90 % interval.
        high: The high end.
        actual: What it was.
        unit: 's' or 'J'.

    Example:
        >>> told = Outcome(10.0, 8.0, 13.0, 12.5, 's')
        >>> told.ratio, told.inside, round(told.error, 2)
        (1.25, True, 0.25)
    """

    foreseen: float
    low: float
    high: float
    actual: float
    unit: str

    @property
    def ratio(self) -> float:
        """Actual over foreseen."""
        return self.actual / self.foreseen

    @property
    def inside(self) -> bool:
        """Whether the interval held."""
        return self.low <= self.actual <= self.high

    @property
    def error(self) -> float:
        """By what part it was off: 1.0 for twice what was foreseen, and for half of it."""
        return max(self.ratio, 1 / self.ratio) - 1

    @property
    def width(self) -> float:
        """The interval's high end over its low end."""
        return self.high / self.low if self.low > 0 else math.inf


class Score(NamedTuple):
    """A run that had a forecast.

    Attributes:
        run: Its id.
        kind: Such as 'fit'.
        name: What it is called.
        status: As the ledger tells it; only what is 'finished' has outcomes.
        how: What the forecast rested on: 'pilot', 'known', 'roofline' or 'catalogue'.
        machine: The machine's processor and threads.
        duration: In s; None where it is not scored.
        energy: In J of the machine; None where either is not known.
        measured: Whether counters read most of that energy. Where one model stands on both sides, a forecast of energy
            is as good as that of the duration, and nothing is proved of the model.
        factor: What the forecast had been multiplied by, after earlier ones.
        later: The duration again, as it was foreseen once a twentieth of the steps were done; None where that was not
            told.
    """

    run: str
    kind: str
    name: str
    status: str
    how: str
    machine: str
    duration: Outcome | None = None
    energy: Outcome | None = None
    measured: bool = False
    factor: float = 1.0
    later: Outcome | None = None

    @property
    def bare_ratio(self) -> float | None:
        """Actual duration over what was foreseen before earlier forecasts set it right."""
        return self.duration and self.duration.ratio * self.factor


class Summary(NamedTuple):
    """How good several forecasts of one kind were.

    Attributes:
        runs: How many.
        median_error: By what part the middle one was off, such as 0.04.
        worst_error: And the worst.
        inside: The share of those whose interval held; 0.9 is what they promise.
        width: The middle interval's high end over its low end.
    """

    runs: int
    median_error: float
    worst_error: float
    inside: float
    width: float


class Scores(NamedTuple):
    """All runs that had a forecast, newest first.

    Attributes:
        scored: Those that finished.
        apart: Those that did not.
    """

    scored: tuple[Score, ...]
    apart: tuple[Score, ...]

    def by_how(self) -> dict[str, Summary]:
        """How good their durations were, by what they rested on, the most frequent first."""
        return _by_how(self.scored, lambda score: score.duration)

    def later_by_how(self) -> dict[str, Summary]:
        """How good they were once a twentieth of the steps were done."""
        return _by_how(self.scored, lambda score: score.later)

    def energy_by_how(self) -> dict[str, Summary]:
        """And their energy, of the runs in which a counter read it."""
        return _by_how(self.scored, lambda score: score.energy if score.measured else None)


def _by_how(scores: Iterable[Score], figure: Callable[[Score], Outcome | None]) -> dict[str, Summary]:
    found: dict[str, list[Outcome]] = {}
    for score in scores:
        if (outcome := figure(score)) is not None:
            found.setdefault(score.how, []).append(outcome)
    return {how: summary(found[how]) for how in sorted(found, key=lambda how: -len(found[how]))}


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """How good some forecasts were; at least one.

    Example:
        >>> summary([Outcome(10, 8, 13, 11, 's'), Outcome(10, 8, 13, 20, 's')]).inside
        0.5
    """
    from statistics import median  # late: 5 ms, for a table

    errors = [outcome.error for outcome in outcomes]
    return Summary(
        len(outcomes),
        median(errors),
        max(errors),
        sum(outcome.inside for outcome in outcomes) / len(outcomes),
        median(outcome.width for outcome in outcomes),
    )


def score(run: str, path: Path, ending: Callable[[Path], tuple[str, Line | None]]) -> Score | None:
    """Score a run by its journal, of which the first lines and the last are read.

    Args:
        run: Its id.
        path: Its journal.
        ending: Tells a journal's status and its last line, None while there is none.

    Returns:
        Its score; None where there is no forecast, or none that can be read.
    """
    with path.open('rb') as file:
        header, told = _header_and_forecast(file)
        later = _later(file) if told else None
    if told is None:
        return None
    try:
        return _scored(run, header, told, later, *ending(path))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):  # another version's, or damaged
        return None


def _header_and_forecast(file: BinaryIO) -> tuple[Line, Line | None]:
    header: Line = {}
    for raw in iter(partial(file.readline, LONGEST_LINE), b''):
        line = decode(raw) or {}
        if isinstance(line.get('forecast'), dict):
            return header, line['forecast']
        header = header or (line if 'schema' in line else {})
        if line.get('step') or file.tell() > _HEAD:  # it has begun
            break
    return header, None


def _later(file: BinaryIO) -> Line | None:
    """What the forecast had become a twentieth into the training, where the journal tells that near its start."""
    told = (decode(raw) or {} for raw in file.read(_HEAD).split(b'\n') if b'"forecast_at"' in raw)
    return next((line['forecast_at'] for line in told if isinstance(line.get('forecast_at'), dict)), None)


def _scored(run: str, header: Line, told: Line, later: Line | None, status: str, end: Line | None) -> Score:
    foreseen = told['footprint']
    duration = Quantity.from_json(foreseen['duration']).to('s')
    bare = Score(
        run,
        str(header.get('kind') or 'run'),
        str(header.get('name') or ''),
        status,
        str(told['how']),
        machine_key(header.get('machine') or {}),
        factor=factor_of(duration.sources),
    )
    if status != 'finished' or end is None:
        return bare
    of = counted(foreseen.get('phases', {}))
    phases = [share for name, share in end['footprint']['phases'].items() if name in of]
    seconds = sum(share['seconds'] for share in phases)
    return bare._replace(
        duration=_outcome(duration, seconds),
        later=later and _outcome_at(later, seconds),
        energy=_energy(foreseen.get('energy'), [share.get('energy') for share in phases]),
        measured=_measured(end['footprint'].get('components', {})),
    )


def counted(foreseen: Iterable[str]) -> tuple[str, ...]:
    """The phases of a run that stand beside its forecast.

    Args:
        foreseen: The forecast's own.
    """
    return (*FORESEEN, 'compile') if 'compile' in foreseen else FORESEEN


def _outcome(foreseen: Quantity, actual: float) -> Outcome | None:
    return _positive(Outcome(foreseen.value, foreseen.low, foreseen.high, actual, foreseen.unit))


def _outcome_at(told: Mapping[str, Any], actual: float) -> Outcome | None:
    """Of a training's seconds in all, with their interval, as they were foreseen on the way."""
    try:
        seconds, low, high = (float(told[name]) for name in ('seconds', 'low', 'high'))
    except (KeyError, TypeError, ValueError):  # another version's
        return None
    return _positive(Outcome(seconds, low, high, actual, 's'))


def _positive(outcome: Outcome) -> Outcome | None:
    """What can be scored: a ratio needs both to be positive."""
    sound = outcome.foreseen > 0 and 0 < outcome.actual < math.inf and math.isfinite(outcome.high - outcome.low)
    return outcome if sound else None


def _energy(foreseen: Mapping[str, Any] | None, actual: Sequence[Mapping[str, Any] | None]) -> Outcome | None:
    known = [Quantity.from_json(energy).to('J').value for energy in actual if energy is not None]
    return _outcome(Quantity.from_json(foreseen).to('J'), sum(known)) if foreseen and known else None


def _measured(components: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether most of the energy was read from counters."""
    by_basis = [(energy['basis'] == 'measured', energy['value']) for energy in components.values()]
    return 2 * sum(value for measured, value in by_basis if measured) > sum(value for _, value in by_basis)
