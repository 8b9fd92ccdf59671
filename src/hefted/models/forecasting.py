"""`Model.forecast`: what a fit would take, before it is begun."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from hefted import runs
from hefted.callbacks.callback import CallbackList
from hefted.data.feeds import feed_of
from hefted.distribution import lead
from hefted.errors import ArgumentError
from hefted.models import checks, inputs
from hefted.models.foreseeing import foresee, known_of, planned
from hefted.models.inputs import Arguments
from hefted.models.preparing import Prepared, made_ready
from hefted.random import undrawn_run_seeds
from hefted.train.backups import keepers_of
from hefted.train.checkpoint import Place

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast
    from hefted.models.model import Model


def forecast(
    self: Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_split: float = 0.0,
    validation_data: Any = None,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
    callbacks: Any = None,
    *,
    on: str | None = None,
    place: Any = None,
) -> Forecast:
    """Tell what `fit` would take with the same arguments: duration, energy, CO2e, water, minerals, money.

    It compiles what the fit will run, which then need not, and tries a few steps on copies. Nothing is trained, and
    no weight, no draw and no metric changes; a model that is not built yet is built, as `fit` would build it.

    Args:
        x: As for `fit`; anything but a generator, whose first batch it would take.
        y: As for `fit`, as are all that follow but the last two.
        batch_size: Rows a step.
        epochs: The number of the last epoch.
        validation_split: The last share of the rows, evaluated after each epoch.
        validation_data: What is evaluated after each epoch.
        class_weight: Weight by class.
        sample_weight: (rows,) weights of the loss.
        initial_epoch: The number of the first epoch.
        steps_per_epoch: Steps an epoch.
        validation_steps: Batches of each evaluation.
        validation_batch_size: Rows a step of evaluation.
        validation_freq: Evaluate every so many epochs.
        callbacks: Those that `fit` will get: one that is called at each step makes each a dispatch. None is called.
        on: Other machines, such as '8 x H200': nothing is tried, and a catalogue tells how fast they are.
        place: Where it would run; what is set elsewhere if None.

    Returns:
        The forecast; printed it is a short block.

    Raises:
        NotCompiledError: `compile` was not called.
        ArgumentError: A generator, a training of which nobody knows the end, or any other argument that is wrong.
        UnknownNameError: Machines that no catalogue knows.

    Example:
        >>> from hefted import Sequential
        >>> from hefted.layers import Dense
        >>> model = Sequential([Dense(1, input_dim=3)])
        >>> model.compile('sgd', 'mse')
        >>> told = model.forecast(np.ones((64, 3)), np.ones((64, 1)), epochs=5)
        >>> told.plan.steps, told.how, told.duration.value > 0
        (10, 'pilot', True)
    """
    self.require_compiled('forecast')
    checks.epochs(epochs, initial_epoch)
    if epochs <= initial_epoch:
        raise ArgumentError(
            f'Expected epochs to be above initial_epoch={initial_epoch}, received {epochs}: no epoch would be trained.'
        )
    for data in (x, validation_data):
        _refuse_what_passes(data)
    run = runs.start('forecast', name=self.name, place=place)
    status, error, builds = 'finished', None, self.builds_from_data()
    try:
        with undrawn_run_seeds(), ExitStack() as opened:
            opened.enter_context(lead.training())
            if lead.watch() is not None:
                lead.meet(inputs.call_on('forecast', x, validation_data, validation_split))
            validation_size = validation_batch_size or batch_size
            ready = made_ready(
                self,
                run,
                opened,
                Arguments(x, y, sample_weight, class_weight, batch_size, steps_per_epoch),
                inputs.validation_of(validation_data, validation_size, validation_steps),
                validation_split,
                validation_size,
                validation_steps,
                lambda _: CallbackList(callbacks, add_history=True),
            )
            known = self._compiled.setdefault(('foreseen', ready.size), {})
            keepers = keepers_of(ready.listeners)
            prepared = ready.ahead(Place(initial_epoch), epochs, validation_freq, known, keepers)
            return _told(prepared, run, on, place)
    except BaseException as caught:
        status, error = ('failed' if isinstance(caught, Exception) else 'stopped'), caught
        raise
    finally:
        if builds and not self.builds_from_data():
            self.__dict__[inputs.LOOK_OWED] = True
        run.end(status, error)


def _told(prepared: Prepared, run: Any, on: str | None, place: Any) -> Forecast:
    if on is not None:
        from hefted.forecast.analytic import forecast_for

        return forecast_for(planned(known_of(prepared), prepared), on, place)
    found = foresee(prepared, run, asked=True)
    if found is None:
        raise ArgumentError(
            'Expected a compiled training of which the number of steps is known, received one that nobody can count. '
            'Pass steps_per_epoch (and validation_steps), and leave run_eagerly out.'
        )
    return found


def _refuse_what_passes(data: Any) -> None:
    feed = None if data is None else feed_of(data)
    if feed is not None and not feed.restarts:
        raise ArgumentError(
            f'Expected data that can be gone through again, received a {feed.kind}: a forecast would take its first '
            'batch from the training. Pass arrays, a dataset or a PyDataset of the same shapes.'
        )
