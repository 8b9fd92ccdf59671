"""Archives of functional models go both ways: Keras opens ours, we open Keras's, and training goes on the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArchiveError

BACKENDS = [keras, hefted]
rng = np.random.default_rng(8)
A = rng.standard_normal((40, 4)).astype('float32')
B = rng.standard_normal((40, 4)).astype('float32')
Y = [A[:, :1], B[:, :2]]


def model_of(kind: Any) -> Any:
    """Shared layers, a model in the model, dicts, a short cut."""
    layers = kind.layers
    inside = kind.Input((5,), name='inside')
    inner = kind.Model(inside, layers.Dense(2, name='deep')(layers.BatchNormalization(name='n')(inside)), name='inner')
    stack = kind.Sequential(
        [kind.Input((2,), name='s0'), layers.Dense(3, name='s1'), layers.Dense(2, name='s2')], name='stack'
    )
    a, b = kind.Input((4,), name='a'), kind.Input((4,), name='b')
    shared = layers.Dense(5, activation='tanh', name='shared')
    left, right = inner(shared(a)), inner(shared(b))
    model = kind.Model({'a': a, 'b': b}, [layers.Dense(1, name='one')(left), stack(right)], name='whole')
    model.compile('adam', ['mse', 'mae'], metrics=[['mae'], []])
    return model


def plain(config: Any) -> Any:
    """A config without what the two may write in different forms."""
    if isinstance(config, dict):
        left_out = ('build_config', 'compile_config', 'shared_object_id', 'mask', 'registered_name')
        return {k: plain(v) for k, v in config.items() if k not in left_out}
    if isinstance(config, float):
        return float(np.float32(config))
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def test_a_functional_config_is_keras_s() -> None:
    reference, found = (plain(json.loads(json.dumps(model_of(kind).get_config(), default=str))) for kind in BACKENDS)
    assert found == reference


@pytest.mark.parametrize(('one', 'other'), [BACKENDS, BACKENDS[::-1]], ids=['keras to hefted', 'hefted to keras'])
def test_a_functional_model_goes_from_one_to_the_other_and_trains_on(one: Any, other: Any, tmp_path: Path) -> None:
    x = {'a': A, 'b': B}
    fit: dict[str, Any] = {'batch_size': 16, 'epochs': 2, 'shuffle': False, 'verbose': 0}
    model = model_of(one)
    model.fit(x, Y, **fit)
    model.save(tmp_path / 'whole.keras')
    again = other.saving.load_model(tmp_path / 'whole.keras')
    for found, wanted in zip(again.predict(x, verbose=0), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    wanted, found = model.fit(x, Y, **fit).history, again.fit(x, Y, **fit).history
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_model_made_again_from_its_config_has_the_same_shape_and_its_own_weights() -> None:
    model = model_of(hefted)
    again = hefted.Model.from_config(model.get_config())
    reference = keras.Model.from_config(model_of(keras).get_config())
    assert [v.path for v in again.weights] == [v.path for v in reference.weights]
    again.set_weights(model.get_weights())
    for found, wanted in zip(again([A, B]), model([A, B]), strict=True):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
    assert again.get_layer('shared') is not model.get_layer('shared')


def test_what_was_frozen_comes_back_frozen_and_the_optimizer_s_state_with_it(tmp_path: Path) -> None:
    model = model_of(hefted)
    for layer in (model.get_layer('shared'), model.get_layer('stack').get_layer('s1')):
        layer.trainable = False
    model.compile('adam', ['mse', 'mae'])
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(3)
    model.save(tmp_path / 'some.keras')
    for kind in BACKENDS:
        again = kind.saving.load_model(tmp_path / 'some.keras')
        assert len(again.trainable_variables) == len(model.trainable_variables) == 8
        assert int(again.optimizer.iterations) == 3
    model.get_layer('shared').trainable = True  # after `compile`: the state that is saved is of fewer weights
    model.save(tmp_path / 'more.keras')
    for kind in BACKENDS:
        with pytest.warns(UserWarning, match='optimizer'):
            assert int(kind.saving.load_model(tmp_path / 'more.keras').optimizer.iterations) == 0


def broken(change: Any) -> dict[str, Any]:
    config = json.loads(json.dumps(model_of(hefted).get_config()))
    change(config)
    return config


@pytest.mark.parametrize(
    'change',
    [
        lambda c: c['layers'].pop(0),
        lambda c: c.update(input_layers=[['nobody', 0, 0]]),
        lambda c: c.update(output_layers=[['one', 7, 0]]),
        lambda c: c.update(output_layers='one'),
        lambda c: c.update(layers={}),
        lambda c: c['layers'][2]['inbound_nodes'][0]['args'][0]['config'].update(keras_history=['one', 0, 0]),
        lambda c: c['layers'][2]['inbound_nodes'][0]['args'][0]['config'].update(keras_history='a'),
    ],
)
def test_a_config_that_describes_no_model_is_refused(change: Any) -> None:
    with pytest.raises((ArchiveError, ValueError)):
        hefted.Model.from_config(broken(change))
