"""Every public name of Keras 3.15's is here, or is named with the reason why not."""

import importlib

import keras
import pytest

GAPS = {
    'config': {}, 'constraints': {}, 'dtype_policies': {}, 'initializers': {}, 'losses': {}, 'metrics': {},
    'random': {}, 'regularizers': {}, 'tree': {}, 'activations': {}, 'optimizers.schedules': {},
    'utils.bounding_boxes': {},
    'optimizers': {'legacy': "Keras's own only raise"},
    'utils': {
        'legacy': 'the older formats are not written',
        'model_to_dot': 'plot_model draws without Graphviz',
    },
}  # fmt: skip


@pytest.mark.parametrize('namespace', GAPS)
def test_every_public_name_is_here_or_is_named_as_missing(namespace):
    theirs = importlib.import_module(f'keras.{namespace}')
    ours = importlib.import_module(f'hefted.{namespace}')
    missing = {name for name in dir(theirs) if not name.startswith('_') and not hasattr(ours, name)}
    assert missing <= set(GAPS[namespace])
    assert keras.__version__.startswith('3.15')
