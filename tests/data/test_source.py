"""Rows that live on the device and rows that are streamed give the same batches, pass for pass."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted import Input, Sequential, layers
from hefted.callbacks import CallbackList, History
from hefted.data.arrays import Rows, rows_of
from hefted.data.source import ResidentSource, StreamedSource, part_of_pass, source_for
from hefted.errors import ArgumentError
from hefted.models.steps import binding_of, program_of
from hefted.runs import NullRun
from hefted.train import loop
from hefted.train.program import compile_training
from hefted.train.progress import progress_for


def numbered(count: int) -> Rows:
    return Rows(np.arange(count, dtype='float32').reshape(-1, 1), np.arange(count, dtype='int32'), None)


def batches(source: Any, epoch: int, steps: int | None = None, first: int = 0) -> list[list[int]]:
    """The rows of each step, as the compiled loop would take them."""
    found = []
    for stretch in source.epoch(epoch, steps, first):
        x = np.asarray(stretch.data[0])
        np.testing.assert_array_equal(x[:, 0], np.asarray(stretch.data[1]))  # x and y go together
        order = np.asarray(stretch.order)
        assert stretch.steps > 0
        assert np.shape(order) == source.shapes[1].shape
        assert x.shape == source.shapes[0][0].shape
        for step in range(stretch.first, stretch.first + stretch.steps):
            index = order[step * source.batch_size : min((step + 1) * source.batch_size, stretch.rows)]
            found.append([int(v) for v in x[index, 0]])
    return found


@pytest.mark.filterwarnings('ignore:Your input ran out of data')
@settings(max_examples=40)
@given(
    count=st.integers(1, 60),
    size=st.integers(1, 16),
    shuffle=st.booleans(),
    steps=st.one_of(st.none(), st.integers(1, 20)),
    block_steps=st.integers(1, 4),
)
def test_streamed_and_resident_rows_give_the_same_batches(
    count: int, size: int, shuffle: bool, steps: int | None, block_steps: int
) -> None:
    size = min(size, count)
    rows = numbered(count)
    seeded = np.random.RandomState(5).get_state(legacy=False)
    resident, streamed = (
        ResidentSource(rows, size, shuffle),
        StreamedSource(rows, size, shuffle, block_steps * size * 8),
    )
    np.random.set_state(seeded)
    expected = [batches(resident, epoch, steps) for epoch in range(3)]
    np.random.set_state(seeded)
    for epoch, wanted in enumerate(expected):
        assert batches(streamed, epoch, steps) == wanted
        assert len(wanted) == part_of_pass(epoch, steps, resident.steps)[2]
        if steps is None:
            assert sorted(itertools.chain(*wanted)) == list(range(count))


def test_an_epoch_of_so_many_steps_goes_on_where_the_last_ended_and_a_pass_that_ends_cuts_it_short() -> None:
    source = ResidentSource(numbered(10), 4)
    whole = batches(source, 0)
    assert whole == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches(source, 0, 2) == whole[:2]
    with pytest.warns(UserWarning, match='ran out of data'):
        assert batches(source, 1, 2) == whole[2:]
    assert batches(source, 2, 2) == whole[:2]
    with pytest.warns(UserWarning, match='ran out of data'):
        assert batches(source, 0, 7) == whole


def seeded(kind: Any, seed: int, shuffle: Any = True) -> Any:
    """A source of thirty rows whose orders follow from a seed."""
    np.random.seed(seed)
    return kind(numbered(30), 4, shuffle)


@pytest.mark.parametrize('kind', [ResidentSource, StreamedSource])
def test_an_epoch_can_be_taken_up_at_any_step(kind: Any) -> None:
    for steps in (None, 4):
        source = seeded(kind, 9)
        whole = batches(source, 1, steps)
        assert batches(source, 1, steps, first=2) == whole[2:]


@pytest.mark.parametrize('kind', [ResidentSource, StreamedSource])
def test_passes_are_drawn_one_after_another_as_numpy_draws_them(kind: Any) -> None:
    source = seeded(kind, 9)
    found = [list(itertools.chain(*batches(source, epoch))) for epoch in range(4)]
    np.random.seed(9)
    assert found == [np.random.permutation(30).tolist() for _ in range(4)]


@pytest.mark.parametrize('kind', [ResidentSource, StreamedSource])
def test_a_training_that_goes_on_draws_what_the_first_would_have(kind: Any) -> None:
    source = seeded(kind, 9)
    first: list[Any] = []
    for epoch in range(4):
        first.append(batches(source, epoch))
        if epoch == 2:
            state = source.get_state()
        np.random.random()  # a callback draws as well
    after = np.random.random()
    resumed = seeded(kind, 10)
    resumed.set_state(state)
    assert batches(resumed, 2) == first[2]
    np.random.random()
    assert batches(resumed, 3) == first[3]
    np.random.random()
    assert np.random.random() == after
    with pytest.raises(ArgumentError, match='shuffle=True'):
        seeded(kind, 9, shuffle=False).set_state(source.get_state())
    with pytest.raises(ArgumentError, match='with the order of its rows'):
        source.set_state({**source.get_state(), 'following': None})


def test_rows_move_within_their_batch() -> None:
    source = seeded(ResidentSource, 9, 'batch')
    for _, rows in zip(range(3), (batches(source, epoch) for epoch in range(3)), strict=True):
        assert [sorted(batch) for batch in rows] == batches(ResidentSource(numbered(30), 4), 0)
        assert rows != batches(ResidentSource(numbered(30), 4), 0)


@pytest.mark.parametrize('drawn_between', [False, True])
def test_an_order_that_is_not_used_is_given_back(drawn_between: bool) -> None:
    source = seeded(ResidentSource, 9)
    batches(source, 0)
    source.prepare(1)
    if drawn_between:
        np.random.random()
    source.close()
    found = np.random.random()
    np.random.seed(9)
    for _ in range(2 if drawn_between else 1):
        np.random.permutation(30)
    assert found == [np.random.random() for _ in range(2 if drawn_between else 1)][-1]


def test_an_epoch_that_is_left_early_leaves_nothing_behind() -> None:
    source = StreamedSource(numbered(40), 4, block_bytes=32)
    for _ in source.epoch(0):
        break
    assert batches(source, 1) == batches(ResidentSource(numbered(40), 4), 1)


def test_rows_that_fit_live_on_the_device() -> None:
    assert isinstance(source_for(numbered(10), 4), ResidentSource)


def trained(kind: Any, build: Any, steps: int | None, **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """History and weights of the engine over a source of this kind."""
    rng = np.random.default_rng(0)
    x = rng.random((53, 4))
    rows = rows_of(x, (x.sum(axis=1) > 2).astype('int64').reshape(-1, 1), np.linspace(0.5, 2, 53))
    model = build()
    np.random.seed(1)
    source = kind(rows, 8, shuffle=True, **arguments)
    model.prepare(rows.x, rows.y, 8, 'fit')
    binding = binding_of(model)
    program = program_of(model, binding)
    state = binding.take()
    listeners = CallbackList(add_history=True, model=model)
    loop.fit(
        loop.Job(
            compile_training(program, state, source.layout), source, binding, state, listeners, progress_for(0, 3, 7),
            NullRun(), 3, np.zeros(2, np.uint32), steps_per_epoch=steps,
        )
    )  # fmt: skip
    return listeners.find(History).history, model.get_weights()


@pytest.mark.filterwarnings('ignore:Your input ran out of data')
@pytest.mark.parametrize('steps', [None, 5, 9])
@pytest.mark.parametrize('masks', [True, False])
def test_streamed_rows_train_to_the_same_bits_as_resident_ones(steps: int | None, masks: bool) -> None:
    weights = [np.full(s, 0.1, 'float32') for s in ((4, 3), (3,), (3,), (3,), (3,), (3,), (3, 1), (1,))]

    def build() -> Sequential:
        # A function handed in may let rows touch one another: its short batch is not masked.
        activation = 'relu' if masks else lambda z: z * (z > 0)
        model = Sequential(
            [Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Activation(activation), layers.Dense(1)]
        )
        model.set_weights(weights)
        model.compile('adam', 'mse', metrics=['mae'])
        return model

    found, found_weights = trained(StreamedSource, build, steps, block_bytes=8 * 24 * 2)
    wanted, wanted_weights = trained(ResidentSource, build, steps)
    assert found == wanted
    assert len(found['loss']) == 3
    for a, b in zip(found_weights, wanted_weights, strict=True):
        np.testing.assert_array_equal(a, b)
