"""Several texts in one row, so that hardly a place of it is padding.

Which row a text goes into is best fit, longest first, among the texts of a window: the row with the least room that
is enough (Johnson, 1973: never more than 11/9 of the fewest rows and 6/9 of one, for a window that is everything).
Attention, positions and masks know the texts of a row apart by `packing_ids` and `position_ids`, as proposed by
Krell et al., 2021, "Efficient sequence packing without cross-contamination".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted.errors import ArgumentError, DataError

Arrays = dict[str, NDArray[Any]]
Piece = Sequence[int] | NDArray[Any]

WINDOW = 1024  # texts that are looked at together: with those of a novel under 1 % of a row is left
_FULL = 32  # a row with less than this part of it free waits for no further text


@dataclass(frozen=True)
class PackedRows:
    """Rows of texts, and how well they are filled.

    Attributes:
        arrays: 'token_ids', 'segment_ids', 'packing_ids' (0 padding, 1 the first text of the row, 2 the next) and
            'position_ids' (from 0 in each text), int32 of shape (rows, length), and 'padding_mask', bool.
        texts: How many texts are in them.

    Made by `pack`, which has an example.
    """

    arrays: Arrays
    texts: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.arrays['token_ids'])

    @property
    def tokens(self) -> int:
        """How many places hold a token."""
        return int(self.arrays['padding_mask'].sum())

    @property
    def waste(self) -> float:
        """The share of all places that is padding."""
        return 1 - self.tokens / max(1, self.arrays['padding_mask'].size)

    def __str__(self) -> str:
        length = self.arrays['token_ids'].shape[1]
        return f'{self.texts} texts in {self.rows} rows of {length}, {self.waste:.1%} of them padding'


class _Open:
    """Rows with room, by how much: a bit for each amount that some row has."""

    def __init__(self, length: int) -> None:
        self._length, self._bits = length, 0
        self._by_room: list[list[list[int]]] = [[] for _ in range(length + 1)]
        self.count = 0

    def add(self, number: int, size: int) -> None:
        """Put a text where the least room is enough, else in a new row."""
        enough = self._bits >> size
        room = size + (enough & -enough).bit_length() - 1 if enough else self._length
        row = self._taken(room) if enough else []
        row.append(number)
        self._put(row, room - size)

    def _taken(self, room: int) -> list[int]:
        rows = self._by_room[room]
        row = rows.pop()
        self.count -= 1
        if not rows:
            self._bits ^= 1 << room
        return row

    def _put(self, row: list[int], room: int) -> None:
        self._by_room[room].append(row)
        self._bits |= 1 << room
        self.count += 1

    def fullest(self, most_room: int, left: int) -> Iterator[list[int]]:
        """Hand out rows with no more room than that, and fullest first as many as are over `left`."""
        for room in range(self._length + 1):
            while self._by_room[room] and (room <= most_room or self.count > left):
                yield self._taken(room)


def plan(lengths: Iterable[int], length: int, window: int = WINDOW) -> Iterator[list[int]]:
    """Which texts go into one row, row by row, as their lengths come in: each text once, none split.

    Args:
        lengths: Tokens of each text.
        length: Tokens of a row.
        window: How many texts are looked at together, and about how many rows are kept open.

    Raises:
        ArgumentError: A text is longer than a row, or of no token.

    Example:
        >>> list(plan([5, 3, 4, 2, 6], length=8))
        [[4, 3], [0, 1], [2]]
    """
    if window < 1:
        raise ArgumentError(f'Expected window to be at least 1 text, received {window}.')
    rows = _Open(length)
    numbered = enumerate(lengths)
    while here := list(islice(numbered, window)):
        for number, size in sorted(here, key=lambda one: -one[1]):
            _check_size(number, size, length)
            rows.add(number, size)
        yield from rows.fullest(length // _FULL, window)
    yield from rows.fullest(length, 0)


def _check_size(number: int, size: int, length: int) -> None:
    if not 1 <= size <= length:
        remedy = 'Leave it out.' if size < 1 else 'Split or cut it, or raise length.'
        raise ArgumentError(
            f'Expected texts of 1 to {length} tokens, as a row has, received {size} as text {number}. {remedy}'
        )


def filled(
    pieces: Sequence[Piece], rows: Sequence[Sequence[int]], length: int, pad_id: int, segments: Sequence[Piece] | None
) -> Arrays:
    """The arrays of some rows of a plan."""
    shape = len(rows), length
    token_ids, packing_ids = np.full(shape, pad_id, np.int32), np.zeros(shape, np.int32)
    segment_ids, position_ids = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for row, numbers in enumerate(rows):
        at = 0
        for place, number in enumerate(numbers, start=1):
            piece = pieces[number]
            here = slice(at, at := at + len(piece))
            token_ids[row, here], packing_ids[row, here] = piece, place
            position_ids[row, here] = np.arange(len(piece))
            if segments is not None:
                segment_ids[row, here] = segments[number]
    return {
        'token_ids': token_ids,
        'segment_ids': segment_ids,
        'packing_ids': packing_ids,
        'position_ids': position_ids,
        'padding_mask': packing_ids > 0,
    }


def pack(
    texts: Iterable[Piece],
    length: int,
    *,
    segments: Iterable[Piece] | None = None,
    pad_id: int = 0,
    window: int = WINDOW,
) -> PackedRows:
    """Texts of numbers, each with its [CLS] and [SEP], several to a row.

    Args:
        texts: The numbers of each text's pieces.
        length: Tokens of a row.
        segments: Of each text, a segment for each token; None is 0 for all.
        pad_id: What the places behind the last text hold.
        window: How many texts are looked at together.

    Raises:
        ArgumentError: A text is longer than a row or of no token, or segments do not go with the texts.
        DataError: There is no text.

    Example:
        >>> rows = pack([[2, 7, 3], [2, 7, 7, 7, 3], [2, 8, 3]], length=8)
        >>> print(rows)
        3 texts in 2 rows of 8, 31.2% of them padding
        >>> rows.arrays['packing_ids'].tolist()
        [[1, 1, 1, 1, 1, 2, 2, 2], [1, 1, 1, 0, 0, 0, 0, 0]]
    """
    pieces = list(texts)
    kinds = None if segments is None else list(segments)
    if not pieces:
        raise DataError('Expected at least one text to pack, received none.')
    if kinds is not None and [*map(len, kinds)] != [*map(len, pieces)]:
        raise ArgumentError('Expected segments to have a number for each token of each text. Make them as long.')
    rows = list(plan(map(len, pieces), length, window))
    return PackedRows(filled(pieces, rows, length, pad_id, kinds), len(pieces))
