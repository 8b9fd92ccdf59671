"""The compiled loops of a model, for training and for evaluation, by the layout of its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Layout, Source
from hefted.models import eager, inputs
from hefted.models.kinds import Kind, kinds_of
from hefted.models.steps import switches_of
from hefted.train import evaluation
from hefted.train.binding import Binding
from hefted.train.program import Logs, Program, Stretcher, compile_evaluation, compile_training

if TYPE_CHECKING:
    from hefted.models.model import Model

_TEST_BATCH_HOOKS = ('on_test_batch_begin', 'on_test_batch_end')


def trainer_of(model: Model, program: Program, binding: Binding, single: bool, run: Any) -> Callable[..., Stretcher]:
    """The compiled training loop by layout; one that is new while others train has its compile phase then.

    What it gives is called with `ahead=True` before any of them trains.
    """
    if model.run_eagerly:
        return lambda layout, **_: eager.training(program, layout)
    known: dict[Layout, Stretcher] = {}

    def trainer(layout: Layout, ahead: bool = False) -> Stretcher:
        if layout not in known:
            if not ahead:
                run.enter('compile')
            known[layout] = inputs.kept(
                model,
                ('train', (single, _signature(model, program, binding, layout))),
                lambda: compile_training(program, binding.held(), layout, single, binding.placed),
            )
            if not ahead:
                run.enter('train')
        return known[layout]

    return trainer


@dataclass(frozen=True)
class Judge:
    """How a training is validated.

    Attributes:
        loop: The compiled loop of evaluation.
        source: Where its batches come from.
        init_metrics: Makes what the loop carries, at the start.
        others: The compiled loop for another layout.
    """

    loop: Stretcher
    source: Source
    init_metrics: Callable[[], Any]
    others: Callable[[Layout], Stretcher]

    @cached_property
    def kinds(self) -> list[Kind]:
        """Of its batches."""
        return kinds_of(self.source, self.loop, self.others)


class Judged(NamedTuple):
    """`logs()` evaluates what the variables hold; `how` is by what."""

    logs: Callable[[], Logs]
    how: Judge


def judge_of(
    model: Model, program: Program, binding: Binding, source: Source, listeners: CallbackList, steps: int | None
) -> Judged:
    """How to evaluate what the variables hold, with its hooks."""

    def evaluator(layout: Layout) -> Stretcher:
        if model.run_eagerly:
            return eager.evaluation(program, layout)
        return inputs.kept(
            model,
            ('evaluate', _signature(model, program, binding, layout)),
            lambda: compile_evaluation(program, binding.held(), layout, binding.placed),
        )

    compiled = evaluator(source.layout)

    def each(batch: int, logs: Logs) -> None:
        listeners.call('on_test_batch_begin', batch)
        listeners.call('on_test_batch_end', batch, logs)

    def judge() -> Logs:
        listeners.call('on_test_begin')
        hooked = each if listeners.has(*_TEST_BATCH_HOOKS) else None
        logs, evaluated = evaluation.evaluate(
            compiled, binding.held(), program.init_metrics(), source, steps, hooked, evaluator
        )
        binding.end_evaluation(evaluated)
        listeners.call('on_test_end', logs)
        return logs

    return Judged(judge, Judge(compiled, source, program.init_metrics, evaluator))


def _signature(model: Model, program: Program, binding: Binding, layout: Layout) -> Any:
    """What a compiled loop depends on besides what `compile` was told."""
    tail = layout.rows % layout.batch_size
    short = min(tail, 1) if program.spec.rows_independent else tail  # a masked tail may be of any size
    leaves, structure = jax.tree.flatten(layout.shapes)
    return (
        structure,
        tuple(leaves),
        layout.batch_size,
        short,
        layout.placing and layout.placing.how,
        switches_of(model, binding),
    )
