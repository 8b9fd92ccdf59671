"""Text as what `fit` takes: for pre-training by masks, and for fine-tuning with labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted.errors import ArgumentError, DataError, warn
from hefted.text.batching import EpochsInOrder
from hefted.text.masking import MaskedLMMaskGenerator
from hefted.text.packing import WINDOW, filled, plan
from hefted.text.pairs import sentence_pairs
from hefted.text.pieces import PairedPieces, Pieces
from hefted.text.reading import Texts, column_of, is_frame, named_files, read_documents, read_texts, require_texts
from hefted.text.store import store_of
from hefted.text.trimming import is_whole, room_for
from hefted.text.wordpiece import WordPieceTokenizer, padded

_MASKS = 0
_FEWEST_FOLLOW = 0.1  # of pairs: half do where documents are long
_FEW = 20  # of which chance may let none follow


class MaskedLanguageDataset(EpochsInOrder):
    """Documents with tokens hidden, anew in each epoch: what BERT is pre-trained on.

    Text is read once, as a stream. Documents longer than a row are cut where it is full, or, where rows are
    not packed, where sentences end. Everything follows from `seed` and the epoch's number, so that a resumed
    training sees what it would have seen.

    Args:
        texts: Files, a column, a list or an iterable, as `read_documents` takes them.
        tokenizer: What cuts them.
        length: Tokens a row.
        batch_size: Rows a batch, over all hosts.
        mask_selection_rate: The share of tokens that is hidden: 0.15 in the original recipe, 0.3 in recipes of today.
        whole_word: Whether words are hidden with all of their pieces.
        next_sentence: Whether rows are pairs, half of which do not belong together, as in the original recipe.
        packed: Whether several texts share a row; None where that can be: not with `next_sentence`.
        seed: Of order, masks and pairs.
        shuffle: Whether each epoch has an order of its own.
        dynamic: Whether each epoch has masks of its own; a row has the same in all if not, which is better for what is
            validated on.
        shard: (index, count): this host's part of each batch, for a distribution with `auto_shard_dataset=False`.
        column: Of a frame, which holds the texts.
        encoding: Of files.
        separator: What ends a document of a file: a 'blank line', or the end of the 'file'.
        tokens_file: Where the numbers are kept instead of memory; it is written anew, and data that was made with the
            same name before keeps its own.

    Attributes:
        tokenizer: What cuts them: a BERT of another vocabulary refuses to be trained on them.
        waste: The share of all places that is padding.
        tokens: How many places of an epoch hold a token.

    Gives:
        'token_ids', 'segment_ids', 'packing_ids', 'position_ids' int32 and 'padding_mask' bool (rows, length);
        'mask_positions' and mask_ids int32, mask_weights float32 (rows, most hidden of a row); in the form
        ({'token_ids', 'segment_ids', 'padding_mask', 'mask_positions', and, where packed, 'packing_ids' and
        'position_ids'}, mask_ids, mask_weights); with `next_sentence` targets are {'masked_lm': mask_ids,
        'next_sentence': 0 where the second follows, else 1}, weights {'masked_lm': mask_weights, 'next_sentence': 1}.

    Raises:
        ArgumentError: An argument is wrong, or two do not go together.
        DataError: There is no text, or a file is not of that encoding.
        MissingFileError: There is no such file.

    Example:
        >>> lines = ['the cat sat on the mat', 'the dog sat on the cat'] * 20
        >>> tokenizer = WordPieceTokenizer.train(lines, vocabulary_size=60)
        >>> data = MaskedLanguageDataset(lines, tokenizer, length=32, batch_size=4)
        >>> x, mask_ids, mask_weights = data[0]
        >>> x['token_ids'].shape, mask_ids.shape, data.waste
        ((4, 32), (4, 5), 0.0)
    """

    def __init__(
        self,
        texts: Texts,
        tokenizer: WordPieceTokenizer,
        length: int = 128,
        batch_size: int = 32,
        *,
        mask_selection_rate: float = 0.15,
        whole_word: bool = True,
        next_sentence: bool = False,
        packed: bool | None = None,
        seed: int = 0,
        shuffle: bool = True,
        dynamic: bool = True,
        shard: tuple[int, int] = (0, 1),
        column: str | None = None,
        encoding: str = 'utf-8',
        separator: str = 'blank line',
        tokens_file: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(batch_size, seed, shuffle, shard)
        if next_sentence and packed:
            raise ArgumentError(
                'Expected packed or next_sentence, received both: whether a sentence follows is asked of a whole row. '
                'Leave out one.'
            )
        self.length, self._dynamic = length, dynamic
        self.packed = not next_sentence if packed is None else packed
        room = room_for(length, 2 if next_sentence else 1)
        self.tokenizer = tokenizer
        require_texts(texts)
        self._hide = MaskedLMMaskGenerator(tokenizer, length, mask_selection_rate, whole_word=whole_word)
        documents = read_documents(texts, column=column, encoding=encoding, separator=separator)
        store = store_of(documents, tokenizer, None if tokens_file is None else Path(tokens_file))
        self._pieces: Pieces | PairedPieces
        if next_sentence:
            pairs = sentence_pairs(store, length, np.random.default_rng([seed]))
            self._pieces = _telling(PairedPieces(tokenizer, pairs))
        else:
            self._pieces = Pieces(tokenizer, store, room, full=self.packed)
        lengths = self._pieces.lengths()
        self._rows = list(plan(lengths, length, WINDOW)) if self.packed else [[one] for one in range(len(lengths))]
        self.tokens, self.longest = sum(lengths), max(lengths) if self.packed else length
        self.waste = 1 - self.tokens / (len(self._rows) * length)

    def groups(self) -> list[NDArray[np.int64]]:
        return [np.arange(len(self._rows))]

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        numbers = self.row_numbers(index)
        pieces, rows = self._pieces, [self._rows[one] for one in numbers]
        x = filled(pieces, rows, self.length, self.tokenizer.pad_id, pieces.segments)
        rng = self.drawn(index, _MASKS) if self._dynamic else self.drawn_of_rows(numbers, _MASKS)
        hidden = self._hide(x['token_ids'], rng, self.shard)
        if not self.packed:
            x = {name: x[name] for name in ('token_ids', 'segment_ids', 'padding_mask')}
        x |= {'token_ids': hidden.token_ids, 'mask_positions': hidden.mask_positions}
        if not isinstance(pieces, PairedPieces):
            return x, hidden.mask_ids, hidden.mask_weights
        y = {'masked_lm': hidden.mask_ids, 'next_sentence': pieces.apart(numbers)}
        return x, y, {'masked_lm': hidden.mask_weights, 'next_sentence': np.ones(len(numbers), np.float32)}

    def __str__(self) -> str:
        what = 'pairs' if isinstance(self._pieces, PairedPieces) else 'texts'
        return (
            f'{len(self._pieces):,} {what} in {len(self._rows):,} rows of {self.length}, {self.waste:.1%} of them '
            f'padding, {self.num_batches:,} batches of {self.batch_size}'
        )


class TextDataset(EpochsInOrder):
    """Texts with labels, in batches of like length, so that little of a batch is padding.

    Args:
        texts: A list, an array or a column of strings, an iterable, a frame with `column`; or a file, each line of it
            a text.
        labels: As many: numbers, or a column of the frame by name; None for texts alone. Rows of `length` columns are
            of one label per place, and cut to the batch's length. What padding is labelled counts in the loss unless it
            is -100 with the loss's `ignore_class=-100`, or a sample_weight, such as `padding_mask`, is 0 there.
        tokenizer: What cuts them.
        length: Tokens a row at most; longer texts are cut.
        batch_size: Rows a batch, over all hosts.
        pairs: As many second texts, or a column of the frame by name.
        lengths: What batches' rows are long: a text goes where it just fits. Each costs one compilation; None is
            `length` alone.
        column: Of a frame, which holds the texts.
        encoding: Of a file.
        seed: Of the order.
        shuffle: Whether each epoch has an order of its own; `predict` gives its outputs in the order of the texts.
        shard: (index, count): this host's part of each batch, for a distribution with `auto_shard_dataset=False`.

    Attributes:
        tokenizer: What cuts them: a BERT of another vocabulary refuses them.
        waste: The share of all places that is padding.
        tokens: How many places of an epoch hold a token.

    Gives:
        ({'token_ids', 'segment_ids', 'padding_mask'}, labels), or the dict alone: int32, int32 and bool of shape
        (rows, length), and labels of shape (rows,), (rows, length) of one per place, or (rows, …) as they were given.

    Raises:
        ArgumentError: An argument is wrong, labels are no array, labels or pairs are not as many as texts, or texts are
            names of files.
        DataError: There is no text, or a file is not of that encoding.
        MissingFileError: There is no such file.

    Example:
        >>> texts, labels = ['so good', 'so very bad indeed', 'good', 'bad'], [1, 0, 1, 0]
        >>> tokenizer = WordPieceTokenizer.train(texts * 2, vocabulary_size=60)
        >>> data = TextDataset(texts, labels, tokenizer, length=16, batch_size=2, lengths=(4, 16))
        >>> sorted(x['token_ids'].shape for x, _ in data)
        [(1, 4), (1, 16), (2, 4)]
    """

    def __init__(
        self,
        texts: Texts,
        labels: Any,
        tokenizer: WordPieceTokenizer,
        length: int = 128,
        batch_size: int = 32,
        *,
        pairs: Texts | None = None,
        lengths: Sequence[int] | None = None,
        column: str | None = None,
        encoding: str = 'utf-8',
        seed: int = 0,
        shuffle: bool = True,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__(batch_size, seed, shuffle, shard)
        require_texts(texts)
        room_for(length, 1 if pairs is None else 2)
        pairs, labels = _beside(texts, 'pairs', pairs), _beside(texts, 'labels', labels)
        texts = list(read_texts(texts, encoding=encoding)) if named_files(texts) else texts
        self.tokenizer = tokenizer
        self._rows = tokenizer.framed(texts, pairs, length=length, column=column)
        self._labels = None if labels is None else _checked_labels(labels, len(self._rows))
        self.lengths = _checked_lengths(lengths, length)
        sizes = np.array([len(ids) for ids, _ in self._rows])
        self._bucket = np.searchsorted(self.lengths, sizes)
        self.longest = self.lengths[self._bucket.max()]
        self.tokens = int(sizes.sum())
        self.waste = 1 - self.tokens / np.array(self.lengths)[self._bucket].sum()
        if not self.num_batches:
            raise DataError(f'Expected at least a text for each of {shard[1]} hosts, received {len(self._rows)}.')

    def groups(self) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(self._bucket == number) for number in range(len(self.lengths))]

    def batch_kinds(self) -> list[int]:
        return [self.lengths[self._bucket[numbers[0]]] for numbers in self.batches()]

    def __getitem__(self, index: int) -> Any:
        numbers = self.row_numbers(index)
        x = padded([self._rows[one] for one in numbers], self.lengths[self._bucket[numbers[0]]], self.tokenizer.pad_id)
        if self._labels is None:
            return x
        labels = self._labels[numbers]
        by_place = labels.ndim == 2 and labels.shape[1] == self.lengths[-1]
        return x, labels[:, : x['token_ids'].shape[1]] if by_place else labels


def _beside(texts: Texts, name: str, given: Any) -> Any:
    """What belongs to the texts: as it was given, or a frame's column of that name."""
    if not isinstance(given, str):
        return given
    if not is_frame(texts):
        raise ArgumentError(
            f'Expected {name} to be as many as the texts, received {given!r}, the name of a column, but texts are '
            f'{type(texts).__name__}, no frame. Pass a list or an array, or a frame with column= for the texts.'
        )
    return column_of(texts, given)


