"""Which pieces a text has use for: learnt by the `tokenizers` library, the same from the same text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from hefted.errors import ArgumentError


def pieces_of(
    library: Any, tokenizer: Any, read: Callable[[], Iterable[str]], special: Sequence[str], size: int, least: int
) -> list[str]:
    """The pieces of a text in the order of their numbers: special ones, letters, and what was joined of them.

    The library numbers the letters inside of words as they come out of a hash table, another order in each process,
    and where two pairs are equally frequent it joins the one of lower numbers. So letters are numbered here before.

    Args:
        library: `tokenizers`.
        tokenizer: Of it, with the normaliser and the words that will be.
        read: Gives the text, as often as it is called.
        special: The special tokens.
        size: How many pieces at most.
        least: How often two pieces must stand side by side to become one.

    Raises:
        ArgumentError: There is no room for the letters.
    """
    first = [*special, *_letters(tokenizer, read())]
    if len(first) > size:
        raise ArgumentError(
            f'Expected vocabulary_size to have room for every letter of the text, {len(first)} with the special '
            f'tokens, received {size}. Raise it.'
        )
    trainer = library.trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=least,
        special_tokens=first,
        continuing_subword_prefix='##',
        show_progress=False,
    )
    tokenizer.train_from_iterator(read(), trainer=trainer)
    numbered = tokenizer.get_vocab()
    return sorted(numbered, key=numbered.__getitem__)


def _letters(tokenizer: Any, texts: Iterable[str]) -> Iterator[str]:
    """Every letter, and, with ## before it, each that stands in a word behind another."""
    alone: set[str] = set()
    behind: set[tuple[str, str]] = set()
    for text in texts:
        plain = tokenizer.normalizer.normalize_str(text)
        alone.update(plain)
        behind.update(pairwise(plain))

    def words(text: str) -> int:
        return len(tokenizer.pre_tokenizer.pre_tokenize_str(text))

    yield from sorted(letter for letter in alone if words(letter))
    yield from sorted({f'##{two}' for one, two in behind if words(one) and words(two) and words(one + two) == 1})
