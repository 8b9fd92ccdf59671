"""Data that comes in batches of its own: which kinds there are, and how each gives a pass over itself.

No library is imported here: a torch DataLoader, a tf.data.Dataset and a Grain dataset are known by the names of their
classes, as anything else that can be iterated over is by its methods.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from hefted.data import workers
from hefted.errors import ArgumentError, DataError
from hefted.utils import random_states
from hefted.utils.py_dataset import PyDataset

_LOADER = 'torch DataLoader'


class Feed(Protocol):
    """Batches, pass by pass.

    Attributes:
        kind: What a user calls it.
        restarts: Whether a second pass begins anew; a generator goes on, and is at its end some day.
        seed: Of the order of its batches; None where it orders them itself.
        workers: How many of its batches are made at a time.
        tokens: Of text, how many places of a pass hold a token; None where it does not say.
    """

    kind: str
    restarts: bool
    seed: int | None

    @property
    def tokens(self) -> int | None: ...

    @property
    def workers(self) -> int: ...

    @property
    def batches(self) -> int | None:
        """How many a pass has; None where it does not say, or has no end."""
        ...

    def kinds(self) -> list[Any]:
        """What tells the shapes of each batch of a pass, where the data says; none where all are like the first."""
        ...

    def example(self, number: int) -> Any:
        """A batch by its number, of data that says of what kinds its batches are."""
        ...

    def first(self) -> Any:
        """The first batch, for its shapes; it is not lost for the first pass.

        Raises:
            DataError: There is none.
        """
        ...

    def another(self) -> list[Any]:
        """The batch behind the first, which is not lost either; none where it cannot be had so."""
        ...

    def a_pass(self, number: int, skip: int) -> Iterator[Any]:
        """The batches of one pass, but for the first `skip`."""
        ...

    def shuffle(self, seed: int) -> None:
        """Take the batches in another order each pass, where that can be; others order themselves."""
        ...

    def get_state(self) -> Any:
        """The data's own state when its pass began, or a `PyDataset`'s when its epoch did; None where it has none."""
        ...

    def set_state(self, state: Any) -> None:
        """Let the data have that state again, before it is asked for the same pass."""
        ...

    def begin_epoch(self) -> None:
        """An epoch begins."""
        ...

    def end_epoch(self, whole: bool = True) -> None:
        """Its steps are done, and with them the pass if it is `whole`."""
        ...

    def end_pass(self) -> None:
        """The pass is over: its state is from now on that of the next one's beginning."""
        ...

    def random(self) -> dict[str, Any] | None:
        """The states of the program's random numbers when the pass began, where that draws from them."""
        ...

    def randomly(self, states: dict[str, Any] | None) -> None:
        """Begin the next pass with these."""
        ...

    def close(self) -> None:
        """Nothing more is wanted."""
        ...


