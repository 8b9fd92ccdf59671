"""What comes before a training and before a forecast of one: data in, programs compiled, everything that both need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Layout, Source
from hefted.data.stream import StreamSource
from hefted.distribution import lead
from hefted.layers.tracking import unchanging
from hefted.models import checks, inputs
from hefted.models.inputs import Arguments
from hefted.models.kinds import Kind, kinds_of
from hefted.models.loops import Judge, Judged, judge_of, trainer_of
from hefted.models.steps import binding_of, program_of
from hefted.train.binding import Binding
from hefted.train.checkpoint import Keeper, Place
from hefted.train.program import Stretcher

if TYPE_CHECKING:
    from hefted.models.model import Model


_START = Place(0)


@dataclass(frozen=True)
class Prepared:
    """A training that is compiled and has not begun.

    Attributes:
        loop: Its compiled loop.
        source: Where its batches come from.
        binding: Its variables.
        epochs: How many it has.
        steps_per_epoch: Steps of one; None where nobody knows.
        judge_steps: Steps of one validation; 0 without any, None where nobody knows.
        validations: How many of them.
        kept: The model's own cache of what was found out about this program.
        others: Compiles the loop for batches of another layout.
        judge: How it is validated; None without.
        by_batch: Whether somebody stops at every step.
        by_epoch: Whether somebody may read the model at each epoch's end.
        keepers: Who keeps checkpoints.
        first: Where it begins; within an epoch, where it is resumed.
    """

    loop: Stretcher
    source: Source
    binding: Binding
    epochs: int
    steps_per_epoch: int | None
    judge_steps: int | None
    validations: int
    kept: dict[Any, Any]
    others: Callable[[Layout], Stretcher]
    judge: Judge | None = None
    by_batch: bool = False
    by_epoch: bool = False
    keepers: Sequence[Keeper] = ()
    first: Place = _START

    @cached_property
    def kinds(self) -> list[Kind]:
        """Of its batches; the loops of those that are not the first's are compiled with that."""
        return kinds_of(self.source, self.loop, self.others)

    @property
    def steps(self) -> int | None:
        """Steps that are ahead; None where nobody knows."""
        return None if self.steps_per_epoch is None else self.steps_per_epoch * self.epochs - self.first.step

    @property
    def checkpoints(self) -> int | None:
        """How many checkpoints are asked for; None where that follows from the duration."""
        counts = [keeper.count(self.steps or 0, self.epochs) for keeper in self.keepers]
        return None if None in counts else sum(count or 0 for count in counts)


@dataclass(frozen=True)
class Ready:
    """A model and its data, compiled.

    Attributes:
        source: What to train on.
        size: Rows a step.
        held: What to validate on; None without.
        binding: The variables.
        trainer: The compiled loop by the data's layout.
        loop: That of the source's.
        judged: How to evaluate; None without.
        listeners: The callbacks.
        steps: Of an epoch; None where nobody knows.
        steps_per_epoch: As asked for, no more than there are.
        validation_steps: The same of a validation.
    """

    source: Source
    size: int
    held: Source | None
    binding: Binding
    trainer: Callable[..., Stretcher]
    loop: Stretcher
    judged: Judged | None
    listeners: CallbackList
    steps: int | None
    steps_per_epoch: int | None
    validation_steps: int | None

    def ahead(
        self,
        first: Place,
        epochs: int,
        validation_freq: Any,
        kept: dict[Any, Any],
        keepers: Sequence[Keeper] = (),
    ) -> Prepared:
        """What is ahead of it.

        Args:
            first: Where it begins, or goes on.
            epochs: The number of the last epoch, plus one.
            validation_freq: As for `fit`.
            kept: The model's own cache of what was found out about this program.
            keepers: Who keeps checkpoints.
        """
        listeners = self.listeners
        validated = map(checks.validates(validation_freq), range(first.epoch, epochs)) if self.held else ()
        return Prepared(
            self.loop,
            self.source,
            self.binding,
            max(epochs - first.epoch, 0),
            self.steps,
            (self.validation_steps or self.held.steps) if self.held else 0,
            sum(validated),
            kept,
            partial(self.trainer, ahead=True),
            self.judged and self.judged.how,
            lead.decide(listeners.stops_at_batches(), 'whether to stop at batches'),
            lead.decide(any(map(listeners.hook_reads_state, ('on_epoch_begin', 'on_epoch_end'))), 'what hooks read'),
            keepers,
            first,
        )


def made_ready(
    model: Model,
    run: Any,
    opened: ExitStack,
    train: Arguments,
    validation: Arguments | None,
    share: float,
    validation_size: int | None,
    validation_steps: int | None,
    listening: Callable[[int | None], CallbackList],
) -> Ready:
    """Take the data in and compile what will run over it.

    Args:
        model: A compiled one.
        run: Told of its phases.
        opened: Closes the data.
        train: What to train on.
        validation: What to validate on, if anything.
        share: Of the rows to train on, to validate on instead.
        validation_size: Rows a step of these.
        validation_steps: Steps of a validation; all if None.
        listening: The callbacks, by the steps of an epoch.
    """
    run.enter('input')
    mine, held_out = inputs.for_fit(model, train, validation, share, validation_size)
    source = opened.enter_context(closing(mine.source))
    held = held_out and opened.enter_context(closing(held_out.source))
    steps_per_epoch = checks.limited_steps(train.steps, source.steps)
    validation_steps = checks.limited_steps(validation_steps, held.steps) if held else None
    steps = steps_per_epoch or source.steps
    listeners = listening(steps)
    by_batch = lead.decide(listeners.stops_at_batches(), 'whether to stop at batches')
    if by_batch and isinstance(source, StreamSource):
        source.step_by_step()
    run.enter('compile')
    with unchanging():
        binding = binding_of(model)
        if lead.watch() is not None:
            from hefted.models.agreeing import agree

            agree(model, binding, source, held, steps)
        binding.place(source.layout.placing)
        program = program_of(model, binding)
        trainer = trainer_of(model, program, binding, by_batch, run)
        first = trainer(source.layout, ahead=True)
        judged = None if held is None else judge_of(model, program, binding, held, listeners, validation_steps)
    return Ready(
        source, mine.size, held, binding, trainer, first, judged, listeners, steps, steps_per_epoch, validation_steps
    )
