"""Runs with forecasts, kept by the real `Run` with a clock that a test moves."""

from __future__ import annotations

from typing import Any

from hefted import runs
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place
from hefted.forecast.forecast import Forecast, How
from hefted.forecast.plan import Plan
from hefted.metering import Meter
from hefted.quantities import Basis, Error, Quantity, Source

TRIED = Source('tried', 'Steps that were tried')


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Watts:
    """Ten watts by a clock that the test moves."""

    name = 'ten-watts'
    component = 'gpu'
    counts_always = False

    def __init__(self, basis: Basis = 'measured'):
        self.accuracy = Quantity(1.0, '1', basis, (Error('meter', -0.1, 0.1),), (Source('meter', 'A meter', 2020),))

    def read(self, instant: Any) -> float:
        return 10.0 * instant.monotonic


def forecast(seconds: float, how: How = 'pilot', phases: tuple[str, ...] = ('train',), **more: Any) -> Forecast:
    """So many seconds, 20 % less or 30 % more, at 10 W."""
    duration = Quantity.between(seconds, 0.8 * seconds, 1.3 * seconds, 's', source=TRIED)
    energy = duration * Quantity(10.0, 'W', 'modelled')
    shares = {phase: PhaseShare(None, seconds / len(phases)) for phase in phases}
    footprint = Footprint(energy, None, duration, Place.of('FR'), phases=shares)
    return Forecast(Plan(steps=8), footprint, how=how, **more)


def fit(
    foreseen: Forecast | None,
    *,
    train: float = 8.0,
    validate: float = 1.0,
    checkpoint: float = 1.0,
    status: runs.Status | None = 'finished',
    basis: Basis = 'measured',
    name: str = 'model',
    later: dict[str, Any] | None = None,
    resumes: str | None = None,
) -> runs.Run:
    """A fit of so many seconds by phase, after 5 s that no forecast is of; one without a status goes on."""
    clock = Clock()
    meter = Meter([Watts(basis)], clock=clock, boot=lambda: None)
    run = runs.start('fit', name=name, meter=meter, attempt=1 if resumes is None else 2, resumes=resumes)
    assert isinstance(run, runs.Run)
    run.enter('input')
    clock.now += 2
    run.enter('compile')
    clock.now += 3
    if foreseen is not None:
        run.tell(plan=foreseen.plan.to_json(), forecast=foreseen.to_json())
    for phase, seconds in (('train', train), ('validate', validate), ('checkpoint', checkpoint), ('wait', 60.0)):
        run.enter(phase)
        clock.now += seconds
    run.enter('train')
    run.tick(8)
    if later is not None:
        run.tell(forecast_at=later)
    if status is not None:
        run.finish(status)
    return run
