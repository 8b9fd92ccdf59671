"""Reuters: 11,228 newswires of 1987, as numbers of words (the most frequent is 1), of 46 topics.

Source: D. D. Lewis, "Reuters-21578", 1997.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hefted.datasets.fetching import KERAS_S, check_split, file_of, order_of
from hefted.datasets.texts import limited, ragged, read_labels, read_lists, shifted, shorter
from hefted.errors import ArgumentError

_DIGEST = 'd6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916'
_INDEX_MD5 = '4d44cc38712099c9e383dc6e5f11a921'
_TOPICS = (
    'cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship '
    'cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin '
    'strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr '
    'gas silver wpi hog lead'
)


def load_data(
    path: str | os.PathLike[str] = 'reuters.npz',
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Any:
    """Read the newswires, from the cache after one download of 2 MB.

    Args:
        path: The name in the cache, or a file elsewhere, with its folder.
        num_words: Words from this number on are `oov_char`; None keeps all.
        skip_top: So many of the most frequent words are `oov_char` as well.
        maxlen: Texts of so many words or more are left out.
        test_split: The share of texts to test on.
        seed: Of the order of texts.
        start_char: What each begins with.
        oov_char: What stands for words left out; None for nothing.
        index_from: Added to each word's number.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x arrays of lists, y of topics from 0 to 45.

    Raises:
        ArgumentError: `maxlen` leaves no text, a share below 0 or from 1 on, or a file that is not there.
        DataError: The file cannot be downloaded, or is not what was expected.
    """
    check_split(test_split)
    file = file_of(path, KERAS_S + 'reuters.npz', _DIGEST)
    texts, labels = read_lists(file, 'x'), read_labels(file, 'y')
    order = order_of(len(texts), seed)
    texts, labels = shorter(shifted([texts[i] for i in order], start_char, index_from), labels[order], maxlen)
    if not texts:
        raise ArgumentError(f'Expected maxlen that leaves some texts, received {maxlen}. Increase it.')
    texts = limited(texts, num_words, skip_top, oov_char)
    edge = int(len(texts) * (1 - test_split))
    return (ragged(texts[:edge]), labels[:edge]), (ragged(texts[edge:]), labels[edge:])


def get_word_index(path: str | os.PathLike[str] = 'reuters_word_index.json') -> dict[str, int]:
    """Each word's number, before `index_from` is added."""
    return json.loads(Path(file_of(path, KERAS_S + 'reuters_word_index.json', _INDEX_MD5)).read_text('utf-8'))


def get_label_names() -> tuple[str, ...]:
    """The topics, in the order of their numbers."""
    return tuple(_TOPICS.split())
