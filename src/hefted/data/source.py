"""Where batches come from: rows that live on the device, or blocks of rows streamed to it.

A source says, for each epoch, which stretches of steps to run over which data:

    for stretch in source.epoch(3, steps):
        state, logs = train(state, stretch.data, stretch.order, first, count, …)

Within a stretch any number of steps can be taken at a time. Only the order of the rows moves to the device when the
rows live there already; rows that do not fit are gathered on the host, block by block, one block ahead. What comes as
batches, from a generator or a dataset, is in `data.stream`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, Self

import jax
import numpy as np

from hefted import tree
from hefted.data import memory
from hefted.data.arrays import HostArray, Rows, tokens_of
from hefted.data.identity import told_of
from hefted.data.passes import Passes
from hefted.errors import warn
from hefted.variables import Array

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing

_TRIAL_STEPS = 4  # of real rows in a block to try steps on
_BLOCK_BYTES = 64 << 20  # streamed blocks: large enough to hide the copy, small enough to hold two


RAN_OUT = (
    'Your input ran out of data: an epoch has fewer steps than asked for. Give at least `steps_per_epoch * epochs` '
    'batches, repeat the dataset, or leave steps_per_epoch out.'
)


@dataclass(frozen=True, eq=False)
class Layout:
    """What a compiled loop depends on of the data that it runs over.

    Attributes:
        shapes: ShapeDtypeStructs of a stretch's data and order.
        batch_size: Rows a step.
        rows: How many there are; where that is no multiple of `batch_size`, the last batch is short.
        placing: How it lies on many devices; None on one. Sizes are those of all processes together.
        stepped: Whether the data is (steps, batch, …), each batch split over the devices, and has no order.
    """

    shapes: tuple[Any, Any]
    batch_size: int
    rows: int
    placing: Placing | None = None
    stepped: bool = False


@dataclass(frozen=True)
class Stretch:
    """Steps over one piece of data.

    Attributes:
        data: (x, y, weight) on the device.
        order: int32, the rows in the order of the steps, padded to whole batches; a host array moves as it is used.
        first: The first step, counted in `order`.
        steps: How many steps.
        rows: How many entries of `order` are real rows.
        layout: Its layout, where that is not the source's.
    """

    data: Any
    order: Array
    first: int
    steps: int
    rows: int
    layout: Layout | None = None


class Source(Protocol):
    """What the loop needs of data.

    Attributes:
        layout: That of its stretches, but for those that bring one of their own.
        steps: Of an epoch; None where nobody knows before it ended.
        tokens: Places of a pass that hold a token and no padding, where that is known.
    """

    @property
    def layout(self) -> Layout: ...

    @property
    def steps(self) -> int | None: ...

    @property
    def tokens(self) -> int | None: ...

    def epoch(self, epoch: int, steps: int | None = None, start: int = 0) -> Iterator[Stretch | None]:
        """The stretches of one epoch.

        Args:
            epoch: Which.
            steps: How many steps it has; a whole pass if None.
            start: The step to begin with, where an epoch is resumed.

        Yields:
            A stretch; or None where the next is not there yet, so that the time can be used.
        """
        ...

    def get_state(self) -> dict[str, Any]:
        """What the order of the rows follows from, for a backup: numbers by name."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the order that another source of the same rows had; ArgumentError if it is of other rows.

        'over' among it says that the next epoch has no steps left.
        """
        ...

    def prepare(self, epoch: int, steps: int | None = None) -> None:
        """Work ahead for an epoch of so many steps, while the device is busy with another."""
        ...

    def trial(self) -> Stretch:
        """Rows to try steps on before the training: no order is drawn, and no batch is taken."""
        ...

    def rehearsal(self) -> Source:
        """The same rows for epochs that are no training: in orders of nobody's, and nothing is taken from a stream."""
        ...

    def close(self) -> None:
        """Leave nothing behind: no thread, no process."""
        ...


