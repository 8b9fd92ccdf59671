"""Texts share rows: none is lost, doubled or cut, little is padding, and rows come out while texts come in."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.errors import ArgumentError, DataError
from hefted.text import pack
from hefted.text.packing import plan


@settings(max_examples=150)
@given(sizes=st.lists(st.integers(1, 20), max_size=80), window=st.integers(1, 100))
def test_each_text_is_in_one_row_and_no_row_has_too_much(sizes: list[int], window: int):
    rows = list(plan(sizes, 20, window))
    assert sorted(chain(*rows)) == list(range(len(sizes)))
    assert all(0 < sum(sizes[number] for number in row) <= 20 for row in rows)


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=80))
def test_with_all_in_one_window_at_most_one_row_is_not_half_full(sizes: list[int]):
    rows = [sum(sizes[number] for number in row) for row in plan(sizes, 20, len(sizes))]
    assert sum(row <= 10 for row in rows) <= 1


@settings(max_examples=100)
@given(texts=st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=16), min_size=1, max_size=30))
def test_texts_can_be_read_back_from_the_arrays(texts: list[list[int]]):
    packed = pack(texts, 16)
    arrays = packed.arrays
    found = []
    for row in range(packed.rows):
        for place in range(1, arrays['packing_ids'][row].max() + 1):
            here = arrays['packing_ids'][row] == place
            found.append(arrays['token_ids'][row, here].tolist())
            assert arrays['position_ids'][row, here].tolist() == list(range(here.sum()))
    assert sorted(found) == sorted(texts)
    assert (arrays['padding_mask'] == (arrays['packing_ids'] > 0)).all()
    assert packed.tokens == sum(map(len, texts))
    assert packed.waste == pytest.approx(1 - packed.tokens / (packed.rows * 16))


def test_arrays_are_of_the_types_that_a_model_takes():
    arrays = pack([[1, 2], [3]], 4, segments=[[0, 1], [1]], pad_id=9).arrays
    kinds = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    whole = dict.fromkeys(('token_ids', 'segment_ids', 'packing_ids', 'position_ids'), ('int32', (1, 4)))
    assert kinds == whole | {'padding_mask': ('bool', (1, 4))}
    assert arrays['token_ids'].tolist() == [[1, 2, 3, 9]]
    assert arrays['segment_ids'].tolist() == [[0, 1, 1, 0]]


def test_a_novels_paragraphs_leave_under_one_percent_of_padding():
    lengths = np.clip(np.random.default_rng(0).lognormal(3.8, 0.9, 5000).astype(int), 3, 128).tolist()
    rows = list(plan(lengths, 128))
    assert 1 - sum(lengths) / (len(rows) * 128) < 0.01
    assert 1 - sum(lengths) / (len(lengths) * 128) > 0.4  # a text a row


def test_rows_come_out_before_the_last_text_is_in():
    taken = 0

    def lengths():
        nonlocal taken
        while True:
            taken += 1
            yield 5 + taken % 7

    rows = plan(lengths(), 32, window=64)
    for _ in range(1000):
        next(rows)
    assert taken < 1000 * 32 / 5


def test_texts_of_no_token_or_of_too_many_are_named():
    with pytest.raises(ArgumentError, match=r'1 to 8 tokens, as a row has, received 9 as text 1\. Split or cut it'):
        pack([[1], [1] * 9], 8)
    with pytest.raises(ArgumentError, match=r'received 0 as text 0\. Leave it out'):
        pack([[]], 8)
    with pytest.raises(DataError, match='at least one text to pack'):
        pack([], 8)
    with pytest.raises(ArgumentError, match='segments to have a number for each token'):
        pack([[1, 2]], 8, segments=[[0]])
    with pytest.raises(ArgumentError, match='window to be at least 1'):
        list(plan([1], 8, 0))
