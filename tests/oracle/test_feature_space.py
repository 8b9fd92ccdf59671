"""FeatureSpace prepares columns as Keras's does, and models are made of it.

Keras's needs TensorFlow. What it gives for `SMALL` was printed by keras 3.15.1 on JAX with tensorflow 2.21.0.
"""

import json
import zipfile

import numpy as np
import pytest

import hefted
from hefted import layers, utils
from hefted.utils import FeatureSpace

SMALL = {'size': [1.0, 3.0, 2.0, 10.0], 'kind': ['a', 'b', 'a', 'c'], 'n': [5, 7, 5, 9], 'when': [0.1, 0.9, 0.4, 0.5]}
ASKED = {'size': [4.0, 1.0], 'kind': ['b', 'zz'], 'n': [9, 8], 'when': [0.0, 1.0]}
WANTED = [
    [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0],
    [1, 0, 0, 0, 1, 0, 0, 0, 0, -0.8485281467437744, 0, 1, 1, 0, 0, 0],
]


def _small(**arguments):
    features = {
        'size': 'float_normalized', 'kind': 'string_categorical',
        'n': FeatureSpace.integer_categorical(num_oov_indices=2), 'when': FeatureSpace.float_discretized(2),
    }  # fmt: skip
    return FeatureSpace(features, crosses=[FeatureSpace.cross(('kind', 'n'), 4)], **arguments)


class _Batches(utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {name: values[2 * index : 2 * index + 2] for name, values in SMALL.items()}, [0, 1]


@pytest.mark.parametrize('data', [
    SMALL, {name: np.array(values)[:, None] for name, values in SMALL.items()}, _Batches(),
    [_Batches()[0], _Batches()[1][0]],
], ids=['lists', 'arrays', 'PyDataset', 'list of batches'])  # fmt: skip
def test_columns_are_kerass(data):
    space = _small()
    space.adapt(data)
    np.testing.assert_allclose(space(ASKED), WANTED, atol=1e-6)
    single = space({name: values[1] for name, values in ASKED.items()})
    np.testing.assert_allclose(single, WANTED[1], atol=1e-6)
    parts = _small(output_mode='dict')
    parts.adapt(data)
    joined = np.concatenate(list(parts(ASKED).values()), axis=1)
    np.testing.assert_allclose(joined, WANTED, atol=1e-6)
    assert list(parts(ASKED)) == ['kind', 'n', 'size', 'when', 'kind_X_n'] == list(parts.get_encoded_features())


@pytest.mark.parametrize('library', [
    pytest.param(name, marks=pytest.mark.service(name)) for name in ('pandas', 'polars')
])  # fmt: skip
def test_frames_are_tables(library):
    frame = pytest.importorskip(library).DataFrame
    space = _small()
    space.adapt(frame(SMALL))
    np.testing.assert_allclose(space(frame(ASKED)), WANTED, atol=1e-6)


RNG = np.random.default_rng(0)
TABLE = {
    'age': RNG.uniform(20, 80, 40), 'plain': RNG.normal(size=40), 'scaled': RNG.normal(size=40),
    'kind': RNG.choice(['fixed', 'normal', 'reversible'], 40), 'sex': RNG.integers(0, 2, 40),
    'word': RNG.choice(list('abcdef'), 40), 'code': RNG.integers(0, 99, 40),
}  # fmt: skip


def _large():
    features = {
        'age': 'float_discretized', 'plain': 'float', 'scaled': FeatureSpace.float_rescaled(0.5, 1.0),
        'kind': 'string_categorical', 'sex': 'integer_categorical', 'word': 'string_hashed', 'code': 'integer_hashed',
    }  # fmt: skip
    return FeatureSpace(features, crosses=[('kind', 'sex'), ('age', 'kind')], hashing_dim=8)


def test_the_usual_program_trains_on_prepared_columns_and_predicts_from_raw_ones(tmp_path):
    y = (TABLE['kind'] == 'fixed').astype('float32')
    space = _large()
    space.adapt(TABLE)
    inputs, encoded = space.get_inputs(), space.get_encoded_features()
    outputs = layers.Dense(1, activation='sigmoid')(layers.Dropout(0.5)(encoded))
    training = hefted.Model(encoded, outputs)
    training.compile(hefted.optimizers.Adam(0.05), 'binary_crossentropy')
    losses = training.fit(space(TABLE), y, epochs=8, verbose=0).history['loss']
    assert losses[-1] < losses[0]
    asking = hefted.Model(inputs, outputs)
    predicted = asking.predict(TABLE, batch_size=16, verbose=0)
    np.testing.assert_allclose(predicted, training.predict(space(TABLE), verbose=0), atol=1e-6)
    np.testing.assert_allclose(predicted[:3], asking({name: v[:3] for name, v in TABLE.items()}), atol=1e-6)
    asking.compile('sgd', 'binary_crossentropy')
    asking.fit(TABLE, y, validation_data=(TABLE, y), verbose=0)
    assert np.isclose(asking.evaluate(TABLE, y, verbose=0), asking.test_on_batch(TABLE, y), rtol=1e-5)
    asking.save(tmp_path / 'model.keras')
    opened = hefted.models.load_model(tmp_path / 'model.keras')
    np.testing.assert_allclose(opened.predict(TABLE, verbose=0), asking.predict(TABLE, verbose=0), atol=1e-6)


@pytest.mark.parametrize('by_keras', [False, True])
def test_it_is_saved_and_opened_with_what_it_learned(tmp_path, by_keras):
    path = tmp_path / 'space.keras'
    space = _small()
    space.adapt(SMALL)
    space.save(path)
    if by_keras:  # which keeps vocabularies beside the config
        _with_assets(path, {'string': space.preprocessors['kind'], 'integer': space.preprocessors['n']})
    opened = hefted.models.load_model(path)
    np.testing.assert_allclose(opened(ASKED), WANTED, atol=1e-6)
    opened.adapt(SMALL | {'kind': list('zzzz')})
    assert opened.preprocessors['kind'].get_vocabulary() == ['[UNK]', 'z']


def _with_assets(path, lookups):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members['config.json'])
    for name in ('kind', 'n'):
        inner = config['config']['features'][name]['config']['preprocessor']['config']
        assert inner.pop('has_input_vocabulary') is False and inner.pop('vocabulary')
    members['config.json'] = json.dumps(config).encode()
    for kind, layer in lookups.items():
        words = '\n'.join(map(str, layer.get_vocabulary()))
        members[f'assets/preprocessors/{kind}_lookup/vocabulary.txt'] = words.encode()
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize('wrong', [
    lambda: FeatureSpace({}), lambda: FeatureSpace({'a': 'flot'}), lambda: FeatureSpace({'a': 'float'}, 'sum'),
    lambda: FeatureSpace({'a': 'float'}, crosses=[('a', 'b')]), lambda: _small()(SMALL),
    lambda: _small().adapt([1, 2]), lambda: _small().adapt(iter([SMALL])), lambda: _small().adapt({'size': [1.0]}),
    lambda: FeatureSpace({'a': FeatureSpace.string_hashed(3, output_mode='int')})({'a': ['x']}),
    lambda: FeatureSpace({'a': 'float'})({'a': ['x']}), lambda: FeatureSpace({'a': 'float'})([1.0]),
    lambda: FeatureSpace.cross(('a', 'b'), 3, 'float'), lambda: FeatureSpace.feature('int32', None, 'hot'),
])  # fmt: skip
def test_what_is_wrong_is_told(wrong):
    with pytest.raises(ValueError, match=r'[Ee]xpected|Cannot put|call adapt|Unknown|unknown'):
        wrong()
