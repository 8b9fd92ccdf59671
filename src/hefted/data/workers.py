"""Batches by number, made by threads or processes, handed out in order."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

_held: list[Any] = []  # in a worker's process: the dataset that it was started with


def in_order(
    dataset: Any, indices: Iterable[int], workers: int = 1, processes: bool = False, most: int = 10
) -> Generator[Any]:
    """`dataset[i]` for each index, some of them made ahead.

    Args:
        dataset: Indexed by one thread or process at a time for each worker.
        indices: Which, in which order; may be endless.
        workers: How many make batches; the caller does with at most one thread.
        processes: Whether workers are processes, each with a copy of the dataset.
        most: How many batches may be under way.
    """
    if workers < 1 or (workers == 1 and not processes):
        yield from (dataset[index] for index in indices)
        return
    executor, make = _started(dataset, workers, processes)
    numbers = iter(indices)
    under_way: deque[Future[Any]] = deque()
    try:
        under_way.extend(executor.submit(make, i) for i in itertools.islice(numbers, max(most, 1)))
        while under_way:
            batch = under_way.popleft().result()
            under_way.extend(executor.submit(make, i) for i in itertools.islice(numbers, 1))
            yield batch
    finally:
        executor.shutdown(cancel_futures=True)


def _started(dataset: Any, workers: int, processes: bool) -> tuple[Executor, Any]:
    if processes:
        from concurrent.futures import ProcessPoolExecutor  # late: it brings all of multiprocessing into every start

        return ProcessPoolExecutor(workers, initializer=_hold, initargs=(dataset,)), _item
    return ThreadPoolExecutor(workers, thread_name_prefix='hefted-data-worker'), dataset.__getitem__


def _hold(dataset: Any) -> None:
    _held[:] = [dataset]


def _item(index: int) -> Any:
    return _held[0][index]
