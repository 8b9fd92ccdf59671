"""`fit` and `evaluate`: data in, a run opened, a program compiled, the loop, a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted import runs
from hefted.callbacks.callback import CallbackList
from hefted.callbacks.history import History
from hefted.distribution import lead
from hefted.models import checks, inputs, reporting
from hefted.models.ending import ended_well
from hefted.models.foreseeing import foresee, listening, tried_step
from hefted.models.governing import governor_of, limits_for, wish_of, within
from hefted.models.inputs import Arguments
from hefted.models.loops import judge_of
from hefted.models.preparing import made_ready
from hefted.models.steps import binding_of, program_of
from hefted.random import make_run_seed
from hefted.train import loop
from hefted.train.backups import keepers_of
from hefted.train.binding import Binding
from hefted.train.checkpoint import Place
from hefted.train.governor import Governors
from hefted.train.pace import Pace
from hefted.train.progress import progress_for

if TYPE_CHECKING:
    from hefted.models.model import Model
    from hefted.train.resuming import Resuming


def fit(
    self: Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Any = 'auto',
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
    *,
    place: Any = None,
    meter: Any = 'auto',
    budget: Any = None,
    resume: Any = False,
    when: Any = None,
) -> History:
    """Train for a number of epochs, metered.

    Args:
        x: Inputs (rows, …), or a nested structure of such: NumPy, JAX, torch, frames, lists. Or what gives batches
            (x, y) or (x, y, sample_weight): a generator, a `PyDataset`, a torch DataLoader, a tf.data.Dataset, a Grain
            dataset; then without `y` and `sample_weight`.
        y: Targets (rows, …).
        batch_size: Rows a step; 32 if None, or what makes one pass of `steps_per_epoch`.
        epochs: The number of the last epoch.
        verbose: 0 shows nothing; 1 a live line; 2 a line an epoch; 'auto' is 1 on a terminal, else 2. A receipt follows
            unless 0.
        callbacks: One or several.
        validation_split: The last share of the rows, kept out of training and evaluated after each epoch.
        validation_data: (x, y), (x, y, sample_weight), or what gives batches; evaluated after each epoch.
        shuffle: Whether each epoch takes the rows, or a `PyDataset`'s batches, in an order of its own.
        class_weight: Weight by class, for targets that are classes.
        sample_weight: (rows,) weights of the loss.
        initial_epoch: The number of the first epoch.
        steps_per_epoch: Steps an epoch; all rows once, or as many batches as come, if None. Validation every so many
            batches: the next epoch goes on with the rows that this one left.
        validation_steps: Batches of each evaluation; all if None.
        validation_batch_size: Rows a step of evaluation; `batch_size` if None.
        validation_freq: Evaluate every so many epochs, or in the epochs listed (from 1).
        place: Where this runs, such as 'FR' or 'aws:us-west-2'; what is set elsewhere if None.
        meter: 'auto', or None for no metering.
        budget: The most that the training may spend, from the process's start to the receipt: '5 Wh', '20 g CO2e',
            '$3', '10 min', '1 L', several of them in a list, or a `hefted.Budget`. One that cannot be kept raises
            before the first step; else the training stops inside it, and `history.stopped_by` says so.
        resume: True to keep checkpoints, for at most 1 % of the time, and to go on from the last one when the program
            is run again after it was killed, stopped or failed; or a folder for them, this training's alone. Another
            model, other data or another seed than the checkpoint's is an error that names what differs.
        when: 'cleanest' or 'grid < 200 g', with 'within 8 h' behind it (a day, if nothing is said): wait, and pause,
            for cleaner electricity, by the forecast of a service (HEFTED_GRID) or a file (HEFTED_GRID_TRACE).

    Returns:
        `History`: metrics by epoch, `.forecast`, `.footprint` and `.receipt()`.

    Raises:
        NotCompiledError: `compile` was not called.
        ShapeError: Rows or shapes do not agree.
        DataError: No rows, or labels outside the loss's range.
        ArgumentError: Any other argument that is wrong.
        ArchiveError: All checkpoints to go on from are damaged.
    """
    self.require_compiled('fit')
    self.warn_of_switches()
    epochs = checks.of_fit(epochs, initial_epoch, steps_per_epoch, validation_steps)
    when = wish_of(when)
    limits = limits_for(budget)
    resumed = _resuming(resume, self.name)
    run = _started(self, resumed, place, meter)
    verbose = verbose if lead.first() else 0  # of several processes one alone shows it
    params: dict[str, Any] = {'verbose': verbose, 'epochs': epochs}
    with ended_well(run, self, verbose, resumed) as ended, ExitStack() as opened:
        if lead.watch() is not None:
            from hefted.models import agreeing

            agreeing.meet(
                inputs.call_on('fit', x, validation_data, validation_split),
                callbacks,
                limits,
                when,
                epochs=epochs,
                initial_epoch=initial_epoch,
                batch_size=batch_size,
                steps_per_epoch=steps_per_epoch,
                validation_freq=validation_freq,
                resume=resumed is not None,
            )
        limits = within(limits, run)
        validation_size = validation_batch_size or batch_size
        ready = made_ready(
            self,
            run,
            opened,
            Arguments(x, y, sample_weight, class_weight, batch_size, steps_per_epoch, shuffle),
            inputs.validation_of(validation_data, validation_size, validation_steps),
            validation_split,
            validation_size,
            validation_steps,
            lambda steps: CallbackList(callbacks, add_history=True, model=self.face, **params, steps=steps),
        )
        listeners, source, binding, first = ready.listeners, ready.source, ready.binding, ready.loop
        params['steps'] = ready.steps
        history = listeners.find(History)
        if resumed is not None:
            from hefted.models.identity import identity_of_all  # late: few resume

            identity = identity_of_all(
                self, binding, source, ready.held, initial_epoch=initial_epoch, steps_per_epoch=ready.steps_per_epoch
            )
            _take_up(resumed, identity, binding, params, run)
        keepers = [*keepers_of(listeners), *([] if resumed is None else [resumed])]
        known = self._compiled.setdefault(('foreseen', ready.size), {})
        places = [place for keeper in keepers if (place := keeper.place()) is not None]
        begins = places[0] if places else Place(initial_epoch)
        if places and resumed is None:
            run.tell(resumed={'step': begins.done})
        prepared = ready.ahead(begins, epochs, validation_freq, known, keepers)
        # Who wants no meter is shown no price either, unless what was asked for rests on it.
        history.forecast = forecast = foresee(prepared, run) if run.id or limits or when else None
        pace = self._compiled.setdefault(('pace', ready.size), Pace())
        if (step := tried_step(prepared)) is not None:
            pace.begin(step)
        listener = listening(prepared, forecast, run)
        ended.progress = progress_for(0 if listeners.shows_progress else verbose, epochs, ready.steps)
        ended.progress.foreseen(forecast, getattr(listener, 'outlook', None), wanted=bool(run.id))
        governor = governor_of(
            run,
            forecast,
            budget=limits,
            when=when,
            place=place,
            prepared=prepared,
            pace=pace,
            keeps=bool(keepers),
            verbose=verbose,
        )
        ended.governor = Governors([governor, listener])
        run.enter('train')
        self.stop_training = False
        ended.history = history
        loop.fit(
            loop.Job(
                train=first,
                others=ready.trainer,
                source=source,
                binding=binding,
                state=binding.take(own=first.donates, large=first.large),
                callbacks=listeners,
                progress=ended.progress,
                run=run,
                epochs=epochs,
                key=np.array([make_run_seed(), 0], np.uint32),
                initial_epoch=initial_epoch,
                steps_per_epoch=ready.steps_per_epoch,
                validate=ready.judged and ready.judged.logs,
                validates=checks.validates(validation_freq),
                stopped=lambda: bool(self.stop_training),
                finalize=lambda: self.optimizer.finalize_variable_values(self.trainable_variables) if epochs else None,
                pace=pace,
                keepers=keepers,
                governor=ended.governor,
            )
        )
        ended.trained(limits)
    return history


def _resuming(resume: Any, name: str) -> Resuming | None:
    if resume is False or resume is None:
        return None
    from hefted.train.resuming import resuming

    return resuming(resume, name)


def _started(model: Model, resumed: Resuming | None, place: Any, meter: Any) -> Any:
    """The run of a training, or of another attempt at it."""
    attempt, first = (1, None) if resumed is None else (resumed.attempt, resumed.first)
    return runs.start('fit', name=model.name, place=place, meter=meter, attempt=attempt, resumes=first)


def _take_up(resumed: Resuming, identity: dict[str, Any], binding: Binding, params: dict[str, Any], run: Any) -> None:
    """Look for what to go on from; what is said of it is said."""
    nbytes = sum(array.nbytes for array in jax.tree.leaves(binding.held()))
    if resumed.take_up(identity, params['epochs'], params['steps'], nbytes) is None:
        return
    run.tell(**resumed.to_json())
    if params['verbose'] not in (0, False) and (told := resumed.told()):
        reporting.say(told)


def evaluate(
    self: Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: Any = 'auto',
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
    *,
    place: Any = None,
    meter: Any = 'auto',
) -> Any:
    """The loss and metrics over a set of rows.

    Args:
        x: Inputs (rows, …).
        y: Targets (rows, …).
        batch_size: Rows a step; 32 if None.
        verbose: 0 shows nothing.
        sample_weight: (rows,) weights of the loss.
        steps: How many batches; all if None.
        callbacks: One or several.
        return_dict: Whether to return a dict by name instead of a list.
        place: Where this runs.
        meter: 'auto', or None for no metering.

    Returns:
        The loss, or [loss, metrics…] in the order of `metrics_names`, or a dict of floats.
    """
    self.require_compiled('evaluate')
    checks.steps('steps', steps)
    run = runs.start('evaluate', name=self.name, place=place, meter=meter)
    status, error = 'finished', None
    opened = ExitStack()
    opened.enter_context(lead.training())
    verbose = verbose if lead.first() else 0
    try:
        if lead.watch() is not None:
            lead.meet(inputs.call_on('evaluate', x))
        run.enter('input')
        arguments = Arguments(x, y, sample_weight, batch_size=batch_size, steps=steps)
        source = inputs.given(self, arguments, 'evaluate', warns=True).source
        opened.callback(source.close)
        steps = checks.limited_steps(steps, source.steps)
        listeners = CallbackList(callbacks, model=self, verbose=verbose, epochs=1, steps=steps or source.steps)
        binding = binding_of(self)
        if lead.watch() is not None:
            from hefted.models import comparing

            comparing.evaluation(self, binding, source, steps or source.steps)
        binding.place(source.layout.placing)
        run.enter('compile')
        judge = judge_of(self, program_of(self, binding), binding, source, listeners, steps)
        run.enter('validate')
        progress = progress_for(0 if listeners.shows_progress else verbose, None, steps or source.steps)
        progress.epoch_begin(0)
        logs = judge.logs()
        if lead.watch() is not None:
            from hefted.models import comparing

            comparing.ends('evaluate')
        progress.epoch_end(0, logs, None)
    except BaseException as caught:
        status, error = ('failed' if isinstance(caught, Exception) else 'stopped'), caught
        raise
    finally:
        opened.close()
        run.end(status, error)
    if return_dict:
        return logs
    return self.results_in_order(logs)
