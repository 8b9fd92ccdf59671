"""What a user passes as data, of whatever kind, as a source of batches for a model that fits it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import numpy as np

from hefted.data.arrays import Rows, batch_size_for, rows_of, split, weighted
from hefted.data.feeds import Feed, feed_of, refuse_beside
from hefted.data.source import Source, part_of_pass, source_for
from hefted.data.stream import StreamSource
from hefted.errors import ArgumentError, warn
from hefted.models import checks
from hefted.random import make_run_seed
from hefted.utils.py_dataset import PyDataset

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing
    from hefted.models.model import Model

Made = TypeVar('Made')
LOOK_OWED = '_look_owed'  # of a model that a forecast has built: the order that its first fit would have drawn
_MOST_COMPILED = 32  # loops of one kind that a model keeps


class Given(NamedTuple):
    """Data that can be trained on.

    Attributes:
        source: Where batches come from.
        size: Rows a batch; of a stream, those of the first.
    """

    source: Source
    size: int


class Arguments(NamedTuple):
    """What `fit` and `evaluate` take as data, by Keras's names; `where` says for errors what they are part of."""

    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Mapping[int, float] | None = None
    batch_size: int | None = None
    steps: int | None = None
    shuffle: bool | str = False
    where: str = ''


def validation_of(data: Any, batch_size: int | None, steps: int | None) -> Arguments | None:
    """`validation_data`: (x, y), (x, y, sample_weight), or anything that gives batches.

    Raises:
        ArgumentError: Something else.
    """
    if data is None:
        return None
    if feed_of(data) is not None:
        return Arguments(data, steps=steps, where=' of validation_data')
    x, y, weight = checks.validation_data(data)
    return Arguments(x, y, weight, batch_size=batch_size, steps=steps, where=' of validation_data')


def call_on(call: str, x: Any, validation_data: Any = None, validation_split: float = 0.0) -> str:
    """What processes tell one another of a call before they look into its data: arrays, or what gives batches.

    Example:
        >>> call_on('evaluate', np.zeros(3)), call_on('fit', iter([]), (np.zeros(3), np.zeros(3)))
        ('evaluate of arrays', 'fit of a generator, validated on arrays')
    """
    judged = 'a part of it' if validation_split else None if validation_data is None else _kind(validation_data)
    return f'{call} of {_kind(x)}' + ('' if judged is None else f', validated on {judged}')


def _kind(data: Any) -> str:
    feed = feed_of(data)
    return 'arrays' if feed is None else f'a {feed.kind}'


def for_fit(
    model: Model, train: Arguments, validation: Arguments | None, share: float, validation_size: int | None
) -> tuple[Given, Given | None]:
    """The sources to train on and to validate on; the model and its objective are made for them.

    Args:
        model: A compiled one.
        train: What to train on.
        validation: What to validate on, if anything.
        share: Of the rows to train on, to validate on instead.
        validation_size: Rows a step of these.
    """
    if validation is None and share:
        if (feed := feed_of(train.x)) is not None:
            raise ArgumentError(f'Expected arrays with validation_split, received a {feed.kind}. Pass validation_data.')
        rows, held_out = split(_rows(model, train._replace(class_weight=None)), share)
        if train.class_weight is not None:  # which is for what is trained on alone
            rows = weighted(rows, train.class_weight)
        validation = Arguments(None, batch_size=validation_size, where=' of validation_data')
        mine = _of_rows(model, rows, train, True)
        return mine, _of_rows(model, held_out, validation, placing=mine.source.layout.placing)
    # Rows that are validated on may use a batch size that a generator does not.
    mine = given(model, train, 'fit', warns=validation is None or feed_of(validation.x) is not None)
    try:
        return mine, validation and given(model, validation, 'fit', placing=mine.source.layout.placing)
    except BaseException:
        mine.source.close()
        raise


