"""StringLookup and IntegerLookup: words and whole numbers as their places in a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hefted.errors import ArgumentError
from hefted.layers.index_lookup import IndexLookup
from hefted.utils.columns import whole_numbers, words


class StringLookup(IndexLookup):
    """Words as their places in a vocabulary, looked up on the host.

    Args:
        max_tokens: The most places there are; None is as many as there are words.
        num_oov_indices: How many places unknown words share, by their hash; with 0 they are an error.
        mask_token: A word with the place 0 ('int'), or with none.
        oov_token: What unknown words are called.
        vocabulary: The words, or the path of a file that has one a line; None if `adapt` learns them.
        idf_weights: A number for each word, for 'tf_idf' with a vocabulary.
        invert: Whether places are made words.
        output_mode: 'int', 'one_hot', 'multi_hot', 'count', or 'tf_idf'.
        pad_to_max_tokens: Whether indicators are as many as `max_tokens`.
        sparse: Kept for Keras's sake; only False.
        encoding: Kept for Keras's sake: text is UTF-8.
        name: Made up if None.
        salt: As in `Hashing`, of unknown words.

    Example:
        >>> layer = StringLookup()
        >>> layer.adapt(np.array(['b', 'a', 'b']))
        >>> layer(np.array(['a', 'b', 'z'])).tolist()
        [2, 1, 0]
    """

    _read = staticmethod(words)
    _vocabulary_dtype = 'string'

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = '[UNK]',
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = 'int',
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = 'utf-8',
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        method = kwargs.pop('oov_method', 'floormod')
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, method, salt, name, **kwargs,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {'encoding': self.encoding}


class IntegerLookup(IndexLookup):
    """Whole numbers as their places in a vocabulary, looked up on the host.

    Args:
        max_tokens: As in `StringLookup`, and so are the arguments that are not named here.
        num_oov_indices: As there; unknown numbers share the places by their remainder.
        mask_token: As there.
        oov_token: As there.
        vocabulary: As there.
        vocabulary_dtype: Kept for Keras's sake; only 'int64'.
        idf_weights: As there.
        invert: As there.
        output_mode: As there.
        sparse: As there.
        pad_to_max_tokens: As there.
        oov_method: 'floormod', or 'farmhash' for hashes of unknown numbers.
        salt: As there, with 'farmhash'.
        name: As there.

    Example:
        >>> IntegerLookup(vocabulary=[12, 36])(np.array([36, 12, 7])).tolist()
        [2, 1, 0]
    """

    _read = staticmethod(whole_numbers)
    _vocabulary_dtype = 'int64'

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = 'int64',
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = 'int',
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = 'floormod',
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != 'int64':
            raise ArgumentError(f"Expected vocabulary_dtype to be 'int64', received {vocabulary_dtype!r}.")
        if salt is not None and oov_method != 'farmhash':
            raise ArgumentError(f"Expected oov_method='farmhash' with a salt, received {oov_method!r}.")
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, oov_method, salt, name, **kwargs,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {'vocabulary_dtype': self.vocabulary_dtype}
