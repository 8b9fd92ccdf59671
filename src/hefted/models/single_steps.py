"""`train_on_batch`, `test_on_batch`, `predict_on_batch`: one step at a time, for loops that users write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted import runs, tree
from hefted.data.arrays import Rows, rows_of
from hefted.distribution import lead
from hefted.models import checks
from hefted.models.inputs import kept, placing_of
from hefted.models.prediction import Forward
from hefted.models.steps import binding_of, program_of, switches_of
from hefted.train import compile_cache
from hefted.train.binding import Binding
from hefted.train.program import Batch
from hefted.train.stretches import read_logs

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing
    from hefted.models.model import Model


def train_on_batch(
    self: Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    return_dict: bool = False,
) -> Any:
    """One step of training on one batch; the metrics are those of this batch.

    Of several processes each gives the same batch, or with `auto_shard_dataset=False` as many rows of its own: the step
    is then over the rows of all.

    Returns:
        The loss, or [loss, metrics…] in the order of `metrics_names`, or a dict of floats.
    """
    with runs.joined('train_on_batch', self.name):
        rows = _rows(self, 'train_on_batch', x, y, sample_weight, class_weight)
        return _step(self, 'train', rows, return_dict)


def test_on_batch(self: Model, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
    """The loss and metrics of one batch; of several processes as in `train_on_batch`.

    Returns:
        The loss, or [loss, metrics…] in the order of `metrics_names`, or a dict of floats.
    """
    with runs.joined('test_on_batch', self.name):
        return _step(self, 'test', _rows(self, 'test_on_batch', x, y, sample_weight), return_dict)


def predict_on_batch(self: Model, x: Any) -> Any:
    """The outputs for one batch, as NumPy arrays.

    Of several processes each gives the same batch and gets all outputs, or with `auto_shard_dataset=False` as many rows
    of its own and gets theirs.
    """
    with runs.joined('predict_on_batch', self.name):
        lead.meet('predict_on_batch')
        rows = rows_of(self.entered(x))
        if not self.built:
            self.build_for(rows, rows.count)
        forward = Forward(self, rows.count, 'predict_on_batch')
        _compare('predict_on_batch', self, forward.placing, rows)
        outputs = forward(rows.x)
        forward.hold()
        return tree.map_structure(np.asarray, outputs)


def _rows(model: Model, method: str, x: Any, y: Any, sample_weight: Any, class_weight: Any = None) -> Rows:
    model.require_compiled(method)
    rows = rows_of(model.entered(x), y, sample_weight, class_weight)
    model.prepare(rows.x, rows.y, rows.count, method)
    checks.targets(model, rows)
    return rows


def _compare(call: str, model: Model, placing: Placing | None, rows: Rows) -> None:
    if lead.watch() is not None:
        from hefted.models import comparing

        comparing.step(call, model, placing, rows)


def _step(model: Model, kind: str, rows: Rows, return_dict: bool) -> Any:
    lead.meet(f'{kind}_on_batch')
    binding = binding_of(model)
    placing = placing_of(rows.count, f'{kind}_on_batch')
    _compare(f'{kind}_on_batch', model, placing, rows)
    binding.place(placing)
    state = binding.held()
    batch = Batch(rows.x, rows.y, rows.weight, None)
    if placing is not None:
        batch = jax.tree.map(placing.split, batch)

    def compiled() -> Any:
        program = program_of(model, binding)
        step = _train_step(program) if kind == 'train' else _test_step(program, binding)
        ends: Any = {} if placing is None else {'out_shardings': (binding.placed, placing.whole)}
        traced = jax.jit(step, **ends).trace(state, batch, np.zeros(2, np.uint32))
        return compile_cache.compile(traced.lower(), devices=placing and placing.devices)

    shapes = str(jax.tree.map(lambda a: (a.shape, str(a.dtype)), batch))
    step = kept(model, (f'{kind} on batch', (shapes, placing and placing.how, switches_of(model, binding))), compiled)
    state, logs = step(state, batch, np.zeros(2, np.uint32))
    binding.drain(state)
    logs = read_logs(logs)
    if return_dict:
        return logs
    return model.results_in_order(logs)


def _train_step(program: Any) -> Any:
    def step(state: Any, batch: Batch, key: Any) -> Any:
        state, logs = program.train_step(program.begin_epoch(state), batch, key)
        return state, logs | program.results(state)

    return step


def _test_step(program: Any, binding: Binding) -> Any:
    def step(state: Any, batch: Batch, key: Any) -> Any:
        del key
        begun = program.begin_evaluation(
            {'metrics': state['metrics'], 'carried': binding.only_carried(state['frozen'])}
        )
        evaluation, logs = program.eval_step(state, begun, batch)
        frozen = binding.with_carried(state['frozen'], evaluation['carried'])
        logs = logs | program.evaluation_results(evaluation)
        return {**state, 'metrics': evaluation['metrics'], 'frozen': frozen}, logs

    return step