class IteratedFeed:
    """A generator, or a dataset that a new iterator begins again.

    Args:
        kind: What a user calls it.
        data: What is iterated over.
        batches: How many batches a pass has, if that is known.
        restarts: Whether `iter(data)` begins again.
    """

    workers = 1  # a library that has several hands out what they made
    tokens = None

    def __init__(self, kind: str, data: Any, batches: int | None = None, restarts: bool = True) -> None:
        self.kind, self.batches, self.restarts = kind, batches, restarts
        self.seed: int | None = None
        self._data = data
        self._begun: Iterator[Any] | None = None  # an iterator of which only the first batches were looked at
        self._state: Any = None
        self._looked: list[Any] = []
        self._behind: Iterator[Any] = iter(())
        self._goes_on = False  # whether a pass is under way, and the state is that of its beginning
        self._random: dict[str, Any] | None = None
        self._to_put_back: dict[str, Any] | None = None

    def kinds(self) -> list[Any]:
        return []

    def example(self, number: int) -> Any:
        raise IndexError(f'A {self.kind} has no batch by number, received {number}.')

    def first(self) -> Any:
        iterator = self._new()
        for batch in iterator:
            self._looked, self._behind = [batch], iterator
            self._begun = itertools.chain(self._looked, iterator)
            return batch
        raise DataError(f'Expected a {self.kind} with at least one batch, received an empty one.')

    def another(self) -> list[Any]:
        if self._begun is None or len(self._looked) > 1:
            return []
        try:
            batch = next(self._behind)
        except StopIteration:
            return []
        except Exception as error:  # it is raised in its turn
            self._begun = itertools.chain(self._looked, _raising(error))
            return []
        self._looked = [*self._looked, batch]
        self._begun = itertools.chain(self._looked, self._behind)
        return [batch]

    def a_pass(self, number: int, skip: int) -> Iterator[Any]:
        del number
        begun, self._begun, self._looked = self._begun, None, []
        return itertools.islice(self._new() if begun is None else begun, skip, None)

    def _new(self) -> Iterator[Any]:
        states, self._to_put_back = self._to_put_back, None
        if states is not None:
            random_states.put_back(states)
        self._goes_on = True
        self._state = _state_of(self._data)
        if self.kind == _LOADER:  # which draws the order of its rows from torch's, and whose rows may be drawn as well
            self._random = random_states.held()
        return iter(self._data)

    def shuffle(self, seed: int) -> None:
        """Its order is its own."""

    def get_state(self) -> Any:
        return self._state if self._goes_on else _state_of(self._data)

    def set_state(self, state: Any) -> None:
        if self.restarts and state is not None:
            self._begun, self._goes_on = None, False
            self._data.set_state(state)

    def random(self) -> dict[str, Any] | None:
        return self._random if self._goes_on else self._to_put_back

    def randomly(self, states: dict[str, Any] | None) -> None:
        if self.kind == _LOADER:
            self._begun, self._goes_on, self._to_put_back = None, False, states

    def begin_epoch(self) -> None:
        """Nobody is told."""

    def end_epoch(self, whole: bool = True) -> None:
        """Nobody is told."""

    def end_pass(self) -> None:
        self._goes_on = False

    def close(self) -> None:
        """What the user made, the user closes."""
        self._begun, self._looked, self._behind = None, [], iter(())


class IndexedFeed:
    """A `PyDataset`: batches by number, made by workers where it asks for them.

    Args:
        dataset: The `PyDataset`, Hefted's or Keras's.
    """

    kind = 'PyDataset'
    restarts = True

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.seed: int | None = None
        self._made: Any = None
        self._state: Any = None
        self._goes_on = False  # whether an epoch is under way

    @property
    def batches(self) -> int | None:
        return self._dataset.num_batches

    def kinds(self) -> list[Any]:
        if not isinstance(self._dataset, PyDataset):  # Keras's own says nothing of it
            return []
        told = list(self._dataset.batch_kinds() or ())
        if told and len(told) != self.batches:
            raise ArgumentError(
                f'Expected batch_kinds() of {type(self._dataset).__name__} to tell of each of {self.batches} batches, '
                f'received {len(told)}. Give as many, in the order of the batches, or None.'
            )
        try:
            set(told)
        except TypeError as error:
            raise ArgumentError(
                f'Expected batch_kinds() of {type(self._dataset).__name__} to tell numbers or tuples of them, such as '
                f"the length of a batch's rows, received {told[0]!r}. Take tuple(shape) of a list."
            ) from error
        return told

    def example(self, number: int) -> Any:
        return self._dataset[number]

    def first(self) -> Any:
        if self.batches == 0:
            raise DataError('Expected a PyDataset with at least one batch, received one of length 0.')
        # Keras looks at a batch before it trains, and tells the dataset so; one that shuffles itself at an epoch's
        # end must do so as often here.
        self.begin_epoch()
        batch = self._dataset[0]
        self.end_epoch()
        return batch

    @property
    def shard(self) -> tuple[int, int] | None:
        """Which part of each batch it gives, and of how many, where it says so."""
        match getattr(self._dataset, 'shard', None):
            case (int() as index, int() as count):
                return index, count
            case _:
                return None

    @property
    def tokens(self) -> int | None:
        told = self._dataset.tokens if isinstance(self._dataset, PyDataset) else None
        return told if isinstance(told, int) else None

    @property
    def workers(self) -> int:
        return max(1, int(self._dataset.workers))

    def another(self) -> list[Any]:
        return []  # a dataset that counts its calls would see one more

    def a_pass(self, number: int, skip: int) -> Iterator[Any]:
        self.close()
        self._made = workers.in_order(
            self._dataset,
            itertools.islice(self._order(number), skip, None),
            int(self._dataset.workers),
            bool(self._dataset.use_multiprocessing),
            int(self._dataset.max_queue_size),
        )
        return self._made

    def _order(self, number: int) -> Iterator[int]:
        count = self.batches
        if count is None:
            return itertools.count()
        if self.seed is None:
            return iter(range(count))
        order: Sequence[int] = np.random.default_rng([self.seed, number]).permutation(count).tolist()
        return iter(order)

    def shuffle(self, seed: int) -> None:
        self.seed = seed

    def get_state(self) -> Any:
        return self._state if self._goes_on else _state_of(self._dataset)

    def set_state(self, state: Any) -> None:
        if state is not None:
            self._dataset.set_state(state)

    def random(self) -> None:
        """Its batches are drawn by number: what came before is not drawn again."""

    def randomly(self, states: dict[str, Any] | None) -> None:
        """Likewise."""

    def begin_epoch(self) -> None:
        self._state, self._goes_on = _state_of(self._dataset), True
        self._dataset.on_epoch_begin()

    def end_epoch(self, whole: bool = True) -> None:
        if whole or not (isinstance(self._dataset, PyDataset) and self._dataset.whole_passes):
            self._dataset.on_epoch_end()
        self._goes_on = False

    def end_pass(self) -> None:
        """Its own state goes by epochs."""

    def close(self) -> None:
        made, self._made = self._made, None
        if made is not None and not made.gi_running:  # a thread that is left in the user's code closes it afterwards
            made.close()


