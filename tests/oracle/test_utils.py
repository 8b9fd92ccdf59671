"""Keras's small utilities and ours give the same."""

import random
import re

import jax.numpy as jnp
import keras
import numpy as np
import pytest

from hefted import Input, config, dtype_policies, layers, utils

RNG = np.random.default_rng(0)
BOTH = pytest.mark.parametrize('module', [utils, keras.utils], ids=['hefted', 'keras'])


@BOTH
def test_a_config_is_read_and_set_both_ways_until_it_is_frozen(module):
    config = module.Config(rate=0.1, epochs=3)
    config.seed = 1
    config['name'] = 'it'
    assert (config.rate, config['seed'], config.get('none', 5), len(config), 'name' in config) == (0.1, 1, 5, 4, True)
    assert list(config) == ['epochs', 'name', 'rate', 'seed'] and config.pop('name') == 'it'
    config.update(rate=0.2)
    del config['seed']
    assert config.as_dict() == dict(config.items()) == {'rate': 0.2, 'epochs': 3}
    assert config.to_json() == '{"rate": 0.2, "epochs": 3}'
    assert repr(config) == "<Config {'rate': 0.2, 'epochs': 3}>"
    with pytest.raises(AttributeError, match="Did you mean 'epochs'"):
        config.epoch  # noqa: B018
    config.freeze()
    for change in (lambda: config.update(a=1), lambda: setattr(config, 'a', 1), lambda: config.pop('rate')):
        with pytest.raises(ValueError):
            change()
    assert config.frozen and list(config.keys()) == ['rate', 'epochs'] and list(config.values()) == [0.2, 3]
    config.unfreeze()
    config.a = 1
    assert config.a == 1


@pytest.mark.parametrize('target', [12, None])
@pytest.mark.parametrize('kwargs', [
    {}, {'verbose': 2}, {'verbose': 0}, {'stateful_metrics': ['loss']}, {'stateless_metrics': ['loss']},
    {'width': 7, 'unit_name': 'sample'},
], ids=str)  # fmt: skip
def test_a_bar_is_drawn_as_kerass(target, kwargs, capsys):
    drawn = []
    for module in (utils, keras.utils):
        bar = module.Progbar(target, interval=0.0, **kwargs)
        bar.update(0)
        for step in (1, 3, 7):
            bar.update(step, [('loss', step / 7), ('tiny', 1e-5)])
        bar.add(5, [('loss', np.float32(0.25))])
        if target is None:
            bar.update(12, [('loss', 0.5)], finalize=True)
        # Durations differ, and with them how much of a line is gone over.
        drawn.append(re.sub(r'\d+(m|u)?s\b', 'time', capsys.readouterr().out).replace('\b', ''))
    drawn = [re.sub(r' +(\r|\n|$)', r'\1', text) for text in drawn]
    assert drawn[0] == drawn[1]
    assert bool(drawn[0]) == (kwargs.get('verbose', 1) == 1 or (kwargs.get('verbose') == 2 and target is not None))


def test_a_bar_refuses_both_lists_of_names():
    for module in (utils, keras.utils):
        with pytest.raises(ValueError):
            module.Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_a_tensors_sources_are_kerass():
    found = []
    for kit, module in ((keras, keras.utils), (None, utils)):
        make, room = (keras.Input, keras.layers) if kit else (Input, layers)
        a, b, c = (make((3,), name=name) for name in 'abc')
        joined = room.Add()([room.Dense(3)(b), a])
        outputs = room.Concatenate()([joined, room.Dense(2)(b), c])
        found.append([[t.name for t in module.get_source_inputs(x)] for x in (outputs, joined, a)])
        assert module.get_source_inputs(5) == 5
    assert found == [[['b', 'a', 'c'], ['b', 'a'], ['a']]] * 2


SIZES = [(0.8, None), (None, 0.25), (3, None), (None, 4), (0.5, 0.25), (2, 3), (0.5, 3), (0.34, None), (0.66, 0.34)]


@pytest.mark.parametrize('sizes', SIZES, ids=str)
def test_the_parts_have_kerass_sizes(sizes):
    from keras.src.utils.dataset_utils import _rescale_dataset_split_sizes  # split_dataset itself needs TensorFlow

    x = np.arange(30).reshape(10, 3)
    left, right = utils.split_dataset(x, *sizes)
    assert (len(left), len(right)) == _rescale_dataset_split_sizes(*sizes, 10)
    np.testing.assert_array_equal(left, x[: len(left)])
    np.testing.assert_array_equal(right, x[-len(right) :])


