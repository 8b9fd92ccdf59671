"""Processes that each bring rows of their own, as with auto_shard_dataset=False: how many, and whose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hefted.data.arrays import Rows
from hefted.data.source import Source
from hefted.data.stream import StreamSource, shard_of
from hefted.distribution import hosts, lead
from hefted.errors import ArgumentError, HostsDifferError
from hefted.models.steps import rows_independent

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing
    from hefted.models.inputs import Batches
    from hefted.models.model import Model

HOW = 'with auto_shard_dataset=False'


def require_each(*sources: Source | None) -> None:
    """See that datasets that are told which part of each batch to give, are told each part once.

    Args:
        *sources: As many, of the same kinds, in all processes.

    Raises:
        HostsDifferError: They are not; all processes raise it.
    """
    _require_each([source.feed if isinstance(source, StreamSource) else None for source in sources])


def _require_each(feeds: list[Any]) -> None:
    if lead.watch() is None:
        return
    everybody = hosts.gather([shard_of(feed) for feed in feeds], 'the parts of the data')
    for feed, given in zip(feeds, zip(*everybody, strict=True), strict=True):
        wanted = [[rank, len(given)] for rank in range(len(given))]
        if any(given) and sorted(each or [] for each in given) != wanted:
            kind = 'dataset' if feed is None else feed.kind
            raise HostsDifferError(
                f'Expected each process to give another part of every batch {HOW}, received a {kind} of shard='
                f'{hosts.who_has(given)}. Pass shard=(jax.process_index(), jax.process_count()) in every process.',
                by_all=True,
            )


def levelled(model: Model, placing: Placing, batches: Batches) -> tuple[Iterator[Rows | None], int]:
    """The batches of a prediction to which each process brings rows of its own, as many as it has.

    Args:
        model: A built one.
        placing: Of the batches.
        batches: This process's.

    Returns:
        Its batches, and None for each step in which others alone have rows left; and the rows of a step, which all
        fill up to.

    Raises:
        ArgumentError: Nobody knows how many batches there are.
        HostsDifferError: They are not as many, and the model does not let them be filled up.
    """
    _require_each([batches.feed])
    left_over = 0 if batches.feed is not None else batches.sample.count % batches.size
    own = [batches.size, batches.count, left_over]
    everybody = hosts.gather(own, 'the batches of predict')
    if any(count is None for _, count, _ in everybody):
        raise ArgumentError(
            f'Expected data of a known number of batches for predict {HOW}, received some that does not tell. '
            'Pass steps=, or arrays.'
        )
    each = placing.shares // placing.hosts
    size = max(size for size, *_ in everybody)
    size += -size % each
    steps = max(count for _, count, _ in everybody)
    if not rows_independent(model) and any(told != [size, steps, 0] for told in everybody):
        raise HostsDifferError(
            f'Expected as many rows of each process for predict {HOW}, in whole batches that its {each} parts divide, '
            f'as rows touch one another in a layer of {model.name!r}; received [rows a step, steps, rows left over] = '
            f'{hosts.who_has(everybody)}. Give each process as many, or use auto_shard_dataset=True.',
            by_all=True,
        )
    return _filled_up(batches.each, steps), size


def _filled_up(each: Iterator[Rows], steps: int) -> Iterator[Rows | None]:
    """Batches, and None for each that others have more."""
    done = 0
    for batch in each:
        yield batch
        done += 1
    for _ in range(steps - done):
        yield None
