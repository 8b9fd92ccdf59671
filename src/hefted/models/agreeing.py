"""Before processes train together: see that all have the same model, data and seeds in hand."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Source
from hefted.data.stream import StreamSource
from hefted.distribution import hosts, lead
from hefted.models import parts
from hefted.models.identity import identity_of
from hefted.train.binding import Binding

if TYPE_CHECKING:
    from hefted.budget import Limit
    from hefted.models.governing import Wish
    from hefted.models.model import Model

_OF_MODEL = ('layer', 'variable', 'optimizer', 'loss', 'loss_weights', 'metrics', 'weighted_metrics')
_WEIGHTS = ('trainable', 'frozen')
_READABLE = 60  # characters
_MOST_BYTES = 64 << 20  # of weights that are compared by value


def meet(callbacks: Any, limits: Sequence[Limit], when: Wish | None, **arguments: Any) -> None:
    """See that all processes call `fit` now, with arguments that lead to the same steps.

    Args:
        callbacks: As for `fit`; those that rank 0 alone is to call (`Callback.once`) may be given to it alone.
        limits: Of the budget that `fit` was given.
        when: What `fit` was asked to wait for.
        **arguments: Others of `fit`, numbers or sets of them.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
    """
    lead.meet('fit')
    told = {
        **{
            name: value if value is None or isinstance(value, int) else list(value) for name, value in arguments.items()
        },
        'callbacks': [type(each).__name__ for each in CallbackList(callbacks).callbacks if not each.once],
        'budget': [str(limit) for limit in limits],
        'when': None if when is None else str(when.when),
    }
    hosts.agree('the arguments of fit', told)


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
    data, judged = identity.pop('data'), identity.pop('validation data', None)
    placing = source.layout.placing
    apart = isinstance(source, StreamSource) or (placing is not None and placing.hosts > 1)  # each has its own
    told = {
        **{f"the model's {name}" if name in _OF_MODEL else name: _told(value) for name, value in identity.items()},
        'the weights': _weights(binding),
        'rows': None if isinstance(source, StreamSource) else source.layout.rows,
        'rows of a step': source.layout.batch_size,
        'steps of an epoch': steps,
        'the data': None if apart else _short(data),
        'what a batch holds, but for its rows': _batch(source) if apart else None,
        'rows of the validation data': held and held.layout.rows,
        'the validation data': None if apart or judged is None else _short(judged),
        'devices of a batch': placing and placing.shares,
        'the distribution': placing and str(placing.how),
        'stops at batches': listeners.stops_at_batches(),
        "the state of NumPy's random numbers": _random(),
    }
    hosts.agree('the training', told, parts=lambda: _parts(binding))
    if placing is not None and placing.hosts > 1:
        parts.require_each(source, held)


def _told(value: Any) -> Any:
    """A setting as it is; the sum of one that is too long to be read."""
    return value if len(json.dumps(value)) <= _READABLE else _short(value)


def _batch(source: Source) -> list[str]:
    """Dtype and shape of each array: a program for others would send other things."""
    layout = source.layout
    at = 2 if layout.stepped else 1
    return [f'{part.dtype.name} {tuple(part.shape[at:])}' for part in jax.tree.leaves(layout.shapes[0])]


def _short(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def _weights(binding: Binding) -> str:
    """A sum over the first weights, so far as that takes no time: biases and norms before what is large."""
    sums: list[tuple[int, int]] = []
    left = _MOST_BYTES
    for number, array in sorted(enumerate(_arrays(binding)), key=lambda each: each[1].nbytes):
        left -= array.nbytes
        if left >= 0 and _whole(array):
            sums.append((number, _sum(array)))
    return _short(sums)


def _parts(binding: Binding) -> list[tuple[str, str]]:
    """Each weight's path, and what is to be alike of it."""
    variables = [variable for name in _WEIGHTS for variable in binding.groups[name]]
    small = [array.nbytes <= _MOST_BYTES and _whole(array) for array in _arrays(binding)]
    sums = [f', sum {_sum(array):08x}' if s else '' for array, s in zip(_arrays(binding), small, strict=True)]
    return [(v.path, f'{v.dtype} {tuple(v.shape)}{s}') for v, s in zip(variables, sums, strict=True)]


def _arrays(binding: Binding) -> list[Any]:
    held = binding.held()
    return [array for name in _WEIGHTS for array in held[name]]


def _whole(array: Any) -> bool:
    return not isinstance(array, jax.Array) or array.is_fully_addressable


def _sum(array: Any) -> int:
    return zlib.crc32(np.asarray(array).tobytes())


def _random() -> str:
    name, state, at, *rest = np.random.get_state()
    return _short((name, zlib.crc32(np.asarray(state).tobytes()), at, rest))
