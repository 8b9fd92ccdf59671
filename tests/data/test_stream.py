"""Batches from elsewhere: drawn ahead on one thread, in order, no further than asked, nothing left behind."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hefted.data.feeds import feed_of
from hefted.data.stream import StreamSource
from hefted.errors import ArgumentError, DataError
from hefted.utils import PyDataset


def stream(data: Any, **arguments: Any) -> StreamSource:
    feed = feed_of(data)
    assert feed is not None
    return StreamSource(feed, **arguments)


def counted(sizes: list[int], drawn: list[int] | None = None) -> Iterator[Any]:
    """Batches of these sizes, their rows numbered throughout."""
    at = 0
    for size in sizes:
        if drawn is not None:
            drawn.append(size)
        yield np.arange(at, at + size, dtype='float32')[:, None], np.arange(at, at + size)
        at += size


def taken(source: StreamSource, epoch: int = 0, steps: int | None = None, start: int = 0) -> list[list[int]]:
    """The rows of each step of an epoch, as the compiled loop would take them."""
    found: list[list[int]] = []
    for stretch in source.epoch(epoch, steps, start):
        if stretch is None:
            continue
        x, y, weight = stretch.data
        assert weight is None
        assert stretch.layout is not None
        assert x.shape == stretch.layout.shapes[0][0].shape
        order, size = np.asarray(stretch.order), stretch.layout.batch_size
        for step in range(stretch.steps):
            index = order[step * size : min((step + 1) * size, stretch.rows)]
            np.testing.assert_array_equal(np.asarray(x)[index, 0], np.asarray(y)[index])
            found.append([int(v) for v in np.asarray(y)[index]])
    return found


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith('hefted-data')}


class Numbered(PyDataset):
    """Five batches of two rows; what is asked of it is noted."""

    def __init__(self, count: int | None = 5, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.count, self.asked = count, list[Any]()

    @property
    def num_batches(self) -> int | None:
        return self.count

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        return np.full((2, 1), index, 'float32'), np.full(2, index)

    def on_epoch_begin(self) -> None:
        self.asked.append('begin')

    def on_epoch_end(self) -> None:
        self.asked.append('end')


@pytest.mark.parametrize('block_bytes', [1, 100, 1 << 20])
def test_batches_keep_their_order_and_their_rows_whatever_their_sizes(block_bytes: int) -> None:
    sizes = [4, 4, 2, 4, 1, 1, 5, 5, 4, 3]
    source = stream(counted(sizes), block_bytes=block_bytes)
    found = taken(source)
    source.close()
    assert [len(batch) for batch in found] == sizes
    assert [row for batch in found for row in batch] == list(range(sum(sizes)))


def test_no_batch_is_drawn_past_the_steps_of_an_epoch_and_the_next_goes_on() -> None:
    drawn: list[int] = []
    source = stream(counted([3] * 50, drawn))
    assert len(drawn) == 1
    assert [batch[0] for batch in taken(source, 0, 4)] == [0, 3, 6, 9]
    time.sleep(0.05)
    assert len(drawn) == 4
    assert [batch[0] for batch in taken(source, 1, 4)] == [12, 15, 18, 21]
    assert len(drawn) == 8
    source.close()


def test_a_batch_that_is_drawn_into_the_same_memory_is_not_lost() -> None:
    memory = np.zeros((2, 1), 'float32')

    def again() -> Iterator[Any]:
        for i in range(20):
            memory[:] = i
            yield memory, memory[:, 0].astype(int)

    source = stream(again())
    assert [batch[0] for batch in taken(source)] == list(range(20))
    source.close()


def test_a_generator_at_its_end_warns_and_gives_no_more() -> None:
    source = stream(counted([3] * 5))
    with pytest.warns(UserWarning, match='ran out of data'):
        assert len(taken(source, 0, 7)) == 5
    with pytest.warns(UserWarning, match='ran out of data'):
        assert taken(source, 1, 7) == []
    source.close()


def test_an_error_of_the_generator_comes_after_the_batches_before_it_with_its_own_traceback() -> None:
    def failing() -> Iterator[Any]:
        yield from counted([2, 2])
        raise RuntimeError('the disk is gone')

    source = stream(failing())
    seen = 0
    with pytest.raises(RuntimeError, match='the disk is gone') as caught:
        for stretch in source.epoch(0):
            seen += stretch.steps if stretch is not None else 0
    assert seen == 2
    assert 'failing' in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    source.close()
    assert not threads()


def test_no_thread_is_left_behind_by_an_epoch_that_is_left_early_or_never_begun() -> None:
    for begin in (True, False):
        source = stream(counted([2] * 1000), block_bytes=1)
        if begin:
            next(iter(source.epoch(0)))
        source.close()
        assert not threads()


def test_a_slow_generator_is_trained_on_batch_by_batch() -> None:
    go_on = threading.Semaphore(1)

    def slow() -> Iterator[Any]:
        for batch in counted([2] * 3):
            go_on.acquire()
            yield batch

    source = stream(slow())
    for stretch in source.epoch(0):
        if stretch is not None:
            assert stretch.steps == 1  # it did not wait for the next, which comes only now
            go_on.release()
    source.close()


def test_what_is_empty_or_no_batch_is_refused_and_leaves_no_thread() -> None:
    with pytest.raises(DataError, match='generator with at least one batch'):
        stream(counted([]))
    with pytest.raises(DataError, match='PyDataset with at least one batch'):
        stream(Numbered(0))
    with pytest.raises(ArgumentError, match='4 things'):
        stream(iter([(1, 2, 3, 4)]))
    with pytest.raises(DataError, match='at least one row'):
        stream(iter([np.zeros((0, 2))]))
    assert feed_of(np.zeros(3)) is feed_of([1, 2]) is feed_of({'a': np.zeros(2)}) is None
    assert not threads()


def test_a_pydataset_is_told_of_its_epochs_and_asked_for_each_batch_once_in_each() -> None:
    data = Numbered()
    source = stream(data)
    assert data.asked == ['begin', 0, 'end']
    for epoch in range(2):
        data.asked.clear()
        assert [batch[0] for batch in taken(source, epoch)] == [0, 1, 2, 3, 4]
        assert data.asked == ['begin', 0, 1, 2, 3, 4, 'end']
    source.close()


@pytest.mark.parametrize('whole', [False, True])
def test_a_pydataset_of_whole_passes_is_told_of_their_ends_alone(whole: bool) -> None:
    data = Numbered(6)
    data.whole_passes = whole
    source = stream(data)
    data.asked.clear()
    for epoch in range(6):
        taken(source, epoch, 2)
    source.close()
    between = [] if whole else ['end']
    assert data.asked == ['begin', 0, 1, *between, 'begin', 2, 3, *between, 'begin', 4, 5, 'end'] * 2


def test_a_shuffled_pydataset_has_an_order_for_each_pass_that_its_state_brings_back() -> None:
    orders: list[Any] = []
    for _ in range(2):
        source = stream(Numbered())
        source.feed.shuffle(3)
        orders.append([[batch[0] for batch in taken(source, epoch)] for epoch in range(3)])
        state = source.get_state()
        source.close()
    assert orders[0] == orders[1]
    assert len({str(order) for order in orders[0]}) == 3
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders[0])
    resumed = stream(Numbered())
    resumed.set_state(state)
    assert [batch[0] for batch in taken(resumed, 2, None, 3)] == orders[0][2][3:]
    other = stream(counted([1]))
    with pytest.raises(ArgumentError, match='PyDataset as in the training'):
        other.set_state(state)
    other.close()
    resumed.close()


def test_a_resumed_generator_is_drawn_up_to_where_it_was() -> None:
    source = stream(counted([1] * 20))
    taken(source, 0, 5)
    state = source.get_state()
    source.close()
    resumed = stream(counted([1] * 20))
    resumed.set_state(state)
    assert taken(resumed, 1, 5, 2) == [[7], [8], [9]]
    assert taken(resumed, 2, 3) == [[10], [11], [12]]
    resumed.close()


def test_an_endless_pydataset_goes_on_from_epoch_to_epoch() -> None:
    source = stream(Numbered(None))
    assert [[batch[0] for batch in taken(source, epoch, 3)] for epoch in range(2)] == [[0, 1, 2], [3, 4, 5]]
    assert [batch[0] for batch in taken(source, 0, 3)] == [0, 1, 2]  # as each evaluation does
    source.close()


@pytest.mark.parametrize('processes', [False, pytest.param(True, marks=pytest.mark.filterwarnings('ignore:.*fork'))])
def test_workers_make_batches_in_order(processes: bool) -> None:
    data = Numbered(30, workers=3, use_multiprocessing=processes, max_queue_size=4)
    source = stream(data)
    for epoch in range(2):
        assert [batch[0] for batch in taken(source, epoch)] == list(range(30))
    source.close()
    assert not threads()


def test_a_stream_s_rehearsal_repeats_its_first_batch_and_takes_none():
    given = []

    def batches():
        for number in range(6):
            given.append(number)
            yield np.full((4, 2), number, np.float32), np.zeros((4, 1), np.float32)

    source = stream(batches())
    again = source.rehearsal()
    seen = [stretch for stretch in again.epoch(0, 3) if stretch is not None]
    assert sum(stretch.steps for stretch in seen) == 3
    assert all(not np.asarray(stretch.data[0])[: stretch.rows].any() for stretch in seen)
    again.close()
    assert given == [0]
    whole = [s for s in source.epoch(0, 6) if s is not None]
    firsts = [np.asarray(s.data[0])[: s.rows : 4, 0] for s in whole]
    assert np.concatenate(firsts).tolist() == [0, 1, 2, 3, 4, 5]
    source.close()


def test_what_a_batch_takes_to_come_is_told_by_the_second_which_still_comes_in_its_turn():
    def batches():
        for number in range(4):
            time.sleep(0.3 if number == 0 else 0.02)
            yield np.full((4, 2), number, np.float32), np.zeros((4, 1), np.float32)

    for _ in range(3):  # a busy machine may stand still meanwhile
        source = stream(batches())
        seconds, again = source.seconds_to_draw(), source.seconds_to_draw()
        if seconds < 0.25 and again < 0.25:
            break
        source.close()
    assert 0.02 <= seconds < 0.25
    assert again < 0.25  # nor is a third one drawn
    firsts = [np.asarray(s.data[0])[: s.rows : 4, 0] for s in source.epoch(0, 4) if s is not None]
    assert np.concatenate(firsts).tolist() == [0, 1, 2, 3]
    source.close()


def test_an_error_at_the_second_batch_is_raised_in_its_turn():
    def batches():
        yield np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32)
        raise ValueError('the second')

    source = stream(batches())
    assert source.seconds_to_draw() > 0
    with pytest.raises(ValueError, match='the second'):
        list(source.epoch(0, 2))
    source.close()


def test_a_dataset_by_number_is_not_asked_for_another_batch():
    asked = []

    class Counts(PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            asked.append(index)
            return np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32)

    source = stream(Counts())
    assert source.seconds_to_draw() > 0
    assert asked == [0]
    source.close()
