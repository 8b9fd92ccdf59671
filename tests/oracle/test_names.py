"""Every public name of Keras 3.15's is here, or is named with the reason why not."""

import importlib

import keras
import numpy as np
import pytest

import hefted
from hefted.applications import taken_over
from hefted.errors import ArgumentError

GAPS = {
    '': {'src': "Keras's own files"},
    'optimizers': {'legacy': "Keras's own only raise"},
}
NAMESPACES = (
    '', 'activations', 'applications', 'applications.mobilenet_v2', 'backend', 'callbacks', 'config', 'constraints',
    'datasets', 'datasets.cifar10', 'datasets.imdb', 'datasets.reuters', 'distillation', 'distribution',
    'dtype_policies', 'export', 'initializers', 'layers', 'legacy', 'legacy.saving', 'losses', 'metrics',
    'mixed_precision', 'models', 'ops', 'optimizers', 'optimizers.schedules', 'preprocessing',
    'preprocessing.image', 'preprocessing.sequence', 'quantizers', 'random', 'regularizers', 'saving', 'tree',
    'utils', 'utils.bounding_boxes', 'visualization', 'wrappers',
)  # fmt: skip


@pytest.mark.parametrize('namespace', NAMESPACES)
def test_every_public_name_is_here_or_is_named_as_missing(namespace):
    theirs = importlib.import_module(f'keras.{namespace}'.rstrip('.'))
    ours = importlib.import_module(f'hefted.{namespace}'.rstrip('.'))
    missing = {name for name in dir(theirs) if not name.startswith('_') and not hasattr(ours, name)}
    assert missing == set(GAPS.get(namespace, {})) & set(dir(theirs))
    assert keras.__version__.startswith('3.15')


# Beside Keras's: `docs/differences.md` and the docstrings say why.
OURS = {
    'callbacks': {'Worth'}, 'datasets': {'breast_cancer'}, 'initializers': {'RandomInitializer'},
    'losses': {'LossFunctionWrapper', 'is_builtin'}, 'metrics': {'accuracy'}, 'optimizers': {'FromOptax'},
    'utils': set(),
}  # fmt: skip


@pytest.mark.parametrize('namespace', OURS)
def test_a_star_gives_the_names_that_it_gives_of_keras(namespace):
    theirs: dict[str, object] = {}
    ours: dict[str, object] = {}
    exec(f'from keras.{namespace} import *', theirs)
    exec(f'from hefted.{namespace} import *', ours)
    assert set(ours) == set(theirs) - {'legacy'} | OURS[namespace]


@pytest.mark.parametrize('namespace', ['activations', 'constraints', 'regularizers'])
def test_a_star_of_one_file_gives_all_that_it_gives_of_keras(namespace):
    theirs: dict[str, object] = {}
    ours: dict[str, object] = {}
    exec(f'from keras.{namespace} import *', theirs)
    exec(f'from hefted.{namespace} import *', ours)
    assert set(theirs) <= set(ours)


def test_an_application_of_keras_s_is_a_model_of_ours_that_trains_on():
    layers = keras.layers
    image = keras.Input((32, 32, 3))
    wide = layers.ReLU(6.0)(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding='same')(image)))
    base = taken_over(keras.Model(image, layers.Add()([wide, image])))
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype('float32')
    inputs = hefted.Input((32, 32, 3))
    scaled = hefted.applications.mobilenet_v2.preprocess_input(inputs)
    outputs = hefted.layers.Dense(1)(hefted.layers.GlobalAveragePooling2D()(base(scaled, training=False)))
    base.trainable = False
    model = hefted.Model(inputs, outputs)
    model.compile('sgd', 'mse')
    assert len(model.trainable_variables) == 2
    assert np.isfinite(model.fit(x, np.ones((2, 1)), verbose=0).history['loss']).all()


@pytest.mark.parametrize(
    'call', [hefted.layers.TFSMLayer, hefted.layers.TorchModuleWrapper, hefted.export.ExportArchive]
)
def test_what_is_refused_says_what_to_do(call):
    with pytest.raises(ArgumentError, match='is not here'):
        call()