def given(
    model: Model, arguments: Arguments, method: str, warns: bool = False, placing: Placing | EllipsisType | None = ...
) -> Given:
    """The source of what was passed; the model and its objective are made for it.

    Args:
        model: A compiled one.
        arguments: What was passed.
        method: To which method.
        warns: Whether to say what is not used.
        placing: On which devices it is to lie; what its batches suggest if left out.
    """
    feed = feed_of(arguments.x)
    if feed is None:
        return _of_rows(model, _rows(model, arguments), arguments, warns, method, placing)
    refuse_beside(feed, y=arguments.y, sample_weight=arguments.sample_weight)
    if warns and arguments.batch_size is not None:
        warn(f'batch_size={arguments.batch_size} is not used: a {feed.kind} makes batches of its own.')
    model.meet(arguments.x)
    if arguments.shuffle:
        feed.shuffle(make_run_seed())
    source = StreamSource(feed, arguments.class_weight, model.entered)
    try:
        sample = source.sample
        model.prepare(sample.x, sample.y, sample.count, method)
        source.placing = placing_of(sample.count, method, placing)
        source.check = partial(_check, model, arguments)
        source.check(sample)
    except BaseException:
        source.close()
        raise
    return Given(source, sample.count)


def _rows(model: Model, a: Arguments) -> Rows:
    return rows_of(model.entered(a.x), a.y, a.sample_weight, a.class_weight, a.where)


def placing_of(
    size: int, method: str, given: Placing | EllipsisType | None = ..., rows: int | None = None
) -> Placing | None:
    """On which devices batches of so many rows lie."""
    if not isinstance(given, EllipsisType):
        placing = given
    elif jax.device_count() == 1 and 'hefted.distribution.parallel' not in sys.modules:
        placing = None  # nobody can have asked for more
    else:
        from hefted.distribution.placing import placing_for

        placing = placing_for(size, method == 'fit')
    if placing is not None and method in ('fit', 'evaluate'):  # the others compare what all processes have first
        placing.require_whole(size, rows)
    return placing


def _of_rows(
    model: Model,
    rows: Rows,
    a: Arguments,
    warns: bool = False,
    method: str = 'fit',
    placing: Placing | EllipsisType | None = ...,
) -> Given:
    size = batch_size_for(rows.count, a.batch_size, warns, a.steps)
    looks = model.builds_from_data() or bool(a.shuffle and model.__dict__.get(LOOK_OWED))
    model.prepare(rows.x, rows.y, size, method)
    _check(model, a, rows, size)
    if a.shuffle:
        model.__dict__.pop(LOOK_OWED, None)
    if looks and a.shuffle:  # Keras looks at a first batch then, and draws an order for it
        np.random.permutation(rows.count)
    return Given(source_for(rows, size, a.shuffle, placing_of(size, method, placing, rows.count)), size)


def _check(model: Model, arguments: Arguments, rows: Rows, size: int | None = None) -> None:
    checks.targets(model, rows, f'y{arguments.where}', size)


@dataclass(frozen=True)
class Batches:
    """What `predict` goes through.

    Attributes:
        each: The batches, in order.
        count: How many, if that is known.
        sample: Rows like them.
        size: Rows a batch.
        close: To be called in the end.
        row_numbers: Which rows the batch of a number holds, where the data draws their order, while it is under way.
        feed: What gives them, where that is no array.
    """

    each: Iterator[Rows]
    count: int | None
    sample: Rows
    size: int
    close: Callable[[], None]
    row_numbers: Callable[[int], Any] = lambda _: None
    feed: Feed | None = None


def batches_of(model: Model, x: Any, batch_size: int | None, steps: int | None) -> Batches:
    """The batches of what was passed to `predict`."""
    feed = feed_of(x)
    if feed is not None:
        model.meet(x)
        source = StreamSource(feed, enter=model.entered)
        steps = checks.limited_steps(steps, source.steps)
        numbers: Callable[[int], Any] = x.row_numbers if isinstance(x, PyDataset) else lambda _: None
        each, count = source.batches(steps), steps or source.steps
        return Batches(each, count, source.sample, source.batch_size, source.close, numbers, feed)
    rows = rows_of(model.entered(x))
    size = batch_size_for(rows.count, batch_size, steps=steps)
    whole = -(-rows.count // size)
    *_, count = part_of_pass(0, checks.limited_steps(steps, whole), whole)
    each = (rows.take(slice(i * size, (i + 1) * size)) for i in range(count))
    return Batches(each, count, rows, size, lambda: None)


def kept(model: Model, key: tuple[str, Hashable], make: Callable[[], Made]) -> Made:
    """What was made for a key, the model keeping so many of each kind: a stream may change its shapes for ever."""
    made: dict[Any, Any] = model._compiled
    if key in made:
        made[key] = made.pop(key)  # the last used is the last to go
        return made[key]
    alike = [each for each in made if each[0] == key[0]]
    for oldest in alike[: max(0, len(alike) + 1 - _MOST_COMPILED)]:
        del made[oldest]
    made[key] = make()
    return made[key]
