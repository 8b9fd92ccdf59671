"""Two pieces of text in one row, and whether the second follows the first: the original recipe's second task.

Devlin et al., 2019, section 3.1 and appendix A.2: half of the pairs follow one another in a document, in the
other half the second is from another document; both together have the row's length, but for one in ten, which is
shorter, so that the model sees such texts as well. A sentence that fills a row alone, such as a paragraph on one line,
counts as several here: it would have no second in its document, and lose what is behind the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hefted.errors import ArgumentError, DataError
from hefted.text.trimming import room_for

Sentences = Sequence[Sequence[int]]


class Pair(NamedTuple):
    """Two pieces of text as numbers, and whether the second follows the first in its document."""

    first: list[int]
    second: list[int]
    follows: bool


def sentence_pairs(
    documents: Sequence[Sentences],
    length: int,
    rng: np.random.Generator,
    *,
    other_share: float = 0.5,
    short_share: float = 0.1,
) -> Iterator[Pair]:
    """Go through all documents once, sentence by sentence.

    Args:
        documents: Each a sequence of sentences, each a sequence of numbers without [CLS] and [SEP].
        length: Tokens of a row, with [CLS] and two [SEP].
        rng: What draws.
        other_share: How many of the second pieces are from another document.
        short_share: How many pairs are made for a shorter row.

    Raises:
        DataError: There is only one document: no other to take a second piece from.
        ArgumentError: length has no room for a token of each, or a share is none.

    Example:
        >>> documents = [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10]]]
        >>> pairs = list(sentence_pairs(documents, 9, np.random.default_rng(0)))
        >>> all(len(pair.first) + len(pair.second) <= 6 for pair in pairs)
        True
    """
    room = room_for(length, 2)
    for name, share in (('other_share', other_share), ('short_share', short_share)):
        if not 0 <= share <= 1:
            raise ArgumentError(f'Expected {name} to be a share from 0 to 1, received {share!r}.')
    if len(documents) < 2:
        raise DataError(
            f'Expected at least two documents to take second sentences from, received {len(documents)}. Part them by '
            'blank lines, or train without next_sentence.'
        )
    for number in range(len(documents)):
        yield from _of_document(documents, number, room, rng, other_share, short_share)


def _of_document(
    documents: Sequence[Sentences], number: int, room: int, rng: np.random.Generator, other: float, short: float
) -> Iterator[Pair]:
    """Sentences until the row is full; what another document's took the place of comes again."""
    sentences, at = _parted(documents[number], room), 0
    while at < len(sentences):
        wanted = int(rng.integers(2, room + 1)) if rng.random() < short else room
        chunk, behind = _chunk(sentences, at, wanted)
        cut = int(rng.integers(1, len(chunk))) if len(chunk) > 1 else 1
        first = _joined(chunk[:cut])
        if len(chunk) == 1 or rng.random() < other:
            second, follows, at = _elsewhere(documents, number, wanted - len(first), rng), False, at + cut
        else:
            second, follows, at = _joined(chunk[cut:]), True, behind
        yield Pair(*_shortened(first, second, wanted, rng), follows)


def _parted(sentences: Sentences, room: int) -> Sentences:
    """The same with those cut in halves of a row that leave no room for a second."""
    half = -(-room // 2)
    return [
        part
        for one in sentences
        for part in ([one[at : at + half] for at in range(0, len(one), half)] if len(one) >= room else [one])
    ]


def _chunk(sentences: Sentences, at: int, wanted: int) -> tuple[Sentences, int]:
    """Sentences from `at` on with as many tokens as are wanted, and where those behind them begin."""
    end = tokens = 0
    for end in range(at, len(sentences)):
        tokens += len(sentences[end])
        if tokens >= wanted:
            break
    return sentences[at : end + 1], end + 1


def _joined(sentences: Sentences) -> list[int]:
    return [token for sentence in sentences for token in sentence]


def _elsewhere(documents: Sequence[Sentences], number: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """From a random sentence of another document on; at least that sentence."""
    other = int(rng.integers(0, len(documents) - 1))
    sentences = documents[other + (other >= number)]
    chunk, _ = _chunk(sentences, int(rng.integers(0, len(sentences))), max(1, wanted))
    return _joined(chunk)


def _shortened(first: list[int], second: list[int], room: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Tokens come off the longer one, from its front or its back by chance, so that no place is always kept."""
    over = len(first) + len(second) - room
    while over > 0:
        longer = first if len(first) > len(second) else second
        off = min(over, max(1, abs(len(first) - len(second))))
        front = int(rng.binomial(off, 0.5))
        del longer[:front]
        del longer[len(longer) - (off - front) :]
        over -= off
    return first, second