class _Ordered:
    """Rows in an order of their own for each pass."""

    def __init__(self, rows: Rows, batch_size: int, shuffle: bool | str, placing: Placing | None) -> None:
        self.rows = rows.count
        self.batch_size = batch_size
        self.placing = placing
        self.steps = math.ceil(self.rows / batch_size)
        shared = placing is None or placing.hosts == 1
        self._passes = Passes(self.rows, batch_size, self.steps, shuffle, shared)

    def get_state(self) -> dict[str, Any]:
        return self._passes.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        self._passes.set_state(state)

    def identity(self) -> dict[str, Any]:
        """What tells this data from other data."""
        return {'data': told_of(self.parts), 'batch_size': self.batch_size, 'shuffle': self._passes.shuffle}

    @property
    def parts(self) -> Any:
        """(x, y, weight), wherever they are."""
        raise NotImplementedError

    @property
    def layout(self) -> Layout:
        hosts = 1 if self.placing is None else self.placing.hosts
        return Layout(self.shapes, self.batch_size * hosts, self.rows * hosts, self.placing)

    @property
    def tokens(self) -> int | None:
        count = tokens_of(self.parts[0])
        return count if count is None or self.placing is None else count * self.placing.hosts

    @property
    def shapes(self) -> tuple[Any, Any]:
        """ShapeDtypeStructs of a stretch's data and order."""
        raise NotImplementedError

    def prepare(self, epoch: int, steps: int | None = None) -> None:
        self._passes.draw(part_of_pass(epoch, steps, self.steps)[0])

    def rehearsal(self) -> Self:
        other = copy.copy(self)
        other._passes = self._passes.rehearsal()
        return other

    def close(self) -> None:
        self._passes.close()

    def _part(self, epoch: int, steps: int | None, start: int) -> tuple[int, int, int]:
        """(pass, first step, steps) of an epoch, from its step `start` on."""
        number, at, count = part_of_pass(epoch, steps, self.steps)
        if steps is not None and count < steps:
            warn(RAN_OUT)
        return number, at + start, count - start


class ResidentSource(_Ordered):
    """Rows that live on the device.

    Args:
        rows: What to train on.
        batch_size: Rows a step.
        shuffle: Whether each pass has an order of its own, or 'batch'.
        placing: Which devices; each has all rows.
    """

    def __init__(
        self, rows: Rows, batch_size: int, shuffle: bool | str = False, placing: Placing | None = None
    ) -> None:
        super().__init__(rows, batch_size, shuffle, placing)
        data = (rows.x, rows.y, rows.weight)
        self._data = jax.device_put(data) if placing is None else _map(placing.everywhere, data)

    @property
    def parts(self) -> Any:
        return self._data

    @property
    def shapes(self) -> tuple[Any, Any]:
        order = jax.ShapeDtypeStruct((self.steps * self.batch_size,), np.int32)
        if self.placing is None:
            return shapes_of(self._data), order
        return _map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=a.sharding), self._data), order

    def epoch(self, epoch: int, steps: int | None = None, start: int = 0) -> Iterator[Stretch]:
        number, first, count = self._part(epoch, steps, start)
        yield Stretch(self._data, self._passes.order(number), first, count, self.rows)

    def trial(self) -> Stretch:
        from hefted.data.trial import scattered

        return Stretch(self._data, scattered(self.rows, self.steps * self.batch_size), 0, self.steps, self.rows)


