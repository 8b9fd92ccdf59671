"""Pieces of documents that fit into a row: kept as places in the documents' numbers, made when a batch asks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted.text.pairs import Pair
from hefted.text.store import TokenStore
from hefted.text.wordpiece import WordPieceTokenizer

Tokens = NDArray[np.int32]


class Pieces(Sequence[Tokens]):
    """Texts with their [CLS] and [SEP], by number.

    Args:
        tokenizer: Whose special tokens they get.
        store: The documents.
        room: Tokens of a piece at most, without the special ones.
        full: Whether a document is cut where a row is full; else where sentences end, as far as may be.
    """

    segments: Sequence[Tokens] | None = None

    def __init__(self, tokenizer: WordPieceTokenizer, store: TokenStore, room: int, full: bool) -> None:
        self._begin, self._end = (np.array([one], np.int32) for one in (tokenizer.cls_id, tokenizer.sep_id))
        self._tokens = store.tokens
        spans = (span for ends in store.ends() for span in (_full(ends, room) if full else _by_sentence(ends, room)))
        self._spans = np.array(list(spans), np.int64).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, number: Any) -> Any:
        start, stop = self._spans[number]
        return np.concatenate([self._begin, self._tokens[start:stop], self._end])

    def lengths(self) -> list[int]:
        """Tokens of each, the special ones with them."""
        return (self._spans[:, 1] - self._spans[:, 0] + 2).tolist()


class PairedPieces(Sequence[Tokens]):
    """Pairs of texts with their [CLS] and [SEP], by number, and which segment each token is of.

    Args:
        tokenizer: Whose special tokens they get.
        pairs: The pairs.
    """

    def __init__(self, tokenizer: WordPieceTokenizer, pairs: Iterable[Pair]) -> None:
        tokens, ends, seconds, self._apart = array('i'), array('q', [0]), array('q'), array('b')
        for first, second, follows in pairs:
            tokens.extend([tokenizer.cls_id, *first, tokenizer.sep_id])
            seconds.append(len(tokens) - ends[-1])
            tokens.extend([*second, tokenizer.sep_id])
            ends.append(len(tokens))
            self._apart.append(not follows)
        self._tokens, self._ends, self._seconds = np.frombuffer(tokens, np.int32), ends, seconds
        self.segments: Sequence[Tokens] | None = _Segments(self)

    def __len__(self) -> int:
        return len(self._seconds)

    def __getitem__(self, number: Any) -> Any:
        return self._tokens[self._ends[number] : self._ends[number + 1]]

    def lengths(self) -> list[int]:
        """Tokens of each, the special ones with them."""
        return [stop - start for start, stop in pairwise(self._ends)]

    def second(self, number: int) -> int:
        """Where the second text begins."""
        return self._seconds[number]

    def follow(self) -> int:
        """How many have a second text that follows the first."""
        return len(self._apart) - sum(self._apart)

    def apart(self, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """1 for each whose second text does not follow the first, else 0."""
        return np.array([self._apart[number] for number in numbers], np.int32)


class _Segments(Sequence[Tokens]):
    """0 up to the first [SEP] of a pair, 1 behind."""

    def __init__(self, pairs: PairedPieces) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, number: Any) -> Any:
        return (np.arange(len(self._pairs[number])) >= self._pairs.second(number)).astype(np.int32)


def _full(ends: NDArray[np.int64], room: int) -> Iterator[tuple[int, int]]:
    """A document, from ends[0] to ends[-1], in pieces that fill a row, and what is left."""
    start, stop = int(ends[0]), int(ends[-1])
    return ((at, min(at + room, stop)) for at in range(start, stop, room))


def _by_sentence(ends: NDArray[np.int64], room: int) -> Iterator[tuple[int, int]]:
    """The same in pieces of whole sentences as far as may be; a longer one is cut where it must."""
    start = before = int(ends[0])
    for end in ends[1:].tolist():
        if start < before and end - start > room:
            yield start, before
            start = before
        while end - start > room:
            yield start, start + room
            start += room
        before = end
    if start < before:
        yield start, before