WRONG_SIZES = [(0, None), (10, None), (1.0, None), (None, -1), (8, 3), (0.7, 0.5), ('a', None), (0.01, None), (0.99, 1)]


@pytest.mark.parametrize('sizes', WRONG_SIZES, ids=str)
def test_wrong_sizes_are_refused_as_by_keras(sizes):
    from keras.src.utils.dataset_utils import _rescale_dataset_split_sizes

    for split in (lambda: utils.split_dataset(np.arange(10), *sizes), lambda: _rescale_dataset_split_sizes(*sizes, 10)):
        with pytest.raises((ValueError, TypeError)) as error:
            split()
        assert isinstance(error.value, TypeError) == ('a' in sizes)


def test_a_shuffled_split_has_kerass_order_and_leaves_pythons_random_numbers():
    order = list(range(10))
    random.seed(3)  # as Keras does: it shuffles the list of rows by Python's generator
    random.shuffle(order)
    state = random.getstate()
    (x_left, y_left), (x_right, y_right) = utils.split_dataset(
        (np.arange(10), np.arange(10) * 2), right_size=0.3, shuffle=True, seed=3
    )
    np.testing.assert_array_equal(np.concatenate([x_left, x_right]), order)
    np.testing.assert_array_equal(np.concatenate([y_left, y_right]), 2 * np.asarray(order))
    assert random.getstate() == state


def test_a_dataset_of_batches_is_split_by_rows():
    class Numbers(utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return {'x': np.arange(3) + 3 * index}, np.full(3, index)

    left, right = utils.split_dataset(Numbers(), left_size=4)
    np.testing.assert_array_equal(left[0]['x'], [0, 1, 2, 3])
    np.testing.assert_array_equal(right[1], [1, 1])


@pytest.mark.parametrize(
    'wrong', [5, [], [[1, 2]], (np.zeros(2), np.zeros(3))], ids=['int', 'empty', 'lists', 'lengths']
)
def test_what_is_no_dataset_is_refused(wrong):
    for module in (utils, keras.utils):
        with pytest.raises((ValueError, TypeError)):
            module.split_dataset(wrong, left_size=0.5)
    with pytest.raises(ValueError, match='neither'):
        utils.split_dataset(np.zeros(4))


# Keras's function makes a tf.data or a Grain dataset, neither of which is installed here: below are the values of
# its documentation, and for the rest its definition, step by step.
def test_windows_are_those_of_kerass_documentation():
    windows = utils.timeseries_dataset_from_array(
        np.arange(99), None, sequence_length=10, sampling_rate=2, sequence_stride=3, batch_size=5
    )
    rows = np.concatenate(list(windows))
    np.testing.assert_array_equal(rows[:3, [0, -1]], [[0, 18], [3, 21], [6, 24]])
    np.testing.assert_array_equal(rows[-1], np.arange(78, 97, 2))
    data = RNG.normal(size=(30, 2))
    inputs, targets = utils.timeseries_dataset_from_array(data[:-10], data[10:], sequence_length=10)[0]
    np.testing.assert_array_equal(inputs[0], data[:10])
    np.testing.assert_array_equal(targets[0], data[10])


@pytest.mark.parametrize('stride', [1, 2, 5])
@pytest.mark.parametrize('rate', [1, 3])
@pytest.mark.parametrize(('start', 'end'), [(None, None), (4, None), (None, 31), (7, 29)])
def test_windows_by_their_definition(stride, rate, start, end):
    data, targets = RNG.normal(size=(40, 2)), np.arange(40)
    batches = list(utils.timeseries_dataset_from_array(
        data, targets, 4, stride, rate, batch_size=3, start_index=start, end_index=end
    ))  # fmt: skip
    first, last = start or 0, 40 if end is None else end
    starts = [i for i in range(first, last, stride) if i + 3 * rate < last]
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), starts)
    np.testing.assert_array_equal(
        np.concatenate([x for x, _ in batches]), [data[i : i + 4 * rate : rate] for i in starts]
    )
    assert all(len(y) == 3 for _, y in batches[:-1])


def test_windows_are_shuffled_by_their_seed_and_come_one_by_one():
    windows = utils.timeseries_dataset_from_array(np.arange(20), None, 3, shuffle=True, seed=5, batch_size=None)
    order = np.arange(18)
    np.random.RandomState(5).shuffle(order)  # Keras's order, before tf.data shuffles what is near once more
    assert [int(window[0]) for window in windows] == order.tolist()
    assert windows[0].shape == (3,) and len(windows) == 18


