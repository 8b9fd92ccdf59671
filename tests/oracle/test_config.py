"""Settings and dtype policies: Keras's names, values, kinds of error and effects."""

import logging

import keras
import numpy as np
import pytest

import hefted
from hefted import config, dtype_policies, layers
from hefted.dtype_policies import DTypePolicy
from hefted.models import Sequential

X = np.random.default_rng(0).normal(size=(8, 3)).astype('float32')


@pytest.fixture(autouse=True)
def settings_are_put_back():
    yield
    dtype_policies.reset_dtype_policy()
    keras.config.set_dtype_policy('float32')
    for each in (config, keras.config):
        each.set_floatx('float32')
        each.set_epsilon(1e-7)
        each.set_image_data_format('channels_last')
        each.set_max_epochs(None)
        each.set_max_steps_per_epoch(None)
        each.enable_interactive_logging()
        each.enable_traceback_filtering()


def values(module):
    names = ('floatx', 'epsilon', 'image_data_format', 'max_epochs', 'max_steps_per_epoch', 'backend')
    flags = ('interactive_logging', 'traceback_filtering')
    return [getattr(module, n)() for n in names] + [getattr(module, f'is_{f}_enabled')() for f in flags]


def test_settings_are_kerass_at_the_start_and_when_set():
    assert values(config) == values(keras.config)
    for each in (config, keras.config):
        each.set_floatx('float16')
        each.set_epsilon(1e-3)
        each.set_image_data_format('channels_first')
        each.set_max_epochs(3)
        each.set_max_steps_per_epoch(2)
        each.disable_interactive_logging()
        each.disable_traceback_filtering()
    assert values(config) == values(keras.config)
    assert config.is_nnx_enabled() is keras.config.is_nnx_enabled() is False


@pytest.mark.parametrize(
    'wrong',
    [
        lambda c: c.set_floatx('int8'), lambda c: c.set_image_data_format('last'),
        lambda c: c.set_dtype_policy('mixed_int8'), lambda c: c.set_dtype_policy(3),
    ],
)  # fmt: skip
def test_mistakes_are_value_errors_for_both(wrong):
    for each in (config, keras.config):
        with pytest.raises(ValueError):
            wrong(each)


def test_there_is_one_back_end():
    config.set_backend('jax')
    with pytest.raises(ValueError, match='tensorflow'):
        config.set_backend('tensorflow')


def test_what_would_run_code_from_files_is_refused():
    with pytest.raises(ValueError, match='hold no code'):
        config.enable_unsafe_deserialization()


@pytest.mark.parametrize('identifier', [
    None, 'float32', 'mixed_float16', 'mixed_bfloat16', 'bfloat16', 'int32', np.float16, np.dtype('float64'), float,
    {'class_name': 'DTypePolicy', 'config': {'name': 'float16'}},
])  # fmt: skip
def test_policies_are_kerass(identifier):
    ours, theirs = dtype_policies.get(identifier), keras.dtype_policies.get(identifier)
    for name in ('name', 'compute_dtype', 'variable_dtype', 'quantization_mode'):
        assert getattr(ours, name) == getattr(theirs, name)
    assert repr(ours) == repr(theirs)
    assert dtype_policies.serialize(ours) == keras.dtype_policies.serialize(theirs)
    assert dtype_policies.deserialize(keras.dtype_policies.serialize(theirs)) == ours


@pytest.mark.parametrize('wrong', ['float31', 'mixed_int8', 3.5, [1]], ids=repr)
def test_unknown_policies_are_value_errors(wrong):
    for module in (dtype_policies, keras.dtype_policies):
        with pytest.raises(ValueError):
            module.get(wrong)


def test_equality_is_of_names():
    assert DTypePolicy('float32') == dtype_policies.FloatDTypePolicy('float32') != DTypePolicy('float16')
    assert len({DTypePolicy('float32'), dtype_policies.FloatDTypePolicy('float32')}) == 1
    with pytest.raises(TypeError):
        DTypePolicy(3)


def test_quantised_policies_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r'hefted\.fit'):
        dtype_policies.get('int8_from_float32')
    config = keras.dtype_policies.serialize(keras.dtype_policies.get('int8_from_mixed_bfloat16'))
    with pytest.raises(ValueError, match='not quantised'):
        dtype_policies.deserialize(config)


def test_the_global_policy_is_what_layers_take():
    for each, module in ((config, layers), (keras.config, keras.layers)):
        each.set_dtype_policy('mixed_bfloat16')
        layer = module.Dense(2)
        assert str(layer(X).dtype) == 'bfloat16'
        assert str(layer.kernel.dtype) == 'float32' == layer.dtype
        assert layer.dtype_policy.name == each.dtype_policy().name == 'mixed_bfloat16'


