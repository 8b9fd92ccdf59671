"""`predict`: outputs for rows, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted import runs, tree
from hefted.callbacks.callback import CallbackList
from hefted.data.arrays import Rows
from hefted.data.stream import refuse_parts
from hefted.distribution import lead
from hefted.errors import ArgumentError, DataError
from hefted.layers.calling import call_in_step
from hefted.models import checks
from hefted.models.inputs import Batches, batches_of, kept, placing_of
from hefted.models.steps import rows_independent
from hefted.train import compile_cache
from hefted.train.binding import hold_changed
from hefted.train.progress import progress_for
from hefted.utils.stacked import gathered
from hefted.variables import bind

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing
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
        NumPy arrays (rows, …), nested as the model's outputs, in the order of the data's rows, also where a dataset
        draws another (`PyDataset.row_numbers`). Of several processes each gives all rows and gets all outputs; with
        `auto_shard_dataset=False` each gives rows of its own, as many as it has, and gets theirs.

    Raises:
        DataError: Batches' outputs are of several shapes, or a dataset's numbers of rows are not as many as those.
    """
    checks.steps('steps', steps)
    with runs.joined('predict', self.name), ExitStack() as opened:
        opened.enter_context(lead.training())
        verbose = verbose if lead.first() else 0
        lead.meet('predict')
        batches = batches_of(self, x, batch_size, steps)
        opened.callback(batches.close)
        listeners = CallbackList(callbacks, model=self, verbose=verbose, epochs=1, steps=batches.count)
        progress = progress_for(0 if listeners.shows_progress else verbose, None, batches.count)
        progress.epoch_begin(0)
        listeners.call('on_predict_begin')
        if not self.built:
            self.build_for(batches.sample, batches.size)
        forward = Forward(self, batches.size)
        each, size = _in_step(self, forward.placing, batches)
        parts: list[Any] = []
        numbers: list[Any] = []
        for step, batch in enumerate(each):
            if batch is None:
                _outputs(self, batches.sample.take(slice(1)), size, forward)
                continue
            numbers.append(batches.row_numbers(step))
            listeners.call('on_predict_batch_begin', step)
            parts.append(_outputs(self, batch, size, forward))
            listeners.call('on_predict_batch_end', step, {'outputs': parts[-1]})
            parts[-2:-1] = [tree.map_structure(np.asarray, part) for part in parts[-2:-1]]  # one behind the device
        forward.hold()
        outputs = tree.map_structure(lambda *leaves: _joined(leaves, numbers), *parts)
        listeners.call('on_predict_end')
        progress.epoch_end(0, {}, None, len(parts))
    return outputs


def _joined(leaves: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """One array of all batches' outputs, in the order of the rows' numbers where batches have any."""
    arrays = [np.asarray(leaf) for leaf in leaves]
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise DataError(
            f'Expected outputs of one shape from all batches, received {sorted(shapes)}. Pad all rows to one length '
            "(TextDataset's without lengths=), or predict batch by batch with predict_on_batch."
        )
    joined = np.concatenate(arrays)
    if any(each is None for each in numbers):
        return joined
    order = np.argsort(np.concatenate(numbers), kind='stable')
    if len(order) != len(joined):
        raise DataError(
            f"Expected the dataset's row_numbers(index) to number each row of a batch, {len(joined)} in all, received "
            f'{len(order)} numbers. Give as many as the batch has rows, or None.'
        )
    return joined[order]


def _in_step(model: Model, placing: Placing | None, batches: Batches) -> tuple[Iterator[Rows | None], int]:
    """Batches and the rows of each; None where other processes alone have rows left."""
    each, size = batches.each, batches.size
    apart = None if placing is None or placing.hosts == 1 else placing
    if apart is None and placing is not None and batches.feed is not None:
        refuse_parts(batches.feed)
    if apart is None and lead.watch() is None:
        return each, size
    from hefted.models import comparing, parts

    comparing.prediction(model, placing, batches)
    if apart is not None:
        each, size = parts.levelled(model, apart, batches)
    return each if batches.feed is None else comparing.one_by_one(each, batches, placing), size


def _outputs(model: Model, batch: Rows, size: int, forward: Forward) -> Any:
    """One batch's outputs; a short one is padded where rows do not touch one another."""
    real = batch.count
    x = batch.x
    fills_up = real < size and rows_independent(model)
    if forward.placing is not None and forward.placing.hosts > 1 and real != size and not fills_up:
        raise ArgumentError(
            f'Expected batches of {size} rows, as the first ones of all processes with auto_shard_dataset=False, '
            f'received one of {real}. Give batches of one size.'
        )
    if fills_up:
        x = tree.map_structure(lambda a: np.pad(a, [(0, size - real)] + [(0, 0)] * (a.ndim - 1)), x)
    outputs = forward(x)
    return outputs if real == size else tree.map_structure(lambda a: a[:real], outputs)


class Forward:
    """The compiled forward pass of a built model, batch after batch; what layers carry goes on from one to the next.

    Args:
        model: The model.
        size: Rows a batch.
        method: Which asks for it.

    Attributes:
        placing: Where rows and weights lie.
    """

    def __init__(self, model: Model, size: int, method: str = 'predict') -> None:
        self._model = model
        self.placing = placing = placing_of(size, method)
        variables = gathered(model.variables)
        self._carried = [v for v in variables if not v.made_trainable]
        self._rest = [v for v in variables if v.made_trainable]
        self._values = [v.held for v in self._rest]
        self._states = self._begun = [v.held for v in self._carried]
        if placing is not None:
            from hefted.distribution.placing import put

            self._values = [put(v.held, placing.of(v)) for v in self._rest]
            self._states = [*map(placing.everywhere, self._states)]

    def __call__(self, x: Any) -> Any:
        """The outputs for one batch of arrays."""
        shapes = str(tree.map_structure(lambda a: (a.shape, str(a.dtype)), x))
        placing = self.placing
        key = 'forward', (shapes, placing and placing.how, len(self._values), tuple(map(id, self._carried)))
        if placing is not None:
            x = tree.map_structure(placing.split, x)
        run = kept(self._model, key, lambda: self._compiled(x))
        outputs, self._states = run(self._values, self._states, x)
        return outputs if placing is None else tree.map_structure(placing.own, outputs)

    def hold(self) -> None:
        """Let the variables hold what layers carried to the end."""
        hold_changed(self._carried, self._begun, self._states)

    def _compiled(self, x: Any) -> Callable[..., Any]:
        def outputs(values: list[Any], states: list[Any], x: Any) -> Any:
            with bind([*self._rest, *self._carried], [*values, *states]) as scope:
                y = call_in_step(self._model, x, training=False)
            return y, scope.values(self._carried)

        placing = self.placing
        ends: Any = {} if placing is None else {'out_shardings': placing.whole}
        lowered = jax.jit(outputs, **ends).trace(self._values, self._states, x).lower()
        return compile_cache.compile(lowered, devices=placing and placing.devices)