class StreamedSource(_Ordered):
    """Rows that stay on the host: blocks of whole batches are gathered and sent one block ahead of the device.

    Args:
        rows: What to train on.
        batch_size: Rows a step.
        shuffle: Whether each pass has an order of its own, or 'batch'.
        block_bytes: About how much to send at a time.
        placing: Which devices; each is sent its own rows of every batch.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        shuffle: bool | str = False,
        block_bytes: int = _BLOCK_BYTES,
        placing: Placing | None = None,
    ) -> None:
        super().__init__(rows, batch_size, shuffle, placing)
        self._host = rows
        row_bytes = max(1, rows.nbytes // rows.count)
        self._block_steps = min(self.steps, max(1, block_bytes // (row_bytes * batch_size)))
        self._arange: Array = np.arange(self._block_steps * batch_size, dtype=np.int32)
        if placing is None:
            self._arange = jax.device_put(self._arange)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix='hefted-data')

    @property
    def shapes(self) -> tuple[Any, Any]:
        return block_shapes(self.parts, self._block_steps, self.batch_size, self.placing)

    @property
    def layout(self) -> Layout:
        return replace(super().layout, stepped=self.placing is not None)

    def epoch(self, epoch: int, steps: int | None = None, start: int = 0) -> Iterator[Stretch]:
        number, first, count = self._part(epoch, steps, start)
        order = self._passes.order(number)
        starts: list[int | None] = [*range(first, first + count, self._block_steps), None]
        ahead = self._send(order, first)
        for at, following in pairwise(starts):
            data = ahead.result()
            if following is not None:
                ahead = self._send(order, following)
            assert at is not None
            real = min(self.rows - at * self.batch_size, self._block_steps * self.batch_size)
            hosts = 1 if self.placing is None else self.placing.hosts
            yield Stretch(data, self._arange, 0, min(self._block_steps, first + count - at), hosts * real)

    def trial(self) -> Stretch:
        from hefted.data.trial import block_of

        return block_of(self._host.take(slice(0, _TRIAL_STEPS * self.batch_size)), self.layout)

    def rehearsal(self) -> Self:
        other = super().rehearsal()
        other._pool = ThreadPoolExecutor(1, thread_name_prefix='hefted-data')
        return other

    def close(self) -> None:
        super().close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def parts(self) -> Any:
        return (self._host.x, self._host.y, self._host.weight)

    def _send(self, order: HostArray, start: int) -> Future[Any]:
        size = self._block_steps * self.batch_size
        rows = order[start * self.batch_size :][:size]
        rows = np.pad(rows, (0, size - len(rows)))
        return self._pool.submit(lambda: self._sent(rows))

    def _sent(self, rows: HostArray) -> Any:
        placing = self.placing
        if placing is None:
            return jax.device_put(_map(lambda a: a[rows], self.parts))
        steps = rows.reshape(-1, self.batch_size)
        return _map(lambda a: placing.steps((*steps.shape, *a.shape[1:]), lambda at: a[steps[at[:2]]]), self.parts)


def source_for(
    rows: Rows, batch_size: int, shuffle: bool | str = False, placing: Placing | None = None
) -> ResidentSource | StreamedSource:
    """Rows on the device if they fit in a quarter of its memory, on each of many alike; else streamed.

    Of several processes all keep them alike: where one has less memory, all stream.
    """
    own = placing is not None and placing.hosts > 1  # then nobody has all of them
    if not own and memory.keeps(rows.nbytes, on_each=placing is not None):
        return ResidentSource(rows, batch_size, shuffle, placing)
    return StreamedSource(rows, batch_size, shuffle, placing=placing)


def block_shapes(parts: Any, steps: int, size: int, placing: Placing | None) -> tuple[Any, Any]:
    """ShapeDtypeStructs of a block of so many batches and of its order.

    Args:
        parts: Arrays (rows, …), nested.
        steps: How many batches.
        size: Rows of each that this process has.
        placing: Which devices: the block is (steps, size, …) then, else (steps * size, …).
    """
    order = jax.ShapeDtypeStruct((steps * size,), np.int32)
    if placing is None:
        return _map(lambda a: jax.ShapeDtypeStruct((steps * size, *a.shape[1:]), a.dtype), parts), order
    size *= placing.hosts
    rows = placing.rows(size, axis=1)
    return _map(lambda a: jax.ShapeDtypeStruct((steps, size, *a.shape[1:]), a.dtype, sharding=rows), parts), order


def part_of_pass(epoch: int, steps: int | None, whole: int) -> tuple[int, int, int]:
    """Which part of which pass an epoch is, as in Keras.

    An epoch of so many steps goes on where the last one ended; a pass that ends within it cuts it short.

    Args:
        epoch: Which.
        steps: Of an epoch; a whole pass if None.
        whole: Steps of a pass.

    Returns:
        The pass, its first step, and how many.

    Example:
        >>> [part_of_pass(epoch, 2, 5) for epoch in range(4)]
        [(0, 0, 2), (0, 2, 2), (0, 4, 1), (1, 0, 2)]
    """
    if steps is None:
        return epoch, 0, whole
    number, part = divmod(epoch, -(-whole // steps))
    return number, part * steps, min(steps, whole - part * steps)


def shapes_of(structure: Any) -> Any:
    """ShapeDtypeStructs of a nested structure of arrays; None stays None."""
    return _map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), structure)


def _map(function: Any, structure: Any) -> Any:
    return tree.map_structure(lambda leaf: None if leaf is None else function(leaf), structure)
