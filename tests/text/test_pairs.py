"""Half of the pairs belong together, every sentence is used, and nothing is longer than a row."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.errors import ArgumentError, DataError
from hefted.text import sentence_pairs


def documents_of(sizes: list[list[int]]) -> list[list[list[int]]]:
    """Documents whose tokens are all different, so that each shows where it is from: document * 10,000 + place."""
    documents = []
    for number, sentences in enumerate(sizes):
        at = number * 10_000
        documents.append([[(at := at + 1) for _ in range(size)] for size in sentences])
    return documents


SIZES = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=2, max_size=5)


@settings(max_examples=100)
@given(sizes=SIZES, length=st.integers(5, 60), seed=st.integers(0, 1000))
def test_a_pair_is_two_runs_of_text_that_follow_one_another_or_are_of_two_documents(
    sizes: list[list[int]], length: int, seed: int
):
    documents = documents_of(sizes)
    pairs = list(sentence_pairs(documents, length, np.random.default_rng(seed)))
    assert pairs
    for first, second, follows in pairs:
        assert first
        assert second
        assert len(first) + len(second) <= length - 3
        same = first[0] // 10_000 == second[0] // 10_000
        assert same == follows
        if follows:
            assert second[0] > first[-1]


def test_every_sentence_comes_as_a_first_or_as_what_follows():
    documents = documents_of([[5] * 40, [4] * 50, [7] * 30])
    pairs = list(sentence_pairs(documents, 203, np.random.default_rng(0), short_share=0))
    told = set(chain(*(pair.first for pair in pairs), *(pair.second for pair in pairs if pair.follows)))
    of_sentences = [{*sentence} & told for document in documents for sentence in document]
    assert sum(map(bool, of_sentences)) >= len(of_sentences) - len(pairs)  # what is cut off is at a pair's ends


def test_half_of_the_seconds_are_of_another_document():
    documents = documents_of([[6] * 400] * 10)
    follows = [pair.follows for pair in sentence_pairs(documents, 64, np.random.default_rng(1))]
    assert len(follows) > 500
    assert np.mean(follows) == pytest.approx(0.5, abs=0.08)
    assert all(pair.follows for pair in sentence_pairs(documents_of([[6] * 9] * 2), 64, np.random.default_rng(1),
                                                       other_share=0) if len(pair.first) < 54)  # fmt: skip


def test_one_document_has_no_other_to_take_from():
    with pytest.raises(DataError, match=r'at least two documents .* received 1'):
        list(sentence_pairs([[[1, 2]]], 16, np.random.default_rng(0)))
    with pytest.raises(ArgumentError, match=r'other_share to be a share from 0 to 1, received 2'):
        list(sentence_pairs([[[1]], [[2]]], 16, np.random.default_rng(0), other_share=2))