def maps(**kwargs):
    return (module.DTypePolicyMap(**kwargs) for module in (dtype_policies, keras.dtype_policies))


def test_maps_are_kerass():
    for policies in maps(default_policy='float32'):
        policies['encoder/.*'] = 'float16'
        policies['encoder/dense'] = 'bfloat16'
        policies['encoder/norm/.*'] = 'float64'
        found = [policies[p].name for p in ('encoder/dense', 'encoder/other', 'head', 'encoder/.*')]
        assert found == ['bfloat16', 'float16', 'float32', 'float16']
        assert (len(policies), list(policies)) == (3, ['encoder/.*', 'encoder/dense', 'encoder/norm/.*'])
        assert ('encoder/dense' in policies, 'encoder/x' in policies) == (True, False)
        assert (policies.name, policies.compute_dtype) == ('map_float32', 'float32')
        with pytest.raises(ValueError):
            policies['encoder/norm/gamma']
        with pytest.raises(ValueError):
            policies['encoder/dense'] = 'float32'
        del policies['encoder/dense']
        assert policies['encoder/dense'].name == 'float16'
    for module in (dtype_policies, keras.dtype_policies):
        with pytest.raises(ValueError):
            module.DTypePolicyMap(module.DTypePolicyMap())
        with pytest.raises(TypeError):
            module.DTypePolicyMap(policy_map=[1])


@pytest.mark.parametrize('default', [None, 'mixed_bfloat16'])
def test_maps_have_kerass_configs(default):
    configs = []
    for policies, module in zip(maps(default_policy=default), (dtype_policies, keras.dtype_policies), strict=True):
        policies['a/.*'] = module.DTypePolicy('float32')
        configs.append(module.serialize(policies))
    assert configs[0] == configs[1]
    again = dtype_policies.deserialize(configs[1])
    assert (again.name, again['a/b'].name) == (f'map_{default or "float32"}', 'float32')


def test_a_layer_looks_its_policy_up_by_its_path():
    for module, policies in zip((hefted.layers, keras.layers), maps(default_policy='float32'), strict=True):
        policies['inner'] = 'mixed_bfloat16'
        layer = module.Dense(2, dtype=policies, name='inner')
        layer.build((None, 3))
        assert (layer.path, layer.compute_dtype, layer.dtype) == ('inner', 'bfloat16', 'float32')
        assert str(layer(X).dtype) == 'bfloat16'
        other = module.Dense(2, dtype=policies, name='outer')
        assert str(other(X).dtype) == 'float32'
        again = module.Dense.from_config(layer.get_config())
        again.build((None, 3))
        assert again.compute_dtype == 'bfloat16'
        layer.dtype_policy = 'float32'
        assert (layer.compute_dtype, policies['inner'].name) == ('float32', 'float32')


def test_layers_write_kerass_configs():
    for policy in ('mixed_bfloat16', DTypePolicy('float16'), np.float32):
        theirs = keras.layers.Dense(2, dtype=policy.name if isinstance(policy, DTypePolicy) else policy, name='d')
        ours = layers.Dense(2, dtype=policy, name='d')
        assert ours.get_config()['dtype'] == theirs.get_config()['dtype']
        assert layers.Dense.from_config(theirs.get_config()).dtype_policy == ours.dtype_policy
    ours.dtype_policy = 'mixed_bfloat16'
    assert ours.compute_dtype == 'bfloat16'


def small_model():
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile('sgd', 'mse')
    return model


def test_limits_end_trainings_evaluations_and_predictions():
    model = small_model()
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    # As in Keras, an epoch of three steps of four leaves one for the next, which then runs out of data.
    with pytest.warns(UserWarning, match='Limiting'), pytest.warns(UserWarning, match='ran out of data'):
        history = model.fit(X, X[:, :1], epochs=9, batch_size=2, verbose=0)
    assert len(history.epoch) == 2
    assert history.params['steps'] == 3
    with pytest.warns(UserWarning, match='Limiting steps to 3'):
        assert model.predict(X, batch_size=2, verbose=0).shape == (6, 1)
    with pytest.warns(UserWarning, match='Limiting steps to 3'):
        model.evaluate(X, X[:, :1], batch_size=2, verbose=0)
    assert model.predict(X, batch_size=8, verbose=0).shape == (8, 1)  # fewer than the limit: no warning


def test_progress_goes_to_the_log_when_nobody_looks(caplog, capsys):
    config.disable_interactive_logging()
    with caplog.at_level(logging.INFO, 'hefted'):
        small_model().fit(X, X[:, :1], epochs=2)
    assert [line[:9] for line in caplog.messages[:3]] == ['Forecast:', 'Epoch 1/2', 'Epoch 2/2']
    assert capsys.readouterr().out == ''
