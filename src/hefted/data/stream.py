"""A source of batches that come from elsewhere: gathered into blocks, so that whole stretches stay one program."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from itertools import cycle, repeat
from time import perf_counter
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.data.ahead import Ahead, Block
from hefted.data.arrays import Rows, rows_of
from hefted.data.feeds import Feed, IteratedFeed
from hefted.data.source import RAN_OUT, Layout, Stretch, block_shapes, part_of_pass
from hefted.errors import ArgumentError, DataError, warn
from hefted.variables import Array

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing

_BLOCK_BYTES = 8 << 20  # of a few tens of usual batches: a fraction of a second of steps, and four fit anywhere
_PIECE_SECONDS = 0.5  # of waiting for batches, after which it is seen whether to wait on


class StreamSource:
    """Batches of a generator or a dataset.

    A pass is drawn on one thread (every batch of it, from the first to the last), never past the epoch's steps. Batches
    of one shape share a compiled loop; a shorter one than those before it is a block of its own.

    Args:
        feed: What gives batches.
        class_weight: Weight by class, for batches without weights of their own.
        enter: What the model makes of a batch's inputs on the host.
        block_bytes: About how much goes to the device at a time.

    Attributes:
        sample: The first batch.
        placing: Which devices, once that is known; each is sent its own rows of every batch.
        check: Called with the rows of each block, before it is trained on.
    """

    def __init__(
        self,
        feed: Feed,
        class_weight: Mapping[int, float] | None = None,
        enter: Callable[[Any], Any] | None = None,
        block_bytes: int = _BLOCK_BYTES,
    ) -> None:
        self.feed = feed
        self._placing: Placing | None = None
        self._enter = enter
        self.check: Callable[[Rows], None] = lambda _: None
        self._class_weight = class_weight
        self._block_bytes = block_bytes
        self._first: Any = None  # as it came
        self._drawn_in: list[float] = []  # seconds of the first one or two batches
        self._ahead = Ahead(self._rows, block_bytes)
        self._iterator: Iterator[Any] | None = None
        self._at = self._began = (0, 0)  # pass and batch that the iterator gives next; the epoch's first
        self._ended = True  # whether no epoch is under way: all of its batches were drawn
        self._over = False  # whether the next epoch was at its end already when its training was cut short
        self._layouts: dict[Any, Layout] = {}
        self._orders: dict[int, Array] = {}
        try:
            self.sample = self._ahead.look(self._look)
        except BaseException:
            self.close()
            raise

    @property
    def placing(self) -> Placing | None:
        """On which devices its batches lie."""
        return self._placing

    @placing.setter
    def placing(self, placing: Placing | None) -> None:
        if placing is not None and placing.hosts == 1:
            refuse_parts(self.feed)
        self._placing = placing
        self._ahead.whole = placing is not None and jax.process_count() > 1

    def rehearsal(self, whole: bool = True) -> StreamSource:
        """Its first batch again and again, converted, gathered and sent as all of them will be; to be closed.

        Of data that tells of several kinds it is a batch of each, as often and in the order in which a pass has them.

        Args:
            whole: Whether so many come; kinds take turns if not, so that any part of a pass has its part of each.
        """
        order, examples = self._examples
        order = order if whole else in_turns(order)
        batches = (examples[kind] for kind in cycle(order)) if order else repeat(self._first)
        other = copy.copy(self)
        other.feed = IteratedFeed(self.feed.kind, batches, restarts=False)
        other._ahead = Ahead(other._rows, self._block_bytes)
        other._ahead.block_steps, other._ahead.whole = self._ahead.block_steps, self._ahead.whole
        other._iterator, other._at, other._began = None, (0, 0), (0, 0)
        return other

    def kinds(self) -> list[tuple[Rows, Layout, float]]:
        """A batch of each kind that the data tells of, its layout, and its part of all batches; to be asked before."""
        order, examples = self._examples
        counts = Counter(order)
        rows = {kind: self._rows(batch) for kind, batch in examples.items()}
        return [
            (each, self._layout(each, each.count, self._ahead.capacity(each), 0), counts[kind] / len(order))
            for kind, each in rows.items()
        ]

    @cached_property
    def _examples(self) -> tuple[list[Any], dict[Any, Any]]:
        """The kinds of all batches in order, and a batch of each as it comes; nothing where all are alike."""
        order = self.feed.kinds()
        if len(set(order)) < 2:
            return [], {}
        examples: dict[Any, Any] = {}

        def draw(kind: Any) -> Any:
            examples[kind] = self.feed.example(order.index(kind))
            return examples[kind]

        for kind in dict.fromkeys(order):
            self._ahead.look(partial(draw, kind))  # on the thread that draws all
        return order, examples

    def seconds_to_draw(self) -> float:
        """What a batch takes to come: as the second one does, where that can be had early; the first may set up much.

        It is drawn on the thread that draws all, and comes in its turn.
        """
        self._ahead.begin(lambda: self._timed(self.feed.another), 1)
        while self._ahead.take(wait=True) is not None:
            pass
        return min(self._drawn_in) / self.feed.workers

    def _look(self) -> Any:
        self._first = next(self._timed(lambda: [self.feed.first()]))
        return self._first

    def _timed(self, draw: Callable[[], list[Any]]) -> Iterator[Any]:
        begun = perf_counter()
        if batches := draw():
            self._drawn_in.append(perf_counter() - begun)
        return iter(batches)

    @property
    def batch_size(self) -> int:
        """Rows of the first batch, which most have."""
        return self.sample.count

    @property
    def steps(self) -> int | None:
        """Of a pass, where the data says."""
        return self.feed.batches

    @property
    def tokens(self) -> int | None:
        """Places of a pass that hold a token, where the data says."""
        return self.feed.tokens

    @property
    def layout(self) -> Layout:
        """Of batches like the first."""
        return self._layout(self.sample, self.batch_size, self._ahead.capacity(self.sample), 0)

    def step_by_step(self) -> None:
        """Somebody stops at every step: gather none, and draw no further ahead than needs be."""
        self._ahead.block_steps = 1

    def epoch(self, epoch: int, steps: int | None = None, start: int = 0) -> Iterator[Stretch | None]:
        over, self._over, self._ended = self._over, False, False
        if over:
            self._ended = True
            return
        self.feed.begin_epoch()
        most = self._seek(epoch, steps, start)
        seen = 0
        while True:
            # What a resumed training goes on in may be at its end, which only shows now.
            anew = self._iterator is None and bool(start or not self._at[1])
            for block in self._blocks(most):
                if block is not None:
                    seen += block.count
                    self.check(block.whole)
                yield block and self._stretch(block)
            if seen or anew or not self.feed.restarts:
                break
            self._begin_pass()  # the last one ended with the epoch before, which only shows now
            self._began = self._at
        wanted = steps - start if steps is not None else 0 if start else 1
        self._end(seen, most, wanted)

    def _end(self, seen: int, most: int | None, wanted: int) -> None:
        if seen < wanted:
            warn(RAN_OUT)
        if self.feed.restarts and (most is None or seen < most):
            self._begin_pass()
        self._began = self._at
        self.feed.end_epoch(whole=self._at[1] in (0, self.feed.batches))
        self._ended = True

    def _begin_pass(self) -> None:
        self.feed.end_pass()
        self._iterator, self._at = None, (self._at[0] + 1, 0)

    def _blocks(self, most: int | None) -> Iterator[Block | None]:
        self._ahead.begin(self._drawn, most)
        while True:
            block = self._ahead.take(wait=self._ahead.whole)
            while block is None and not self._ahead.finished:
                yield None  # the device may finish what it has, and who is told to end does; meanwhile batches come in
                block = self._ahead.take(wait=True, seconds=_PIECE_SECONDS)
            if block is None:
                return
            self._at = self._at[0], self._at[1] + block.count
            yield block

    def _seek(self, epoch: int, steps: int | None, start: int) -> int | None:
        """Let the iterator stand where the epoch begins; how many batches to draw, as far as that is known."""
        whole, restarts = self.feed.batches, self.feed.restarts
        if restarts and (steps is None or whole is not None):
            number, first, most = part_of_pass(epoch, steps, whole or 0)
            self._began = number, first
            left = None if whole is None else most - start
        else:  # a generator, or a dataset of which nobody knows where it ends: on from where it is
            if restarts and epoch == start == 0:
                self._began = 0, 0
            left = None if steps is None else steps - start
        wanted = self._began[0], self._began[1] + start
        if self._iterator is None or (restarts and wanted != self._at):
            self._iterator, self._at = None, wanted
        return left

    def identity(self) -> dict[str, Any]:
        """What tells this data from other data: its kind and shapes, as its values are not known before they come."""
        told = [f'{part.dtype.name} {part.shape}' for part in jax.tree.leaves(tuple(vars(self.sample).values()))]
        return {'data': [self.feed.kind, *told], 'steps of a pass': self.steps}

    def get_state(self) -> dict[str, Any]:
        where = {'pass': self._began[0], 'batch': self._began[1], 'own': self.feed.get_state()}
        random = self.feed.random()
        return {'feed': self.feed.kind, 'seed': self.feed.seed, 'ended': self._ended, 'random': random, **where}

    def set_state(self, state: dict[str, Any]) -> None:
        if state.get('feed') != self.feed.kind:
            raise ArgumentError(
                f'Expected a {state.get("feed", "number of arrays")} as in the training that is resumed, '
                f'received a {self.feed.kind}. Pass the same data, or delete the backup to begin anew.'
            )
        if state['seed'] is not None:
            self.feed.shuffle(state['seed'])
        self.feed.set_state(state.get('own'))
        self.feed.randomly(state.get('random'))
        self._over = self._ended = bool(state.get('over'))
        self._iterator, self._began = None, (state['pass'], state['batch'])

    def _drawn(self) -> Iterator[Any]:
        """On the thread: the pass that is under way, or a new one."""
        if self._iterator is None:
            self._iterator = self.feed.a_pass(*self._at)
        return self._iterator

    def prepare(self, epoch: int, steps: int | None = None) -> None:
        """An epoch's batches are not drawn before it begins: callbacks may change what is drawn."""

    def trial(self) -> Stretch:
        from hefted.data.trial import block_of

        return block_of(self.sample, self.layout)

    def close(self) -> None:
        self._ahead.close()
        self._iterator = None
        self.feed.close()

    def batches(self, steps: int | None = None) -> Iterator[Rows]:
        """The batches of one pass, drawn ahead, on the host."""
        self.step_by_step()
        self.feed.begin_epoch()
        most = self._seek(0, steps, 0)
        seen = 0
        for block in self._blocks(most):
            if block is not None:
                seen += 1
                yield block.whole
        self._end(seen, most, steps or 0)

    def _rows(self, batch: Any) -> Rows:
        x, y, weight = unpacked(batch, self.feed.kind)
        x = x if self._enter is None else self._enter(x)
        return rows_of(x, y, weight, None if y is None else self._class_weight, f' of a batch of the {self.feed.kind}')

    def _stretch(self, block: Block) -> Stretch:
        rows = block.whole
        layout = self._layout(rows, block.size, block.capacity, block.rows % block.size)
        placing, size = self.placing, block.size
        parts = jax.device_put(block.parts) if placing is None else [placing.block(part, size) for part in block.parts]
        data = jax.tree.unflatten(block.structure, parts)
        hosts = 1 if placing is None else placing.hosts
        if hosts > 1 and block.rows < block.size * block.count:
            raise DataError(
                f'Expected batches of {block.size} rows of each process with auto_shard_dataset=False, received one of '
                f'{block.rows} of the {self.feed.kind}. Leave out short batches.'
            )
        return Stretch(data, self._order(block.capacity * size), 0, block.count, hosts * block.rows, layout)

    def _layout(self, rows: Rows, size: int, capacity: int, tail: int) -> Layout:
        parts, structure = jax.tree.flatten((rows.x, rows.y, rows.weight))
        key = (structure, size, capacity, tail, *((a.shape[1:], a.dtype) for a in parts))
        if key not in self._layouts:
            placing = self.placing
            shapes = block_shapes(jax.tree.unflatten(structure, parts), capacity, size, placing)
            hosts = 1 if placing is None else placing.hosts
            rows_there = hosts * (tail or capacity * size)
            self._layouts[key] = Layout(shapes, hosts * size, rows_there, placing, placing is not None)
        return self._layouts[key]

    def _order(self, total: int) -> Array:
        if total not in self._orders:
            order = np.arange(total, dtype=np.int32)
            self._orders[total] = jax.device_put(order) if self.placing is None else order
        return self._orders[total]


