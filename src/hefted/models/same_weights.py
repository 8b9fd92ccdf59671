"""Whether processes have the same weights in hand, by sums over them.

Weights that came out of a training of all are not told: they lie on the devices of all. Those that a program has set or
loaded are, up to 64 MiB, the smallest first. Sums may differ by a ten-thousandth: hosts of other processors round the
last bits otherwise, and weights from elsewhere differ by far more.
"""

from __future__ import annotations

import hashlib
import weakref
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.distribution import hosts, lead, shards
from hefted.utils.stacked import gathered

if TYPE_CHECKING:
    from hefted.models.model import Model
    from hefted.train.binding import Binding

Pairs = Sequence[tuple[Any, Any]]
"""Variables, and what each of them holds."""
Told = int | list[float] | None
"""Of an array its sum, that of the sizes, and both of some of its numbers; of whole numbers a checksum; or None."""

_MOST_BYTES = 64 << 20
_ALIKE = 1e-4  # of the sum of the sizes
_SAMPLE = 64  # numbers: large arrays of other draws have sums that are nearer to one another
_sums: dict[int, tuple[weakref.ref[Any], Told]] = {}  # of arrays that live, which nobody changes, by their ids


def pairs_of(binding: Binding) -> Pairs:
    """The weights of a state; not what its optimizer and its metrics keep."""
    held = binding.held()
    return [pair for name in ('trainable', 'frozen') for pair in zip(binding.groups[name], held[name], strict=True)]


def pairs_of_model(model: Model) -> Pairs:
    """The weights of a built model."""
    return [(v, v.held) for v in gathered(model.variables)]


def agree(what: str, told: dict[str, Any], pairs: Pairs) -> None:
    """See that all processes have the same in hand, and the same weights; where not, all raise the same error.

    Args:
        what: Of what, such as 'the training'.
        told: What should be alike, by name.
        pairs: The weights.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
    """
    watch = lead.watch()
    if watch is None:
        return
    everybody = hosts.gather([told, _of_small(pairs)], what)
    seen: list[list[Told]] = [each for _, each in everybody]
    count = min(map(len, seen))
    mixed = [n for n in range(count) if len({each[n] is None for each in seen}) > 1]
    if mixed:  # some have set what others hold as a training left it
        for each, again in zip(
            seen, hosts.gather([_left(pairs[n][1]) for n in mixed], f'{what}: weights'), strict=True
        ):
            for number, value in zip(mixed, again, strict=True):
                each[number] = value
    everything = [each for each, _ in everybody]
    if not all(_alike([each[n] for each in seen]) for n in range(count)):
        everything = [each | {'the weights': short(sums)} for each, sums in zip(everything, seen, strict=True)]
    wrong = hosts.difference(what, everything, watch.hosts)
    if wrong is not None:
        hosts.refuse(what, wrong, _by_part(pairs))


def short(value: Any) -> str:
    """A sum of what is too long to be told."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def _of_small(pairs: Pairs) -> list[Told]:
    """What is told of each weight, so far as that takes no time: biases and norms before what is large."""
    told: list[Told] = [None for _ in pairs]
    left = _MOST_BYTES
    for number, (_, array) in sorted(enumerate(pairs), key=lambda each: each[1][1].nbytes):
        left -= array.nbytes
        if left >= 0 and _own(array):
            told[number] = _sums_of(array)
    return told


def _own(array: Any) -> bool:
    return not isinstance(array, jax.Array) or array.is_fully_addressable


def _left(array: Any) -> Told:
    """Of what some tell, others tell too, unless each has a share of it."""
    return None if shards.spread(array) else _sums_of(array)


def _sums_of(array: Any) -> Told:
    number = id(array)
    known = _sums.get(number)
    if known is None or known[0]() is not array:
        known = weakref.ref(array, lambda _: _sums.pop(number, None)), _reckoned(np.asarray(array))
        _sums[number] = known
    return known[1]


def _reckoned(array: Any) -> Told:
    if array.dtype.kind in 'biu':
        return zlib.crc32(array.tobytes())
    flat = array.astype('float32', copy=False).ravel()
    some = flat[:: -(-max(flat.size, 1) // _SAMPLE)]
    return [float(np.sum(part, dtype=np.float64)) for part in (flat, np.abs(flat), some, np.abs(some))]


def _alike(told: Sequence[Told]) -> bool:
    """Whether those that tell of an array tell of the same one.

    Example:
        >>> one, near, other = ([a, 2.0, 0.5, 0.5] for a in (1.0, 1.00001, 1.1))
        >>> _alike([one, near, None]), _alike([one, other])
        (True, False)
    """
    known = [each for each in told if each is not None]
    if len(known) < 2 or not all(isinstance(each, list) for each in known):
        return all(each == known[0] for each in known)
    sums = np.array(known, np.float64)
    if not np.isfinite(sums).all():
        return all(str(each) == str(known[0]) for each in known)
    return bool((np.ptp(sums, 0) <= _ALIKE * sums[:, [1, 1, 3, 3]].max(0)).all())


def _by_part(pairs: Pairs) -> Callable[[], list[tuple[str, str]]]:
    """What tells each weight's path, and what is to be alike of it, to whom they are not."""

    def told() -> list[tuple[str, str]]:
        small = _of_small(pairs)
        sums = ['' if s is None else f', sum {s[0]:.4g}' if isinstance(s, list) else f', sum {s:08x}' for s in small]
        return [(v.path, f'{v.dtype} {tuple(v.shape)}{s}') for (v, _), s in zip(pairs, sums, strict=True)]

    return told
