"""How much of one text, or of two, stays where there is too little room."""

from __future__ import annotations

from hefted.errors import ArgumentError


def room_for(length: int, texts: int) -> int:
    """Tokens left for text in a row of `length`, beside [CLS] and a [SEP] for each of `texts`.

    Raises:
        ArgumentError: There is none for a token of each.

    Example:
        >>> room_for(128, texts=2)
        125
    """
    room = length - 1 - texts
    if room < texts:
        raise ArgumentError(
            f'Expected length to have room for {texts} text{"s" if texts > 1 else ""} beside [CLS] and [SEP], at least '
            f'{1 + 2 * texts} tokens, received {length}. Raise it; 128 is usual.'
        )
    return room


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
