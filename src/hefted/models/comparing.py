"""Before processes evaluate, predict or take a single step together: see that all have the same in hand.

What computes on the devices of all takes some rows from each process. Were they of other data, or by other weights,
what comes out would be of nobody's data, and nothing would say so; were they of other shapes, the processes would wait
for one another, or be ended by the collectives' library without a word of the cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.data.arrays import Rows
from hefted.data.identity import told_of
from hefted.data.stream import StreamSource
from hefted.distribution import hosts, lead
from hefted.models import identity, parts, same_weights
from hefted.models.same_weights import short

if TYPE_CHECKING:
    from hefted.data.source import Source
    from hefted.distribution.placing import Placing
    from hefted.models.inputs import Batches
    from hefted.models.model import Model
    from hefted.train.binding import Binding

HOLDS = 'what a batch holds, but for its rows'
_OF_MODEL = ('layer', 'variable', 'optimizer', 'loss', 'loss_weights', 'metrics', 'weighted_metrics')
_READABLE = 60  # characters
_KEPT = '_told_to_others'  # of a model that a step of all was taken with


def evaluation(model: Model, binding: Binding, source: Source, steps: int | None) -> None:
    """Before `evaluate`.

    Args:
        model: A compiled one, built.
        binding: Its variables.
        source: What it is judged by.
        steps: How many batches; None where nobody knows.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
        ArgumentError: Parts of a batch that do not make whole ones.
    """
    placing = source.layout.placing
    who = identity.identity_of(model, binding, source, None)
    data = who.pop('data')
    del who['seed'], who['optimizer']
    told = {**of_model(who), **of_data(source, data), 'steps': steps}
    same_weights.agree(f'evaluate{_how(placing)}', told, same_weights.pairs_of(binding))
    if placing is not None and placing.hosts > 1:
        parts.require_each(source)


def prediction(model: Model, placing: Placing | None, batches: Batches) -> None:
    """Before `predict`: its rows as well, but where each process brings its own.

    Args:
        model: A built one.
        placing: Where its batches lie.
        batches: This process's.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
    """
    x = batches.sample.x
    told = of_model(identity.model_of(model)) | {HOLDS: kinds(x)}
    if placing is None or placing.hosts == 1:
        told |= {'rows of a step': batches.size, 'steps': batches.count}
        if batches.feed is None:
            told |= {'rows': batches.sample.count, 'the data': short(told_of(x))}
    same_weights.agree(f'predict{_how(placing)}', told, same_weights.pairs_of_model(model))


def step(call: str, model: Model, placing: Placing | None, rows: Rows) -> None:
    """Before one step over one batch.

    Args:
        call: Such as 'train_on_batch'.
        model: A built one.
        placing: Where the batch lies.
        rows: The batch, or this process's part of it.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
        ArgumentError: The devices of each do not divide the batch.
    """
    batch, apart = (rows.x, rows.y, rows.weight), placing is not None and placing.hosts > 1
    predicts = call == 'predict_on_batch'
    told = {
        **_kept_of(model, not predicts),
        'the learning rate': identity.rate_of(model) if call == 'train_on_batch' else None,
        'rows': rows.count,
        HOLDS: kinds(batch),
        'the data': None if apart else short(told_of(batch)),
    }
    same_weights.agree(f'{call}{_how(placing)}', told, same_weights.pairs_of_model(model))
    if placing is not None and apart:
        placing.require_whole(rows.count)


def _kept_of(model: Model, trains: bool) -> dict[str, Any]:
    """What is told of a model that is built, kept until it is compiled anew: steps may be short."""
    kept: dict[bool, tuple[Any, dict[str, Any]]] = model.__dict__.setdefault(_KEPT, {})
    compiled = getattr(model, '_compile_arguments', None)
    if trains not in kept or kept[trains][0] is not compiled:
        kept[trains] = compiled, of_model(identity.model_of(model, trains))
    return kept[trains][1]


def one_by_one(each: Iterator[Rows | None], batches: Batches, placing: Placing | None) -> Iterator[Rows | None]:
    """The batches of a prediction, each compared before it is computed where nobody knows them before.

    Args:
        each: The batches; None for a step in which others alone have rows left.
        batches: Where they come from.
        placing: Where they lie.

    Raises:
        HostsDifferError: Another process has another batch now, or no more.
    """
    apart = placing is not None and placing.hosts > 1
    for batch in each:
        rows = '' if apart or batch is None else f'{batch.count} rows of '
        lead.decide(True, f'for a batch of {rows}{", ".join(kinds((batch or batches.sample).x))}')
        yield batch
    lead.decide(True, 'for no more batches')
    ends('predict')


def ends(call: str) -> None:
    """See that a call is at its end for all, before anything is given out: nobody has had more batches than others."""
    hosts.gather(None, f'the end of {call}')


def of_data(source: Source, data: Any) -> dict[str, Any]:
    """What is told of data: of arrays how many rows, and their values where all processes have all of them.

    Args:
        source: Of its batches.
        data: What tells it from other data (`identity_of`).
    """
    layout, stream = source.layout, isinstance(source, StreamSource)
    own = 1 if layout.placing is None else layout.placing.hosts
    return {
        'rows': None if stream else layout.rows // own,
        'rows of a step': layout.batch_size // own,
        HOLDS: kinds(layout.shapes[0], 2 if layout.stepped else 1),
        'the data': None if stream or own > 1 else short(data),
    }


def of_model(told: dict[str, Any]) -> dict[str, Any]:
    """What is told of a model, by names that say so, and no longer than can be read."""
    return {f"the model's {name}" if name in _OF_MODEL else name: readable(value) for name, value in told.items()}


def readable(value: Any) -> Any:
    """A setting as it is; the sum of one that is too long to be read."""
    return value if len(json.dumps(value)) <= _READABLE else short(value)


def kinds(structure: Any, at: int = 1) -> list[str]:
    """Dtype and shape of each array of a batch, from an axis on: a program for others would send other things."""
    return [f'{np.dtype(part.dtype).name} {tuple(part.shape[at:])}' for part in jax.tree.leaves(structure)]


def _how(placing: Placing | None) -> str:
    return '' if placing is None or placing.hosts == 1 else f' {parts.HOW}'