@pytest.mark.parametrize('wrong', [
    {'sampling_rate': 0}, {'sampling_rate': 40}, {'sequence_stride': -1}, {'sequence_stride': 40}, {'start_index': -1},
    {'start_index': 40}, {'end_index': 40}, {'end_index': -2}, {'start_index': 5, 'end_index': 5}, {'format': 'torch'},
], ids=str)  # fmt: skip
def test_windows_refuse_what_kerass_refuse(wrong):
    for module in (utils, keras.utils):
        with pytest.raises(ValueError):
            module.timeseries_dataset_from_array(np.arange(40), None, 4, **wrong)


@pytest.mark.parametrize('kwargs', [{}, {'axis': 0}, {'order': 1}, {'order': 3, 'axis': 1}], ids=str)
def test_norms_of_jax_arrays_are_kerass(kwargs):
    x = jnp.asarray(np.concatenate([RNG.normal(size=(3, 4)), np.zeros((1, 4)), np.full((1, 4), 1e-9)]), 'float32')
    ours, theirs = (m.normalize(x, **kwargs) for m in (utils, keras.utils))
    assert type(ours) is type(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize('autocast', [True, False])
@pytest.mark.parametrize('x', [
    np.ones(2, 'float64'), np.ones(2, 'int32'), jnp.ones(2), jnp.ones(2, 'bfloat16'), 'text', None, 3.0,
], ids=repr)  # fmt: skip
def test_a_policy_converts_what_kerass_converts(x, autocast):
    ours, theirs = (
        m.DTypePolicy('mixed_bfloat16').convert_input(x, autocast, 'bfloat16') for m in (dtype_policies, keras)
    )
    assert type(ours) is type(theirs)
    assert getattr(ours, 'dtype', ours) == getattr(theirs, 'dtype', theirs)


def test_a_policy_converts_a_symbolic_tensor():
    policy = dtype_policies.DTypePolicy('mixed_bfloat16')
    assert policy.convert_input(Input((2,)), True, 'bfloat16').dtype == 'bfloat16'
    assert policy.convert_input(Input((2,), dtype='int32'), True, 'bfloat16').dtype == 'int32'


LAYERS = [
    ('Conv2D', (2, 3)), ('Conv1D', (2, 3)), ('Conv2DTranspose', (2, 3)), ('DepthwiseConv2D', (3,)),
    ('SeparableConv2D', (2, 3)), ('MaxPooling2D', ()), ('AveragePooling1D', (2,)), ('GlobalMaxPooling2D', ()),
    ('GlobalAveragePooling1D', ()), ('UpSampling2D', ()), ('ZeroPadding2D', ()), ('Cropping2D', ()), ('Flatten', ()),
    ('SpatialDropout2D', (0.5,)), ('SpatialDropout3D', (0.5,)), ('Rescaling', (2.0,)), ('Conv3D', (2, 3)),
]  # fmt: skip


@pytest.mark.parametrize(('name', 'arguments'), LAYERS, ids=[name for name, _ in LAYERS])
def test_layers_take_the_layout_that_is_set(name, arguments):
    try:
        for module in (config, keras.config):
            module.set_image_data_format('channels_first')
        configs = [getattr(m, name)(*arguments, name='it').get_config() for m in (layers, keras.layers)]
    finally:
        for module in (config, keras.config):
            module.set_image_data_format('channels_last')
    assert configs[0] == configs[1]
    assert configs[0].get('data_format', 'channels_first') == 'channels_first'


@pytest.mark.parametrize('x', [[0, 2, 1], np.array([[0], [1]]), np.array([0.0, 3.0], 'float32'), 2, [[0, 1], [2, 0]]])
@pytest.mark.parametrize('num_classes', [None, 5])
def test_to_categorical_is_keras_s_float64(x, num_classes):
    ours, theirs = utils.to_categorical(x, num_classes), keras.utils.to_categorical(x, num_classes)
    assert type(ours) is type(theirs) and ours.dtype == theirs.dtype == 'float64'
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('x', [[0, 2, 1], [[0], [1]]])
def test_to_categorical_of_jax_s_arrays_is_one(x):
    ours, theirs = utils.to_categorical(jnp.array(x), 4), keras.utils.to_categorical(jnp.array(x), 4)
    assert type(ours) is type(theirs) and ours.dtype == theirs.dtype == 'float32'
    np.testing.assert_array_equal(ours, theirs)
