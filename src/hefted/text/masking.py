"""What a masked language model is asked: which tokens are hidden, anew whenever it is called.

Devlin et al., 2019, "BERT: pre-training of deep bidirectional transformers", section 3.1: of the tokens 15 % are
chosen; of these 80 % become [MASK], 10 % another token, 10 % stay. Whole words are chosen with
all their pieces in the models that the authors published in May 2019. Wettig et al., 2023, "Should you mask 15 % in
masked language modeling?": 40 % serves large models better; recipes of today have 30 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hefted.errors import ArgumentError
from hefted.text.wordpiece import CONTINUES, WordPieceTokenizer

_MOST_ROUNDS = 8  # of leaving out a word that is too long for the places left, and trying those behind it


class Masked(NamedTuple):
    """Rows with tokens hidden, and what was there.

    Attributes:
        token_ids: int32 of shape (rows, length).
        mask_positions: Where tokens were chosen, in ascending order, int32 of shape (rows, most); 0 behind the last.
        mask_ids: What was there, int32 of that shape; 0 behind the last.
        mask_weights: float32 of that shape: 1 where something was chosen, 0 behind it.

    Made by `MaskedLMMaskGenerator`, which has an example.
    """

    token_ids: NDArray[np.int32]
    mask_positions: NDArray[np.int32]
    mask_ids: NDArray[np.int32]
    mask_weights: NDArray[np.float32]


class MaskedLMMaskGenerator:
    """Chooses tokens and hides them; the number of places that it tells is the same for each row.

    Args:
        tokenizer: A `WordPieceTokenizer`: its [MASK], its special tokens, which are never chosen, and its `##`.
        length: Tokens of a row.
        mask_selection_rate: The share of a row's tokens that is chosen, rounded, at least one.
        mask_selection_length: The most of a row, which is what the results are long; None has room for the rate.
        whole_word: Whether a word is chosen with all of its pieces.
        mask_token_rate: The share of the chosen that becomes [MASK].
        random_token_rate: The share that becomes any token but a special one.

    Raises:
        ArgumentError: A rate is no share, or shares together are more than all.

    Example:
        >>> tokenizer = WordPieceTokenizer.train(['the cat sat on the mat'] * 3, vocabulary_size=40)
        >>> hide = MaskedLMMaskGenerator(tokenizer, length=8, mask_selection_rate=0.3)
        >>> batch = tokenizer(['the cat sat on the mat'], length=8)
        >>> hidden = hide(batch['token_ids'], np.random.default_rng(1))
        >>> hidden.mask_positions.shape, hidden.mask_weights.sum()
        ((1, 2), np.float32(2.0))
    """

    def __init__(
        self,
        tokenizer: WordPieceTokenizer,
        length: int,
        mask_selection_rate: float = 0.15,
        mask_selection_length: int | None = None,
        whole_word: bool = False,
        mask_token_rate: float = 0.8,
        random_token_rate: float = 0.1,
    ) -> None:
        rates = {'mask_token_rate': mask_token_rate, 'random_token_rate': random_token_rate}
        for name, rate in rates.items() | {('mask_selection_rate', mask_selection_rate)}:
            if not 0 <= rate <= 1 or (name == 'mask_selection_rate' and not rate):
                raise ArgumentError(f'Expected {name} to be a share from 0 to 1, such as 0.15, received {rate!r}.')
        if sum(rates.values()) > 1:
            raise ArgumentError(
                f'Expected mask_token_rate and random_token_rate to be at most 1 together, received {rates}.'
            )
        self.rate, self.whole_word = mask_selection_rate, whole_word
        self._mask_share, self._random_share = mask_token_rate, random_token_rate
        self.most = (
            max(1, round(length * mask_selection_rate)) if mask_selection_length is None else mask_selection_length
        )
        if not 1 <= self.most <= length:
            raise ArgumentError(
                f'Expected mask_selection_length to be from 1 to length={length}, received {self.most}.'
            )
        self._mask_id = tokenizer.mask_id
        vocabulary, special = tokenizer.get_vocabulary(), tokenizer.special_ids()
        self._choosable = np.ones(len(vocabulary), bool)
        self._choosable[special] = False
        self._goes_on = np.array([token.startswith(CONTINUES) and len(token) > 2 for token in vocabulary])
        unused = np.array([token.startswith('[unused') for token in vocabulary])
        self._others = np.flatnonzero(self._choosable & ~unused).astype(np.int32)

    def __call__(
        self,
        token_ids: NDArray[Any],
        rng: np.random.Generator | Sequence[np.random.Generator],
        part: tuple[int, int] = (0, 1),
    ) -> Masked:
        """Hide tokens of rows; the rows that are passed stay as they are.

        Args:
            token_ids: int32 of shape (rows, length).
            rng: What draws, for all rows or one for each.
            part: (index, count): the rows are every count-th of more, from index on; each is masked as it is with them.

        Raises:
            ArgumentError: A number is not of the tokenizer's vocabulary.
        """
        if token_ids.size and not 0 <= token_ids.min() <= token_ids.max() < len(self._goes_on):
            raise ArgumentError(
                f'Expected token_ids from 0 to {len(self._goes_on) - 1}, as the tokenizer has, received '
                f'{token_ids.min()} to {token_ids.max()}. Use the tokenizer that made them.'
            )
        if isinstance(rng, np.random.Generator):
            drawn = self._drawn(rng, len(token_ids) * part[1], token_ids.shape[1])
            keys, fates, others = (one[part[0] :: part[1]] for one in drawn)
        else:
            each = [self._drawn(one, 1, token_ids.shape[1]) for one in rng]
            keys, fates, others = (np.concatenate(rows) for rows in zip(*each, strict=True))
        chosen = self._chosen(token_ids, keys)
        positions, weights = self._places(chosen)
        ids = np.where(weights > 0, np.take_along_axis(token_ids, positions, 1), 0).astype(np.int32)
        return Masked(self._hidden(token_ids, chosen, fates, others), positions, ids, weights)

    def _drawn(self, rng: np.random.Generator, rows: int, length: int) -> tuple[NDArray[Any], ...]:
        """A key for each word there may be, what becomes of each token, and what may take its place."""
        keys, fates = (rng.random((rows, length + more)) for more in (1, 0))
        return keys, fates, self._others[rng.integers(0, len(self._others), (rows, length))]

    def _chosen(self, token_ids: NDArray[Any], keys: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Words by the order of their keys, as long as they fit into the row's number of tokens."""
        free = self._choosable[token_ids]
        budget = np.minimum(self.most, np.maximum(1, np.rint(free.sum(axis=1) * self.rate)))[:, None]
        words = self._words(token_ids, free)
        by_token = np.where(free, np.take_along_axis(keys, words, 1), 2.0)
        order = np.argsort(by_token, axis=1, kind='stable')  # a word's tokens side by side, special ones last
        kept = _fitting(np.take_along_axis(words, order, 1), np.take_along_axis(free, order, 1), budget)
        chosen = np.zeros(token_ids.shape, bool)
        np.put_along_axis(chosen, order, kept, 1)
        return chosen

    def _words(self, token_ids: NDArray[Any], free: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Which word of its row each token is of; each token is one where words are not whole."""
        begins = free.copy()
        if self.whole_word:
            goes_on = self._goes_on[token_ids]
            begins[:, 1:] &= ~(goes_on[:, 1:] & free[:, :-1])
        return np.cumsum(begins, axis=1, dtype=np.int64)

    def _places(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        first = np.argsort(~chosen, axis=1, kind='stable')[:, : self.most]
        there = np.take_along_axis(chosen, first, 1)
        return np.where(there, first, 0).astype(np.int32), there.astype(np.float32)

    def _hidden(
        self,
        token_ids: NDArray[Any],
        chosen: NDArray[np.bool_],
        fates: NDArray[np.float64],
        others: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        by_mask = chosen & (fates < self._mask_share)
        by_other = chosen & ~by_mask & (fates < self._mask_share + self._random_share)
        return np.where(by_mask, self._mask_id, np.where(by_other, others, token_ids)).astype(np.int32)


def _fitting(words: NDArray[np.int64], free: NDArray[np.bool_], budget: NDArray[Any]) -> NDArray[np.bool_]:
    """Which tokens are of words that fit, first come, first served; a word that does not lets those behind it try."""
    live = free.copy()
    for _ in range(_MOST_ROUNDS):
        too_much, whose = _too_much(words, live, budget)
        if not too_much.any():
            return live
        live &= ~whose
    too_much, whose = _too_much(words, live, budget)
    return live & ~too_much & ~whose


def _too_much(
    words: NDArray[np.int64], live: NDArray[np.bool_], budget: NDArray[Any]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The tokens past the budget, and all tokens of the first word that has one of them."""
    past = live & (np.cumsum(live, axis=1) > budget)
    first = np.take_along_axis(words, np.argmax(past, axis=1)[:, None], 1)
    return past, live & (words == first) & past.any(axis=1, keepdims=True)
