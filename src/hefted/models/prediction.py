"""`predict`: outputs for rows, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted import runs, tree
from hefted.callbacks.callback import CallbackList
from hefted.data.arrays import Rows
from hefted.layers.layer import calling
from hefted.models import checks
from hefted.models.inputs import batches_of, kept
from hefted.models.steps import rows_independent
from hefted.train import compile_cache
from hefted.train.progress import progress_for
from hefted.variables import bind

if TYPE_CHECKING:
    from hefted.models.model import Model


def predict(
    self: Model,
    x: Any,
    batch_size: int | None = None,
    verbose: Any = 'auto',
    steps: int | None = None,
    callbacks: Any = None,
) -> Any:
    """The outputs for rows.

    Args:
        x: Inputs (rows, …), or what gives batches of them (whose targets and weights are ignored).
        batch_size: Rows a step; 32 if None.
        verbose: 0 shows nothing.
        steps: How many batches; all if None.
        callbacks: One or several.

    Returns:
        NumPy arrays (rows, …), nested as the model's outputs.
    """
    checks.steps('steps', steps)
    with runs.joined('predict', self.name), ExitStack() as opened:
        batches = batches_of(x, batch_size, steps)
        opened.callback(batches.close)
        listeners = CallbackList(callbacks, model=self, steps=batches.count, verbose=verbose)
        progress = progress_for(0 if listeners.shows_progress else verbose, None, batches.count)
        progress.epoch_begin(0)
        listeners.call('on_predict_begin')
        variables = self.variables if self.built else self._built_for(batches.sample, batches.size)
        values = [v.held for v in variables]
        parts: list[Any] = []
        for step, batch in enumerate(batches.each):
            listeners.call('on_predict_batch_begin', step)
            parts.append(_outputs(self, batch, batches.size, values))
            listeners.call('on_predict_batch_end', step, {'outputs': parts[-1]})
            parts[-2:-1] = [tree.map_structure(np.asarray, part) for part in parts[-2:-1]]  # one behind the device
        outputs = tree.map_structure(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *parts)
        listeners.call('on_predict_end')
        progress.epoch_end(0, {}, None, len(parts))
    return outputs


def _outputs(model: Model, batch: Rows, size: int, values: list[Any]) -> Any:
    """One batch's outputs; a short one is padded where rows do not touch one another."""
    real = batch.count
    x = batch.x
    if real < size and rows_independent(model):
        x = tree.map_structure(lambda a: np.pad(a, [(0, size - real)] + [(0, 0)] * (a.ndim - 1)), x)
    outputs = forward(model, x, values)(values, x)
    return outputs if real == size else tree.map_structure(lambda a: a[:real], outputs)


def forward(model: Model, x: Any, values: list[Any]) -> Callable[[list[Any], Any], Any]:
    """The compiled `(values, x) -> outputs` for inputs of this shape."""

    def compiled() -> Callable[[list[Any], Any], Any]:
        variables = model.variables

        def outputs(values: list[Any], x: Any) -> Any:
            with bind(variables, values), calling(training=False):
                return model(x)

        return compile_cache.compile(jax.jit(outputs).trace(values, x).lower())

    shapes = str(tree.map_structure(lambda a: (a.shape, str(a.dtype)), x))
    return kept(model, ('forward', (shapes, len(values))), compiled)
