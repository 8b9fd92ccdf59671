"""What a checkpoint has of each process, where each brings rows of its own: how far its data is, what it draws from.

Rank 0 writes checkpoints. What is not alike in all processes is brought to it, and each takes up its own again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from hefted.distribution import lead
from hefted.errors import ArgumentError
from hefted.train import shares, state_file

if TYPE_CHECKING:
    from hefted.data.source import Source
    from hefted.train.checkpoint import Checkpoint

_alike: WeakSet[Source] = WeakSet()  # whose states were the same in all processes when they were last compared


def hosts_of(source: Source) -> int:
    """How many processes bring rows of their own; 1 where each has all."""
    placing = source.layout.placing
    return 1 if placing is None else placing.hosts


def kept_by_one(source: Source, state: shares.State) -> bool:
    """Whether one process can keep a checkpoint of all by itself, when the others may be elsewhere in the program.

    Args:
        source: Its rows.
        state: The training's.
    """
    return not shares.some_in(state) and (hosts_of(source) == 1 or source in _alike)


def gathered(source: Source, parts: dict[str, Any]) -> dict[str, list[Any]]:
    """What each process has, by rank, of the parts that are not alike in all; all of them ask for it.

    Args:
        source: Its rows.
        parts: What this process has, by name; 'source' is the data's state.
    """
    if hosts_of(source) == 1:
        return {}
    blobs = {name: state_file.to_bytes(part) for name, part in parts.items()}
    sums = _sums(blobs)
    differing = [name for name in blobs if any(each[name] != sums[0][name] for each in sums)]
    (_alike.discard if 'source' in differing else _alike.add)(source)
    return {name: _brought(blobs[name], [size for size, _ in (each[name] for each in sums)]) for name in differing}


def taken_up(source: Source, checkpoint: Checkpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states of the data and of random numbers that this process goes on from.

    Args:
        source: Its rows.
        checkpoint: What all go on from.

    Raises:
        ArgumentError: It is of another number of processes, and what each had cannot be divided among these.
    """
    before, now = checkpoint.hosts, hosts_of(source)
    if before in (0, now):
        watch = lead.watch()
        rank = 0 if watch is None else watch.world.rank
        each = {name: told[rank] for name, told in checkpoint.each.items()}
        return each.get('source', checkpoint.source), each.get('random', checkpoint.random)
    state = checkpoint.source
    if 'source' in checkpoint.each or (now > 1 and _differs(source.get_state().get('own'))):
        raise _of_others(before, now, 'the data has a state of its own in each process')
    if 'feed' in state:
        return state, checkpoint.random
    if state.get('shuffle'):
        raise _of_others(before, now, 'the rows are in an order that was drawn for those of each process')
    sizes = {name: state[name] * before // now for name in ('rows', 'batch_size')}
    return state | sizes, checkpoint.random


def _of_others(before: int, now: int, why: str) -> ArgumentError:
    return ArgumentError(
        f'Expected rows to be divided among processes as in the training that is resumed, in which {_divided(before)}, '
        f'received a training in which {_divided(now)}: {why}. Start it with as many processes and the same '
        'auto_shard_dataset as before, or delete the backup to begin anew.'
    )


def _divided(hosts: int) -> str:
    return 'each process had all rows' if hosts == 1 else f'{hosts} processes had rows of their own'


def _differs(told: Any) -> bool:
    sums = _sums({'': state_file.to_bytes(told)})
    return any(each != sums[0] for each in sums)


def _sums(blobs: dict[str, bytes]) -> list[dict[str, Any]]:
    """Length and hash of each, by rank."""
    from hefted.distribution import hosts

    told = {name: [len(blob), hashlib.blake2b(blob, digest_size=16).hexdigest()] for name, blob in blobs.items()}
    return hosts.gather(told, 'where the data of each is')


def _brought(blob: bytes, sizes: list[int]) -> list[Any]:
    """What each process has as bytes, of so many."""
    from jax.experimental import multihost_utils

    own = np.zeros(1 << max(sizes).bit_length(), np.uint8)  # few lengths: each is a program of its own
    own[: len(blob)] = np.frombuffer(blob, np.uint8)
    rows = np.asarray(multihost_utils.process_allgather(own))
    return [state_file.from_bytes(row[:size].tobytes()) for row, size in zip(rows, sizes, strict=True)]
