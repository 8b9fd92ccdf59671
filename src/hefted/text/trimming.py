"""How much of one text, or of two, stays where there is too little room."""

from __future__ import annotations

from typing import Any

import numpy as np

from hefted.errors import ArgumentError


def is_whole(value: Any, least: int) -> bool:
    """Whether it is a whole number, of at least so much."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def room_for(length: int, texts: int) -> int:
    """Tokens left for text in a row of `length`, beside [CLS] and a [SEP] for each of `texts`.

    Raises:
        ArgumentError: There is none for a token of each, or length is no whole number.

    Example:
        >>> room_for(128, texts=2)
        125
    """
    if not is_whole(length, 1 + 2 * texts):
        raise ArgumentError(
            f'Expected length to be a whole number with room for {texts} text{"s" if texts > 1 else ""} beside [CLS] '
            f'and [SEP], at least {1 + 2 * texts} tokens, received {length!r}. 128 is usual.'
        )
    return length - 1 - texts


def trimmed(first: list[int], second: list[int] | None, room: int) -> tuple[list[int], list[int] | None]:
    """Both texts cut at their ends to `room` tokens, the longer one first: the rule of Hugging Face's tokenizers.

    What is over comes off the longer; where both are longer than half, each keeps half, and of an odd number the longer
    one keeps one more.

    Example:
        >>> trimmed([1, 2, 3, 4], [5], room=3)
        ([1, 2], [5])
    """
    if second is None:
        return first[:room], None
    short, long = sorted((len(first), len(second)))
    long = short if short > room else min(long, max(short, room - short))
    if short + long > room:
        short, long = room // 2, room // 2 + room % 2
    kept, other = (long, short) if len(first) > len(second) else (short, long)
    return first[:kept], second[:other]
