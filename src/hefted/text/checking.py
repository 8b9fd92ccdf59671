"""Whether a tokenizer and a model speak of the same pieces, and a model has places for a text."""

from __future__ import annotations

from typing import Any

from hefted.errors import ArgumentError
from hefted.text.batching import EpochsInOrder

_ROUNDED_TO = 128  # tables are made longer, to a multiple of up to so much, for the sake of matrix units


def check_tokenizer(tokenizer: Any, model: Any) -> None:
    """Raise where the tokenizer's numbers are not those that the model's table has rows for.

    A table with a few rows more is well where it was rounded up: to a multiple of 8, by less than 128.

    Args:
        tokenizer: A `WordPieceTokenizer`.
        model: A model with `vocabulary_size`, or that number.

    Raises:
        ArgumentError: The sizes differ, or a special token's number has no row.

    Example:
        >>> from hefted.text import WordPieceTokenizer
        >>> check_tokenizer(WordPieceTokenizer.train(['a b'] * 2, vocabulary_size=20), 30522)
        Traceback (most recent call last):
        ...
        hefted.errors.ArgumentError: Expected a tokenizer of 30522 pieces, as the model has, received one of 7. Load \
the tokenizer that was published with the model (WordPieceTokenizer.load), or make the model with vocabulary_size=7.
    """
    rows = int(getattr(model, 'vocabulary_size', model))
    pieces = tokenizer.vocabulary_size()
    rounded = rows % 8 == 0 and 0 < rows - pieces < _ROUNDED_TO
    if rows != pieces and not rounded:
        raise ArgumentError(
            f'Expected a tokenizer of {rows} pieces, as the model has, received one of {pieces}. Load the tokenizer '
            'that was published with the model (WordPieceTokenizer.load), or make the model with '
            f'vocabulary_size={pieces}.'
        )


def check_length(data: Any, model: Any) -> None:
    """Raise where texts of a data set are longer than the model has places.

    Args:
        data: Any; one of `hefted.text` knows.
        model: A model with `max_sequence_length`.

    Raises:
        ArgumentError: One is longer.
    """
    most = model.max_sequence_length
    if isinstance(data, EpochsInOrder) and data.longest > most:
        raise ArgumentError(
            f'Expected texts of at most {most} tokens, as the model has places for, received one of {data.longest}. '
            f'Make the data with length={most}, or the model with max_sequence_length={data.longest}.'
        )
