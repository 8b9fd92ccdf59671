"""What StringLookup and IntegerLookup are: a vocabulary, given or learned, and places in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hefted import dtypes
from hefted.errors import ArchiveError, ArgumentError, NotBuiltError, unknown_name
from hefted.layers.categories import encode
from hefted.layers.hashed import salt_of
from hefted.layers.on_host import HostLayer, hot_shape
from hefted.symbolic import KerasTensor
from hefted.utils.columns import whole_numbers
from hefted.utils.fingerprints import buckets

_MODES = ('int', 'one_hot', 'multi_hot', 'count', 'tf_idf')
_SAME = {'binary': 'multi_hot', 'tf-idf': 'tf_idf'}

HostArray = np.ndarray[Any, Any]


class IndexLookup(HostLayer):
    """What both lookups are; the vocabulary is given, or learned by `adapt`."""

    _read: Callable[[str, Any], HostArray]
    _vocabulary_dtype: str

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        oov_method: str,
        salt: Any,
        name: str | None,
        **kwargs: Any,
    ) -> None:
        given = kwargs.pop('has_input_vocabulary', vocabulary is not None)
        # In Keras's files, which have the vocabulary beside the config: others are built on its size before it is read.
        self._size_told: int | None = kwargs.pop('vocabulary_size', None)
        super().__init__(name=name, **kwargs)
        self.max_tokens, self.num_oov_indices, self.mask_token, self.oov_token = (
            max_tokens, num_oov_indices, mask_token, oov_token,
        )  # fmt: skip
        self.invert, self.sparse, self.pad_to_max_tokens, self.oov_method = invert, False, pad_to_max_tokens, oov_method
        self.output_mode = _SAME.get(output_mode, output_mode)
        self.salt = salt_of(salt)
        self._check(sparse, vocabulary, idf_weights)
        self._given = given
        self._tokens: list[Any] = []
        self._places: dict[Any, int] = {}
        self._idf: HostArray | None = None
        self.reset_state()
        if vocabulary is not None:
            self._set(vocabulary, idf_weights)

    def _check(self, sparse: bool, vocabulary: Any, idf_weights: Any) -> None:
        kind = type(self).__name__
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise ArgumentError(f'Expected max_tokens of {kind} to be above 1, received {self.max_tokens}.')
        if self.max_tokens is None and self.pad_to_max_tokens:
            raise ArgumentError('Expected max_tokens with pad_to_max_tokens=True, received None.')
        if self.num_oov_indices < 0:
            raise ArgumentError(
                f'Expected num_oov_indices of {kind} to be at least 0, received {self.num_oov_indices}.'
            )
        if self.oov_method not in ('floormod', 'farmhash'):
            raise unknown_name('oov_method', self.oov_method, ('floormod', 'farmhash'))
        if self.output_mode not in _MODES:
            raise unknown_name('output_mode', self.output_mode, _MODES)
        if self.invert and self.output_mode != 'int':
            raise ArgumentError(f"Expected output_mode='int' with invert=True, received {self.output_mode!r}.")
        if sparse:
            raise ArgumentError(f'Expected sparse=False for {kind}: sparse outputs are not supported.')
        if idf_weights is not None and self.output_mode != 'tf_idf':
            raise ArgumentError(f"Expected idf_weights only with output_mode='tf_idf', not {self.output_mode!r}.")
        if vocabulary is not None and idf_weights is None and self.output_mode == 'tf_idf':
            raise ArgumentError("Expected idf_weights with a vocabulary and output_mode='tf_idf', received None.")

    # The vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The words by their places; without the mask's and the unknown's if asked for."""
        special = [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices
        return [*special, *self._tokens] if include_special_tokens else list(self._tokens)

    def vocabulary_size(self) -> int:
        """How many places there are, those of the mask and of unknown words too."""
        return self._first + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary instead of learning it.

        Args:
            vocabulary: Words, or the path of a file that has one a line.
            idf_weights: A number for each word, with 'tf_idf' alone.

        Raises:
            ArgumentError: None, a word twice, more than `max_tokens`, or weights that do not fit.
        """
        if (idf_weights is None) == (self.output_mode == 'tf_idf'):
            raise ArgumentError(
                f"Expected idf_weights with output_mode='tf_idf', and with no other, received {idf_weights!r} and "
                f'{self.output_mode!r}.'
            )
        self._set(vocabulary, idf_weights)

    def _set(self, vocabulary: Any, idf_weights: Any) -> None:
        if isinstance(vocabulary, (str, Path)):
            vocabulary = Path(vocabulary).read_text('utf-8').splitlines()
            vocabulary = vocabulary if self._vocabulary_dtype == 'string' else [int(line) for line in vocabulary]
        tokens: list[Any] = self._read('vocabulary', vocabulary).ravel().tolist()
        if not tokens:
            raise ArgumentError('Expected vocabulary to have words, received none.')
        special = self.get_vocabulary()[: self._first]
        whole = bool(special) and tokens[: self._first] == special
        tokens = tokens[self._first :] if whole else tokens
        if twice := [token for token, count in Counter(tokens).items() if count > 1]:
            raise ArgumentError(f'Expected vocabulary to have each word once, received {twice} several times.')
        reserved = [self.mask_token] * (self.mask_token is not None) + [self.oov_token] * self.invert
        if misplaced := [token for token in reserved if token in tokens]:
            raise ArgumentError(
                f'Expected vocabulary without mask and unknown words, or with them at its begin as {special}, received '
                f'{misplaced[0]!r} elsewhere.'
            )
        if self.max_tokens is not None and self._first + len(tokens) > self.max_tokens:
            raise ArgumentError(
                f'Expected vocabulary to have at most {self.max_tokens} words (max_tokens), received '
                f'{self._first + len(tokens)}, those of the mask and of unknown words counted.'
            )
        self._learned(tokens)
        if idf_weights is not None:
            self._set_idf(np.asarray(idf_weights, 'float32'), whole)

    def _set_idf(self, weights: HostArray, whole: bool) -> None:
        expected = len(self._tokens) + self._first * whole
        if weights.shape != (expected,):
            raise ArgumentError(f'Expected idf_weights of shape ({expected},), one a word, received {weights.shape}.')
        front = 0 if whole else self._first  # an unknown word weighs as much as known ones on the average
        weights = np.pad(weights, (front, 0), constant_values=np.average(weights))
        self._idf = np.pad(weights, (0, (self._depth or len(weights)) - len(weights)))

    def _learned(self, tokens: list[Any]) -> None:
        self._tokens = tokens
        self._places = {token: place for place, token in enumerate(tokens, self._first)}

    @property
    def _masks(self) -> bool:
        return self.mask_token is not None and self.output_mode == 'int'

    @property
    def _first(self) -> int:
        """The place of the first word."""
        return self._masks + self.num_oov_indices

    @property
    def _depth(self) -> int | None:
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.vocabulary_size() if self._tokens else self._size_told

    def load_vocabulary(self, lines: list[str]) -> None:
        """Take what `adapt` learned, from a file of Keras's; a vocabulary that the layer was given stays."""
        if not self._given and lines:
            self._set([line if self._vocabulary_dtype == 'string' else int(line) for line in lines], None)

    # Learning it

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the words, the most frequent first; what was learned before is forgotten.

        Args:
            data: An array, a list or a column of words, or batches of them.
            steps: How many batches to read; all if None.
        """
        self.reset_state()
        if _is_one(data):
            data = self._read('data of adapt()', data)
            self.update_state(data[:, None] if data.ndim == 1 else data)
        else:
            for number, batch in enumerate(_batches(data)):
                if steps is not None and number >= steps:
                    break
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Take one batch into account."""
        if self._given:
            raise ArgumentError(
                f'Cannot adapt {type(self).__name__} {self.name!r}, which was given its vocabulary. Leave it out.'
            )
        data = self._read('data of adapt()', data)
        data = data.reshape(1, -1) if data.ndim < 2 else data
        self._counts.update(data.ravel().tolist())
        if self.output_mode == 'tf_idf':
            for document in data.reshape(len(data), -1).tolist():
                self._documents.update(set(document))
            self._document_count += len(data)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        if self._given or not self._counts:
            return
        for special in (self.mask_token, self.oov_token):
            self._counts.pop(special, None)
        tokens = sorted(self._counts, key=lambda token: (self._counts[token], token), reverse=True)
        self._learned(tokens if self.max_tokens is None else tokens[: max(self.max_tokens - self._first, 0)])
        if self.output_mode == 'tf_idf':
            seen = np.array([self._documents[token] for token in self._tokens], 'float64')
            self._set_idf(np.log(1 + self._document_count / (1 + seen)).astype('float32'), whole=False)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._counts: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()
        self._document_count = 0

    # Looking up

    def call(self, inputs: Any) -> Any:
        if self.invert:
            return self._words(whole_numbers(f'the inputs of {type(self).__name__}', inputs))
        tokens = self._read(f'the inputs of {type(self).__name__}', inputs)
        if self.output_mode != 'int' and self._depth is None:
            raise NotBuiltError(
                f'{type(self).__name__} {self.name!r} has no vocabulary yet: give it one, or call adapt(data).'
            )
        known, inverse = np.unique(tokens, return_inverse=True)
        places = np.array([self._place(token) for token in known.tolist()], 'int64')[inverse].reshape(tokens.shape)
        if self.output_mode == 'int':
            return jnp.asarray(places, 'int32')
        mode = 'count' if self.output_mode == 'tf_idf' else self.output_mode
        marks = encode(jnp.asarray(places, 'int32'), mode, self._depth or 0, 'int32')
        return marks if self._idf is None else marks.astype(dtypes.floatx()) * self._idf

    def _place(self, token: Any) -> int:
        if self.mask_token is not None and token == self.mask_token:
            return 0 if self.output_mode == 'int' else -1  # which is marked nowhere
        place = self._places.get(token)
        if place is not None:
            return place
        if not self.num_oov_indices:
            raise ArgumentError(
                f'{type(self).__name__} {self.name!r}: expected words of the vocabulary, as num_oov_indices is 0, '
                f'received {token!r}. Set num_oov_indices=1.'
            )
        return self._masks + self._bucket(token)

    def _bucket(self, token: Any) -> int:
        if self.num_oov_indices == 1:
            return 0
        if self._vocabulary_dtype != 'string' and self.oov_method != 'farmhash':
            return token % self.num_oov_indices
        return int(buckets(np.array([token]), self.num_oov_indices, self.salt)[0])

    def _words(self, places: HostArray) -> Any:
        vocabulary = self.get_vocabulary()
        if not self.num_oov_indices:
            vocabulary = [*vocabulary, self.oov_token]
        inside = (places >= 0) & (places < self.vocabulary_size())
        unknown = vocabulary.index(self.oov_token)
        found = np.array(vocabulary)[np.where(inside, places, unknown)]
        return found if self._vocabulary_dtype == 'string' else jnp.asarray(found, 'int32')

    def compute_output_shape(self, input_shape: Any) -> Any:
        return hot_shape(input_shape, self.output_mode, self._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        dtype = dtypes.floatx() if self.output_mode == 'tf_idf' else 'int32'
        return KerasTensor(self.compute_output_shape(inputs.shape), self._vocabulary_dtype if self.invert else dtype)

    # In files

    def get_config(self) -> dict[str, Any]:
        names = (
            'invert', 'max_tokens', 'num_oov_indices', 'oov_token', 'mask_token', 'output_mode', 'sparse',
            'pad_to_max_tokens', 'oov_method', 'salt',
        )  # fmt: skip
        config = self.shared_config() | {name: getattr(self, name) for name in names}
        learned = {} if self._given or not self._tokens else {'has_input_vocabulary': False}
        return config | learned | {
            'vocabulary': list(self._tokens) or None,
            'idf_weights': None if self._idf is None else self._idf[self._first : self.vocabulary_size()].tolist(),
            'vocabulary_size': self.vocabulary_size() if self._tokens else None,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if isinstance(config.get('vocabulary'), str):
            raise ArchiveError(
                f'The file names a vocabulary outside of it, {config["vocabulary"]!r}, which is never read.'
            )
        return super().from_config(config)


def _is_one(data: Any) -> bool:
    """Whether it is data itself, not batches of it."""
    return isinstance(data, (list, tuple, np.ndarray, jax.Array)) or hasattr(data, 'to_numpy')


def _batches(data: Any) -> Iterator[Any]:
    if hasattr(data, '__getitem__') and hasattr(data, '__len__'):  # a PyDataset
        data = (data[number] for number in range(len(data)))
    if not hasattr(data, '__iter__'):
        raise TypeError(f'Expected data of adapt() to be an array or batches, received {type(data).__name__}.')
    for batch in data:
        yield batch[0] if isinstance(batch, tuple) else batch
