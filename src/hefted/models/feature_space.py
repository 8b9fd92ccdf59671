"""`FeatureSpace`: a table's columns, each prepared in its way, as what a model can take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, NotBuiltError, unknown_name
from hefted.layers import (
    CategoryEncoding,
    Concatenate,
    Discretization,
    HashedCrossing,
    Hashing,
    Input,
    IntegerLookup,
    Layer,
    Normalization,
    StringLookup,
)  # fmt: skip
from hefted.models.features import Cross, Feature, Kinds, cross_of, feature_of
from hefted.models.features import Plain as TFDIdentity
from hefted.models.host_segment import value_for
from hefted.utils.columns import columns_of
from hefted.utils.serialization import register_builtin, serialize_keras_object

__all__ = ['Cross', 'Feature', 'FeatureSpace', 'TFDIdentity']


class FeatureSpace(Kinds, Layer):
    """A table's columns, each prepared in its way, and put side by side.

    Args:
        features: By name: 'float', 'float_rescaled', 'float_normalized', 'float_discretized', 'integer_categorical',
            'string_categorical', 'integer_hashed', 'string_hashed'; or what `FeatureSpace.float()` and the like, or
            `FeatureSpace.feature(…)` with a layer of your own, make.
        output_mode: 'concat' for one array, 'dict' for one a feature.
        crosses: Tuples of features' names, or what `FeatureSpace.cross(…)` makes: their combinations, hashed.
        crossing_dim: Buckets of a cross.
        hashing_dim: Buckets of a hashed feature.
        num_discretization_bins: Bins of a discretized one.
        name: Made up if None.

    Attributes:
        preprocessors: The layer of each feature.
        crossers: The layer of each cross.

    Raises:
        ArgumentError: No features, one of a kind that is not known, a cross of features that are not there.

    Example:
        >>> table = {'size': [1.0, 3.0], 'kind': ['a', 'b']}
        >>> space = FeatureSpace({'size': 'float_normalized', 'kind': 'string_categorical'})
        >>> space.adapt(table)
        >>> space(table).tolist()
        [[0.0, 0.0, 1.0, -1.0], [0.0, 1.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = 'concat',
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        Layer.__init__(self, name=name)
        if not features:
            raise ArgumentError('Expected features to be a dict of at least one, received none.')
        if output_mode not in ('dict', 'concat'):
            raise unknown_name('output_mode', output_mode, ('dict', 'concat'))
        self.output_mode, self.crossing_dim, self.hashing_dim = output_mode, crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {
            name: feature_of(name, given, num_discretization_bins, hashing_dim) for name, given in features.items()
        }
        self.crosses = [cross_of(given, self.features, crossing_dim) for given in crosses or ()]
        self.inputs = {name: Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()}
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {cross.name: HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses}
        self.one_hot_encoders: dict[str, Any] = {}
        self.encoded_features: Any = None
        self.concat = Concatenate(axis=-1)
        self._is_adapted = False

    def adapt(self, dataset: Any) -> None:
        """Learn means, bins and vocabularies.

        Args:
            dataset: A dict of columns, a frame, or what gives batches of such: a `PyDataset`, a list or an iterable
                that can be gone through several times. Of batches (x, y), x is taken.

        Raises:
            ArgumentError: Something else, or a feature that is not in it.
        """
        tables = _tables(dataset)
        for name in self._adaptable():
            self.preprocessors[name].adapt(self._column(table, name) for table in tables())
        self._is_adapted = True
        self.encoded_features, self.one_hot_encoders = None, {}
        self.get_encoded_features()
        self.built = True

    def get_inputs(self) -> dict[str, Any]:
        """Symbolic inputs by name, for a model that takes raw columns."""
        self._require_adapted()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """What the symbolic inputs become: a symbolic tensor, or a dict of them."""
        self._require_adapted()
        if self.encoded_features is None:
            self.encoded_features = self._encoded(self.inputs)
            self.built = True
        return self.encoded_features

    def __call__(self, data: Any) -> Any:
        """The prepared columns.

        Args:
            data: A dict of columns (rows,) or (rows, 1), or of single values, or a frame.

        Returns:
            (rows, size), or without rows for single values; a dict of these with `output_mode='dict'`.
        """
        self.get_encoded_features()
        table = columns_of(data)
        if table is None:
            raise ArgumentError(
                f'Expected a FeatureSpace to be called with a dict or a frame, received {type(data).__name__}.'
            )
        columns = {name: self._column(table, name) for name in self.features}
        outputs = self._encoded(columns)
        single = all(np.ndim(table[name]) == 0 for name in self.features)
        if not single:
            return outputs
        return {name: one[0] for name, one in outputs.items()} if isinstance(outputs, dict) else outputs[0]

    def _encoded(self, columns: Mapping[str, Any]) -> Any:
        prepared = {name: self.preprocessors[name](columns[name]) for name in sorted(self.features)}
        crossed = {
            cross.name: self.crossers[cross.name]([prepared[name] for name in cross.feature_names])
            for cross in sorted(self.crosses, key=lambda cross: cross.name)
        }
        specs: dict[str, Any] = {**self.features, **{cross.name: cross for cross in self.crosses}}
        encoded = {name: self._hot(name, one, specs[name]) for name, one in (prepared | crossed).items()}
        if self.output_mode == 'dict':
            return encoded
        for name, one in encoded.items():
            if not str(one.dtype).startswith('float'):
                raise ArgumentError(
                    f'Cannot put feature {name!r} beside others: it is not encoded (dtype {one.dtype}). Give it '
                    "output_mode='one_hot', or the FeatureSpace output_mode='dict'."
                )
        every = list(encoded.values())
        return self.concat(every) if len(every) > 1 else every[0]

    def _hot(self, name: str, values: Any, spec: Any) -> Any:
        if spec.output_mode != 'one_hot':
            return values
        if name not in self.one_hot_encoders:
            layer = self.preprocessors.get(name) or self.crossers[name]
            if not str(values.dtype).startswith('int'):
                raise ArgumentError(
                    f"Feature {name!r} has output_mode='one_hot': expected its preprocessor to return whole numbers, "
                    f'received {values.dtype}.'
                )
            self.one_hot_encoders[name] = CategoryEncoding(_cardinality(name, layer), output_mode='multi_hot')
        return self.one_hot_encoders[name](values)

    def _column(self, table: Mapping[str, Any], name: str) -> Any:
        if name not in table:
            raise ArgumentError(f'Expected a table with the columns {list(self.features)}, it lacks {name!r}.')
        values = value_for(self.inputs[name], table[name])
        return values.reshape(-1, 1) if values.ndim < 2 else values

    def _adaptable(self) -> list[str]:
        return [name for name, layer in self.preprocessors.items() if hasattr(layer, 'adapt') and not _is_given(layer)]

    def _require_adapted(self) -> None:
        if not self._is_adapted and self._adaptable():
            raise NotBuiltError(
                f'FeatureSpace {self.name!r} has learned nothing yet: call adapt(dataset) before you use it.'
            )

    # In files

    def get_config(self) -> dict[str, Any]:
        return {
            'features': serialize_keras_object(self.features), 'output_mode': self.output_mode,
            'crosses': serialize_keras_object(self.crosses), 'crossing_dim': self.crossing_dim,
            'hashing_dim': self.hashing_dim, 'num_discretization_bins': self.num_discretization_bins,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        return {name: feature.preprocessor.get_build_config() for name, feature in self.features.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        for name, built in config.items():
            if built and not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(built)
        self._is_adapted = self.built = True

    def save(self, filepath: str | Path) -> None:
        """Write it to a `.keras` file, for `hefted.models.load_model`."""
        self._require_adapted()
        from hefted.saving import save_model

        save_model(self, filepath)


register_builtin(FeatureSpace, 'keras.utils')


def _cardinality(name: str, layer: Any) -> int:
    """How many whole numbers a layer returns."""
    if isinstance(layer, (IntegerLookup, StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, Discretization):  # what was adapted may have fewer bins than were asked for
        return len(layer.bin_boundaries or ()) + 1 if layer.num_bins is None else layer.num_bins
    if isinstance(layer, (HashedCrossing, Hashing)):
        return layer.num_bins
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens
    raise ArgumentError(
        f"Feature {name!r} has output_mode='one_hot', and how many numbers its {type(layer).__name__} returns is not "
        "known. Give it output_mode='int'."
    )


def _is_given(layer: Any) -> bool:
    """Whether it was told what `adapt` would learn."""
    if isinstance(layer, Normalization):
        return layer.input_mean is not None
    if isinstance(layer, Discretization):
        return layer.num_bins is None
    return bool(getattr(layer, '_given', False))


def _tables(dataset: Any) -> Callable[[], Iterator[Mapping[str, Any]]]:
    """What goes through a dataset's tables, as often as it is called."""
    whole = columns_of(dataset)
    if whole is not None:
        return lambda: iter([whole])
    indexed = hasattr(dataset, '__getitem__') and hasattr(dataset, '__len__')
    if not indexed and (hasattr(dataset, '__next__') or not hasattr(dataset, '__iter__')):
        raise ArgumentError(
            'Expected adapt() to be given a dict of columns, a frame, or batches of such that can be gone through '
            f'several times, received {type(dataset).__name__}. Make a list of it.'
        )

    def tables() -> Iterator[Mapping[str, Any]]:
        for batch in (dataset[i] for i in range(len(dataset))) if indexed else dataset:
            table = columns_of(batch[0] if isinstance(batch, (tuple, list)) else batch)
            if table is None:
                raise ArgumentError(f'Expected batches that are dicts of columns, received {type(batch).__name__}.')
            yield table

    return tables