def _telling(pairs: PairedPieces) -> PairedPieces:
    """The pairs, with a word where there is next to nothing to learn of their order."""
    if len(pairs) >= _FEW and pairs.follow() < _FEWEST_FOLLOW * len(pairs):
        warn(
            f'Of {len(pairs):,} pairs of sentences {pairs.follow():,} follow one another, where half should: most '
            'documents are one sentence. next_sentence=True needs a sentence a line, and documents of several lines '
            '(of files: parted by blank lines). Cut the text so, or leave out next_sentence.'
        )
    return pairs


def _checked_lengths(lengths: Sequence[int] | None, length: int) -> list[int]:
    given: Any = () if lengths is None else lengths
    if not isinstance(given, Iterable) or not all(is_whole(one, 3) and one <= length for one in given):
        raise ArgumentError(
            f'Expected lengths from 3 tokens to length={length}, received {given!r}. Give a tuple of whole '
            'numbers, none of them more than length.'
        )
    return sorted({*map(int, given), length})


def _checked_labels(labels: Any, count: int) -> NDArray[Any]:
    """A label for each text, as an array.

    Raises:
        ArgumentError: They are no array, or not as many.
    """
    try:
        array = np.asarray(labels)
        array = np.asarray(array.tolist()) if array.dtype == object else array  # a column of lists
    except ValueError as error:  # NumPy says the same of its own array
        raise ArgumentError(
            'Expected labels of one shape for all texts, received rows of several lengths. Pad them: those of one per '
            'place to length columns, with -100, and ignore_class=-100 in the loss.'
        ) from error
    if not array.ndim:
        raise ArgumentError(
            f'Expected labels to be a list, an array or a column, with one for each text, received '
            f'{type(labels).__name__}. Pass list(labels) of what is iterated over.'
        )
    if len(array) != count:
        raise ArgumentError(f'Expected as many labels as texts, {count}, received {len(array)}.')
    return array
