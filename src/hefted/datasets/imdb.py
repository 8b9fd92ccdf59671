"""IMDB: 50,000 reviews of films, as numbers of words (the most frequent is 1), and whether they are good.

Source: A. L. Maas et al., "Learning word vectors for sentiment analysis", 2011.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from hefted.datasets.fetching import KERAS_S, file_of
from hefted.datasets.texts import limited, ragged, read_labels, read_lists, shifted, shorter
from hefted.errors import ArgumentError

_DIGEST = '69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f'
_INDEX_MD5 = 'bfafd718b763782e994055a2d397834f'


def load_data(
    path: str | os.PathLike[str] = 'imdb.npz',
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Any:
    """Read the reviews, from the cache after one download of 17 MB.

    Args:
        path: The name in the cache, or a file elsewhere, with its folder.
        num_words: Words from this number on are `oov_char`; None keeps all.
        skip_top: So many of the most frequent words are `oov_char` as well.
        maxlen: Reviews of so many words or more are left out.
        seed: Of the order of reviews.
        start_char: What each begins with.
        oov_char: What stands for words left out; None for nothing.
        index_from: Added to each word's number.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x arrays of lists, y of 0 and 1.

    Raises:
        ArgumentError: `maxlen` leaves no review, or a file that is not there.
        DataError: The file cannot be downloaded, or is not what was expected.
    """
    file = file_of(path, KERAS_S + 'imdb.npz', _DIGEST)
    random = np.random.RandomState(seed)
    parts: list[tuple[list[list[int]], Any]] = []
    for part in ('train', 'test'):
        texts, labels = read_lists(file, f'x_{part}'), read_labels(file, f'y_{part}')
        order = np.arange(len(texts))
        random.shuffle(order)  # one after the other, as Keras's
        parts.append(shorter(shifted([texts[i] for i in order], start_char, index_from), labels[order], maxlen))
    if not all(texts for texts, _ in parts):
        raise ArgumentError(f'Expected maxlen that leaves some reviews, received {maxlen}. Increase it.')
    edge = len(parts[0][0])
    texts = limited([*parts[0][0], *parts[1][0]], num_words, skip_top, oov_char)
    return (ragged(texts[:edge]), parts[0][1]), (ragged(texts[edge:]), parts[1][1])


def get_word_index(path: str | os.PathLike[str] = 'imdb_word_index.json') -> dict[str, int]:
    """Each word's number, before `index_from` is added."""
    return json.loads(Path(file_of(path, KERAS_S + 'imdb_word_index.json', _INDEX_MD5)).read_text('utf-8'))