def feed_of(x: Any) -> Feed | None:
    """What gives batches by itself, or None for arrays.

    Raises:
        ArgumentError: A dataset of torch, which has single rows.
    """
    names = {(cls.__name__, cls.__module__.partition('.')[0]) for cls in type(x).__mro__}
    if names & {('DatasetV2', 'tensorflow'), ('DistributedDataset', 'tensorflow')}:
        count = _cardinality(x.cardinality)
        return IteratedFeed('tf.data.Dataset', x, count if count >= 0 else None)
    if ('DataLoader', 'torch') in names:
        return IteratedFeed(_LOADER, x, _length(x))
    if ('Dataset', 'torch') in names:
        raise ArgumentError(
            f'Expected what gives batches, received {type(x).__name__}, a torch Dataset of single rows. '
            'Pass torch.utils.data.DataLoader(dataset, batch_size=32).'
        )
    if names & {('MapDataset', 'grain'), ('IterDataset', 'grain'), ('DataLoader', 'grain')}:
        return IteratedFeed('Grain dataset', x)
    if all(hasattr(type(x), name) for name in ('__getitem__', 'num_batches', 'on_epoch_begin', 'on_epoch_end')):
        return IndexedFeed(x)
    if hasattr(x, '__next__'):
        return IteratedFeed('generator', x, restarts=False)
    return None


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def _state_of(data: Any) -> Any:
    """What a dataset that can be put back is put back to; None where it cannot."""
    can = all(callable(getattr(data, name, None)) for name in ('get_state', 'set_state'))
    return data.get_state() if can else None


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:  # of a stream, or of a sampler that does not know
        return None


def _cardinality(told: Any) -> int:
    """How many elements; a method of a dataset, a number of a distributed one."""
    if callable(told):
        told = told()
    return int(told)  # pyright: ignore[reportArgumentType]


def refuse_beside(feed: Feed, **given: Any) -> None:
    """Raise where targets or weights were passed beside what has its own.

    Raises:
        ArgumentError: One of them is not None.
    """
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f'When x is a {feed.kind}, {name} should not be passed, received {type(value).__name__}. '
                f'Let the {feed.kind} give (x, y) or (x, y, sample_weight).'
            )
