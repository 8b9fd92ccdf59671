"""Before processes train together: see that all have the same model, data and seeds in hand."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Source
from hefted.data.stream import StreamSource
from hefted.distribution import hosts
from hefted.models.identity import identity_of
from hefted.train.binding import Binding

if TYPE_CHECKING:
    from hefted.models.model import Model

_MOST_BYTES = 64 << 20  # of weights that are compared by value


def agree(
    model: Model, binding: Binding, source: Source, held: Source | None, steps: int | None, listeners: CallbackList
) -> None:
    """Compare what is to be trained with the other processes; where it differs, all raise the same error.

    Args:
        model: A compiled one, built.
        binding: Its variables.
        source: What to train on.
        held: What to validate on; None without.
        steps: Of an epoch; None where nobody knows.
        listeners: The callbacks, as stops follow from them.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
    """
    identity = identity_of(model, binding, source, held)
    data = identity.pop('data')
    placing = source.layout.placing
    apart = isinstance(source, StreamSource) or (placing is not None and placing.hosts > 1)  # each has its own
    told = {
        'the model': _short(identity),
        'the weights': _weights(binding),
        'the rows': None if isinstance(source, StreamSource) else source.layout.rows,
        'batch_size': source.layout.batch_size,
        'steps of an epoch': steps,
        'the data': None if apart else _short(data),
        'the validation data': held and [held.layout.rows, held.layout.batch_size],
        'devices of a batch': placing and placing.shares,
        'the distribution': placing and str(placing.how),
        'stops at batches': listeners.stops_at_batches(),
        "the state of NumPy's random numbers": _random(),
    }
    hosts.agree('the training', told)


def _short(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def _weights(binding: Binding) -> str:
    """A sum over the first weights, so far as that takes no time."""
    arrays = [array for name in ('trainable', 'frozen') for array in binding.held()[name]]
    whole = [array for array in arrays if not isinstance(array, jax.Array) or array.is_fully_addressable]
    if sum(array.nbytes for array in whole) > _MOST_BYTES:
        return 'not compared'
    sums = [zlib.crc32(np.asarray(array).tobytes()) for array in whole]
    return _short(sums)


def _random() -> str:
    name, state, at, *rest = np.random.get_state()
    return _short((name, zlib.crc32(np.asarray(state).tobytes()), at, rest))
