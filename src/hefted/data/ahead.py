"""Batches collected ahead on a thread, several of one shape in a block, so that neither device nor Python waits.

The thread draws a batch, copies it into the block that is open, and draws the next; a block that is full waits to be
taken, and the thread with it while two wait. Whoever takes gets a full block, or, when it would otherwise stand idle,
whatever the open one holds: a slow generator is trained on batch by batch, a fast one in blocks.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np

from hefted.data.arrays import HostArray, Rows

_WAITING = 2  # full blocks
_MOST_STEPS = 256  # in a block
_ALIGNMENT = 64  # bytes: what lies so, the device takes over without a copy where it has the host's memory
_PATIENCE = 1.0  # seconds that a thread in the user's code is waited for: whoever pressed Ctrl-C waits as long


class Block:
    """Batches of one shape, one after the other.

    Attributes:
        parts: Arrays (capacity * size, …), flat; `structure` says of what.
        size: Rows a batch.
        rows: Of them real: fewer than `size * count` where the only batch is a short one.
        count: Batches that are there.
    """

    def __init__(self, leaves: list[HostArray], structure: Any, size: int, capacity: int) -> None:
        self.structure, self.size, self.capacity = structure, size, capacity
        self.parts = [_empty((capacity * size, *a.shape[1:]), a.dtype) for a in leaves]
        self.rows = self.count = 0
        self.taken = False

    @property
    def whole(self) -> Rows:
        """What is there, as rows."""
        x, y, weight = jax.tree.unflatten(self.structure, [part[: self.rows] for part in self.parts])
        return Rows(x, y, weight)

    def write(self, leaves: list[HostArray]) -> int:
        """Copy a batch behind those that are there, a short one filled up with its first row; its number of rows."""
        rows = leaves[0].shape[0]
        at = self.count * self.size
        for part, leaf in zip(self.parts, leaves, strict=True):
            part[at : at + rows] = leaf
            part[at + rows : at + self.size] = leaf[:1]
        return rows


class Ahead:
    """A thread that collects.

    Args:
        convert: A batch as it comes, as `Rows` of host arrays.
        block_bytes: About how much of them goes into one block.
    """

    def __init__(self, convert: Callable[[Any], Rows], block_bytes: int) -> None:
        self.block_steps = _MOST_STEPS  # at most so many batches a block
        self.whole = False  # whether a block is taken full alone, however long that takes: the same on all hosts
        self._convert, self._block_bytes = convert, block_bytes
        self._full: dict[Any, int] = {}  # rows of a full batch, by its shapes
        self._changed = threading.Condition()
        self._waiting: deque[Block] = deque()
        self._open: Block | None = None
        self._kind: Any = None  # of the batches in it
        self._number = 0  # of the collection that goes on
        self._ended = True
        self._error: BaseException | None = None
        self._closed = False
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name='hefted-data', daemon=True)
        self._thread.start()

    def begin(self, batches: Callable[[], Iterator[Any]], most: int | None) -> None:
        """Collect the batches of an iterator that the thread makes: so many, or until it ends."""
        with self._changed:
            self._number += 1  # one that was left early ends itself
            self._waiting.clear()
            self._open, self._ended, self._error = None, False, None
            number = self._number
            self._changed.notify_all()
        self._tasks.put(lambda: self._collect(number, batches, most))

    def look(self, batch: Callable[[], Any]) -> Rows:
        """One batch, drawn by the thread, which draws all the others."""
        found: list[Any] = []
        self.begin(lambda: iter([batch()]), 1)
        while (block := self.take(wait=True)) is not None:
            found.append(block.whole)
        return found[0]

    @property
    def finished(self) -> bool:
        """Whether nothing more comes."""
        with self._changed:
            return self._ended and not self._waiting and self._open is None and self._error is None

    def take(self, wait: bool = False, seconds: float | None = None) -> Block | None:
        """A full block if there is one; with `wait`, any block that holds a batch. None if there is none (any more).

        Args:
            wait: Whether to wait for one.
            seconds: For how long at most, or a little longer.

        Raises:
            BaseException: What the iterator raised, once the batches before it are taken; of several hosts, the blocks.
        """
        with self._changed:
            while True:
                block = self._ready(wait)
                if block is not None:
                    self._changed.notify_all()
                    return block
                if self._ended:
                    error, self._error = self._error, None
                    if error is not None:
                        raise error
                    return None
                if not wait:
                    return None
                if not self._changed.wait(seconds):
                    return None

    def _ready(self, anything: bool) -> Block | None:
        if self._waiting:
            return self._waiting.popleft()
        block = self._open
        cut = self.whole and self._error is not None  # the others' blocks are longer: what is wrong is raised instead
        if block is not None and block.count and ((anything and not self.whole) or self._ended) and not cut:
            block.taken, self._open = True, None
            return block
        return None

    def close(self) -> None:
        """Stop collecting and end the thread, once the user's code lets go of it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._tasks.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(_PATIENCE)

    # On the thread

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _collect(self, number: int, batches: Callable[[], Iterator[Any]], most: int | None) -> None:
        error: BaseException | None = None
        try:
            for batch in itertools.islice(self._drawn(number, batches), most):
                self._add(number, self._convert(batch))
        except BaseException as caught:  # it is raised again where the batches are taken
            error = caught
        with self._changed:
            if number == self._number:
                self._ended, self._error = True, error
                self._changed.notify_all()

    def _drawn(self, number: int, batches: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """The batches, each drawn when there is room for it."""

        def may_go_on() -> bool:
            return self._closed or number != self._number or len(self._waiting) < _WAITING

        iterator = batches()
        while True:
            with self._changed:
                self._changed.wait_for(may_go_on)
                if self._closed or number != self._number:
                    return
            try:
                batch = next(iterator)
            except StopIteration:
                return
            yield batch

    def _add(self, number: int, rows: Rows) -> None:
        leaves, structure = jax.tree.flatten((rows.x, rows.y, rows.weight))
        count = rows.count
        kind = (structure, *((a.shape[1:], a.dtype) for a in leaves))
        size = self._full[kind] = max(count, self._full.get(kind, 0))
        block = self._open
        if block is not None and (count < size or size != block.size or kind != self._kind):
            self._finish(block)
            block = None
        while True:
            if block is None:
                block = Block(leaves, structure, size, 1 if count < size else self.capacity(rows))
            written = block.write(leaves)
            with self._changed:
                if number != self._number:
                    return
                if block.taken:  # while it was written to
                    block = None
                    continue
                block.count, block.rows = block.count + 1, block.rows + written
                self._open, self._kind = block, kind
                if block.count == block.capacity:
                    self._waiting.append(block)
                    self._open = None
                self._changed.notify_all()
                return

    def _finish(self, block: Block) -> None:
        with self._changed:
            if not block.taken:
                self._waiting.append(block)
                self._open = None
                self._changed.notify_all()

    def capacity(self, rows: Rows) -> int:
        """How many such batches a block has room for."""
        return max(1, min(self.block_steps, self._block_bytes // max(1, rows.nbytes)))


def _empty(shape: tuple[int, ...], dtype: Any) -> HostArray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