def shard_of(feed: Any) -> tuple[int, int] | None:
    """Which part of each batch a feed gives, and of how many, where it says so."""
    return getattr(feed, 'shard', None)


def refuse_parts(feed: Feed) -> None:
    """Raise where each process gives its part of a batch and would be taken to give all of it."""
    shard = shard_of(feed)
    if jax.process_count() > 1 and shard is not None and shard[1] > 1:
        raise ArgumentError(
            f'Expected all of each batch from every process, received a {feed.kind} of shard={shard!r}: only '
            'some of its rows would be computed with. Leave out shard=, or set a distribution with '
            'auto_shard_dataset=False, such as DataParallel(auto_shard_dataset=False).'
        )


def in_turns(kinds: list[Any]) -> list[Any]:
    """The same kinds as evenly spread as can be.

    Example:
        >>> in_turns(['a', 'a', 'b', 'b', 'b', 'b'])
        ['b', 'a', 'b', 'b', 'a', 'b']
    """
    counts, seen = Counter(kinds), Counter[Any]()
    places: list[float] = []
    for kind in kinds:
        places.append((seen[kind] + 0.5) / counts[kind])
        seen[kind] += 1
    return [kinds[number] for number in np.argsort(places, kind='stable')]


def unpacked(batch: Any, kind: str) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch: x alone, (x,), (x, y) or (x, y, sample_weight).

    Raises:
        ArgumentError: A tuple of another length.
    """
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ArgumentError(
            f'Expected batches (x,), (x, y) or (x, y, sample_weight) of the {kind}, received {len(batch)} things. '
            'Nest several inputs or targets in a tuple or a dict of their own.'
        )
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight
