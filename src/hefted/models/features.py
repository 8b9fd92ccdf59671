"""What a `FeatureSpace` is made of: features, crosses of them, and how each kind is prepared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hefted.errors import ArgumentError, unknown_name
from hefted.layers import Discretization, Hashing, Identity, IntegerLookup, Normalization, Rescaling, StringLookup
from hefted.utils.naming import auto_name
from hefted.utils.serialization import deserialize_keras_object, register_builtin, serialize_keras_object

_HOME = 'keras.src.layers.preprocessing.feature_space'


class Cross:
    """Features whose combinations are hashed.

    Args:
        feature_names: Their names.
        crossing_dim: How many buckets there are.
        output_mode: 'one_hot', or 'int' for the bucket's number.
    """

    def __init__(self, feature_names: Iterable[str], crossing_dim: int, output_mode: str = 'one_hot') -> None:
        if output_mode not in ('int', 'one_hot'):
            raise unknown_name('output_mode', output_mode, ('int', 'one_hot'))
        self.feature_names = tuple(feature_names)
        self.crossing_dim, self.output_mode = crossing_dim, output_mode

    @property
    def name(self) -> str:
        return '_X_'.join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        names = ('feature_names', 'crossing_dim', 'output_mode')
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        return cls(**config)


class Feature:
    """One column, and the layer that prepares it.

    Args:
        dtype: 'float32', 'int32' or 'string'.
        preprocessor: The layer.
        output_mode: 'float', 'int', or 'one_hot' for whole numbers that become indicators.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in ('int', 'one_hot', 'float'):
            raise unknown_name('output_mode', output_mode, ('int', 'one_hot', 'float'))
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor = deserialize_keras_object(preprocessor) if isinstance(preprocessor, dict) else preprocessor

    def get_config(self) -> dict[str, Any]:
        preprocessor = serialize_keras_object(self.preprocessor)
        return {'dtype': self.dtype, 'preprocessor': preprocessor, 'output_mode': self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        return cls(**config)


class Plain(Identity):
    """What leaves a number as it is."""


register_builtin(Cross, _HOME)
register_builtin(Feature, _HOME)
register_builtin(Plain, _HOME, 'TFDIdentity')


class Kinds:
    """The kinds of feature, as constructors: `FeatureSpace.float_rescaled(scale=0.1)` and the like."""

    @classmethod
    def cross(cls, feature_names: Iterable[str], crossing_dim: int, output_mode: str = 'one_hot') -> Cross:
        """Features whose combinations are hashed into `crossing_dim` buckets."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A feature that a layer of your own prepares."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """A number as it is."""
        return Feature('float32', Plain(dtype='float32', name=_named(name, 'float')), 'float')

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """`number * scale + offset`."""
        return Feature('float32', Rescaling(scale, offset, name=_named(name, 'float_rescaled')), 'float')

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """A number less the mean, over the standard deviation."""
        return Feature('float32', Normalization(axis=-1, name=_named(name, 'float_normalized')), 'float')

    @classmethod
    def float_discretized(
        cls, num_bins: int | None, bin_boundaries: Any = None, output_mode: str = 'one_hot', name: str | None = None
    ) -> Feature:
        """The bin that a number falls into."""
        layer = Discretization(bin_boundaries, num_bins, name=_named(name, 'float_discretized'))
        return Feature('float32', layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = 'one_hot',
        name: str | None = None,
    ) -> Feature:
        """A whole number of a vocabulary."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_named(name, 'integer_categorical'))
        return Feature('int32', layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = 'one_hot',
        name: str | None = None,
    ) -> Feature:
        """A word of a vocabulary."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_named(name, 'string_categorical'))
        return Feature('string', layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = 'one_hot', name: str | None = None) -> Feature:
        """The bucket of a word."""
        return Feature('string', Hashing(num_bins, name=_named(name, 'string_hashed')), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = 'one_hot', name: str | None = None) -> Feature:
        """The bucket of a whole number."""
        return Feature('int32', Hashing(num_bins, name=_named(name, 'integer_hashed')), output_mode)


def feature_of(name: str, given: Any, bins: int, hashing_dim: int) -> Feature:
    """A feature, of one, of its kind's name or of its config.

    Raises:
        ArgumentError: Something else; the message has the nearest kinds.
    """
    if isinstance(given, Feature):
        return given
    if isinstance(given, dict):
        return deserialize_keras_object(given)
    makers: dict[str, Any] = {
        'float': Kinds.float, 'float_rescaled': Kinds.float_rescaled, 'float_normalized': Kinds.float_normalized,
        'float_discretized': lambda name: Kinds.float_discretized(bins, name=name),
        'integer_categorical': Kinds.integer_categorical, 'string_categorical': Kinds.string_categorical,
        'integer_hashed': lambda name: Kinds.integer_hashed(hashing_dim, name=name),
        'string_hashed': lambda name: Kinds.string_hashed(hashing_dim, name=name),
    }  # fmt: skip
    if not isinstance(given, str) or given not in makers:
        raise unknown_name(f'the type of feature {name!r}', given, makers)
    return makers[given](name=name)


def cross_of(given: Any, names: Iterable[str], crossing_dim: int) -> Cross:
    """A cross, of one, of features' names or of its config.

    Raises:
        ArgumentError: A feature that is not there.
    """
    cross = deserialize_keras_object(given) if isinstance(given, dict) else given
    cross = cross if isinstance(cross, Cross) else Cross(cross, crossing_dim)
    if unknown := [name for name in cross.feature_names if name not in names]:
        raise ArgumentError(f'Expected crosses of the features {sorted(names)}, received {unknown[0]!r}.')
    return cross


def _named(name: str | None, kind: str) -> str:
    return f'{name or auto_name(kind)}_preprocessor'
