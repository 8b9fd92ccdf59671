"""`ops` on symbolic tensors: Keras's shapes and dtypes, and functional models made of them."""

import keras
import numpy as np
import pytest

import hefted
from hefted import KerasTensor, Variable, ops, tree

IMAGES = (None, 8, 6, 3)
# name, shapes of the symbolic arguments (a pair adds a dtype), further arguments
CALLS = [
    ('exp', [(None, 3)]), ('floor', [((None, 3), 'int32')]), ('relu', [(None, None, 4)]), ('softmax', [(None, 4)]),
    ('add', [(None, 3), (None, 3)]), ('add', [(None, 3)], 2.0), ('add', [((None, 3), 'int32')], 2.5),
    ('multiply', [(None, 1, 3), (None, 4, 1)]), ('greater', [(None, 3)], 0), ('isnan', [(None, 3)]),
    ('divide', [((None, 3), 'int32'), ((None, 3), 'int32')]), ('arctan2', [(None, 3), (None, 3)]),
    ('matmul', [(None, 3, 4), (None, 4, 5)]), ('matmul', [(None, 4)], np.ones((4, 2), 'float32')),
    ('dot', [(None, 4)], np.ones((4, 2), 'float32')), ('tensordot', [(None, 3, 4)], np.ones((3, 4, 2)), 2),
    ('mean', [(None, 4, 5)], 1), ('sum', [((None, 4), 'bool')], -1), ('max', [(None, 4, 5)], (1, 2), True),
    ('var', [((None, 4), 'int32')], 1), ('argmax', [(None, 4)], -1), ('cumsum', [(None, 4)], 1),
    ('logsumexp', [(None, 4)], 1), ('all', [(None, 4)], 0), ('count_nonzero', [(None, 4)], 1),
    ('reshape', [(None, 6)], (-1, 2, 3)), ('reshape', [(None, 6)], (-1, 4)), ('reshape', [(4, 6)], (-1, 8)),
    ('transpose', [(None, 3, 4)], (0, 2, 1)), ('transpose', [(None, 3)]), ('ravel', [(None, 3)]),
    ('expand_dims', [(None, 3)], 1), ('expand_dims', [(None, 3)], -1), ('squeeze', [(None, 1, 3)], 1),
    ('moveaxis', [(None, 3, 4)], 1, -1), ('swapaxes', [(None, 3, 4)], 0, 1), ('flip', [(None, 3)], 1),
    ('repeat', [(None, 3)], 2, 1), ('tile', [(None, 3)], (1, 2)), ('pad', [(None, 3)], ((0, 0), (1, 2))),
    ('roll', [(None, 3)], 1), ('split', [(None, 6)], 3, 1), ('split', [(None, 6)], (2, 3), 1),
    ('split', [(None, 6)], 2),
    ('unstack', [(None, 3, 4)], None, 1), ('get_item', [(None, 4, 5)], (slice(None), 0)),
    ('get_item', [(None, 4, 5)], (Ellipsis, slice(1, 3), None)), ('take', [(None, 4)], [0, 2], 1),
    ('cast', [(None, 3)], 'int32'), ('saturate_cast', [(None, 3)], 'uint8'), ('ones_like', [(None, 3)], 'int32'),
    ('zeros_like', [((None, 3), 'float16')]), ('one_hot', [((None, 4), 'int32')], 7), ('nonzero', [(None, 3)]),
    ('unique', [(None, 3)]), ('unique', [(None, 3)], True, True, True, True, 1, 2),
    ('bincount', [((None,), 'int32')]),
    ('top_k', [(None, 9)], 3), ('sort', [(None, 3)]),
    ('where', [((None, 3), 'bool'), (None, 3)], 0.0), ('clip', [(None, 3)], 0.0, 1.0), ('diff', [(None, 5)]),
    ('layer_normalization', [(None, 4)]), ('normalize', [(None, 4)]), ('moments', [(None, 4, 5)], [1]),
    ('conv', [IMAGES], np.ones((3, 3, 3, 5), 'float32'), 2, 'same'),
    ('conv', [(None, None, None, 3)], np.ones((3, 3, 3, 5), 'float32'), 1, 'same'),
    ('conv_transpose', [IMAGES], np.ones((3, 3, 5, 3), 'float32'), 2), ('max_pool', [IMAGES], 2, 2),
    ('average_pool', [IMAGES], 2, 1, 'same'), ('fft', [(None, 8), (None, 8)]), ('rfft', [(None, 8)]),
    ('stft', [(None, 64)], 16, 8, 16), ('extract_sequences', [(None, 32)], 8, 4), ('norm', [(None, 4)], None, 1),
    ('svd', [(None, 4, 3)]), ('cholesky', [(None, 3, 3)]), ('det', [(None, 3, 3)]), ('view_as_complex', [(None, 2)]),
    ('binary_crossentropy', [(None, 3), (None, 3)]), ('sparse_categorical_crossentropy', [((None,), 'int32'),
    (None, 3)]),
    ('rearrange', [(2, 6, 4)], 'b h c -> b c h'), ('image.resize', [IMAGES], (4, 4)),
    ('image.rgb_to_grayscale', [IMAGES]), ('image.extract_patches', [IMAGES], 2),
    ('image.crop_images', [IMAGES], 1, 1, 1, 1),
    ('dot_product_attention', [(None, 5, 2, 8), (None, 6, 2, 8), (None, 6, 2, 8)]), ('size', [(None, 3)]),
]  # fmt: skip


def find(module, name):
    for part in name.split('.'):
        module = getattr(module, part)
    return module


def symbolic(tensor, shapes):
    return [tensor(*s) if isinstance(s[0], tuple) else tensor(s) for s in shapes]


@pytest.mark.parametrize('call', CALLS, ids=lambda call: f'{call[0]}{call[1]}')
def test_shapes_and_dtypes_are_kerass(call):
    name, shapes, *more = call
    results = []
    for module, tensor in ((ops, KerasTensor), (keras.ops, keras.KerasTensor)):
        given = symbolic(tensor, shapes)
        if name == 'fft':
            given = [tuple(given)]
        found = find(module, name)(*given, *more)
        results.append(list(found) if isinstance(found, (tuple, list)) else [found])
    ours, theirs = results
    assert [(t.shape, t.dtype) for t in ours] == [(tuple(t.shape), t.dtype) for t in theirs]


def test_lists_of_tensors():
    for module, tensor in ((ops, KerasTensor), (keras.ops, keras.KerasTensor)):
        a, b = tensor((None, 3)), tensor((None, 4))
        assert module.concatenate([a, b], axis=-1).shape == (None, 7)
        assert module.stack([a, a], axis=1).shape == (None, 2, 3)
        assert module.einsum('bi,bj->bij', a, b).shape == (None, 3, 4)
        assert module.meshgrid(tensor((3,)), tensor((4,)))[0].shape == (4, 3)


def program(lib, o):
    """One functional model of many operations, operators among them."""
    x, y = lib.Input((6,)), lib.Input((6,))
    z = (x + 1.0) * y - x / 2 + 2.0 * (-x) ** 2
    z = o.where(z > 0.5, z, abs(z) // 2 + z % 3)
    z = o.concatenate([z, 1.0 - y], axis=-1)[:, 2:]
    z = o.reshape(z, (-1, 5, 2)) @ np.array([[1.0, 2.0], [0.5, -1.0]], 'float32')
    mean, deviation = o.moments(z, axes=[1])
    first, *_ = o.split(o.transpose(z, (0, 2, 1)), 5, axis=2)
    mask = o.logical_and(mean > 0, ~(deviation > 1.5))
    return lib.Model([x, y], [o.softmax(mean), o.squeeze(first, -1), o.cast(mask, 'int32'), o.top_k(deviation, 1)[1]])


class Hefted:
    from hefted.layers import Input
    from hefted.models import Model


def test_a_functional_model_of_operations_computes_what_kerass_does():
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(7, 6)).astype('float32') for _ in range(2)]
    ours, theirs = program(Hefted, ops), program(keras, keras.ops)
    assert [o.shape for o in ours.outputs] == [o.shape for o in theirs.outputs]
    for mine, his in zip(ours.predict(data, verbose=0), theirs.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(mine, his, rtol=1e-5, atol=1e-5)
        assert mine.dtype == his.dtype


def test_a_functional_model_of_operations_is_saved_for_keras_and_loaded(tmp_path):
    ours = program(Hefted, ops)
    ours.save(tmp_path / 'ops.keras')
    data = [np.random.default_rng(i).normal(size=(5, 6)).astype('float32') for i in range(2)]
    expected = ours.predict(data, verbose=0)
    for loaded in (hefted.saving.load_model(tmp_path / 'ops.keras'), keras.saving.load_model(tmp_path / 'ops.keras')):
        for mine, again in zip(expected, loaded.predict(data, verbose=0), strict=True):
            np.testing.assert_allclose(mine, again, rtol=1e-5, atol=1e-5)


NAMES = ['relu', 'gelu', 'exponential', 'softmax', 'silu', 'elu', 'hard_sigmoid', 'log_softmax', 'mish', 'tanh']


def test_activations_take_symbolic_tensors_too(tmp_path):
    x = Hefted.Input((4,), name='x')
    y = x
    for name in NAMES:
        if name != 'mish':  # which Keras has no operation for
            y = getattr(hefted.activations, name)(y)
    model = Hefted.Model(x, y)
    data = np.random.default_rng(1).normal(size=(3, 4)).astype('float32')
    expected = data
    for name in NAMES:
        if name != 'mish':
            expected = getattr(keras.activations, name)(expected)
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-5)
    model.save(tmp_path / 'activations.keras')
    again = keras.saving.load_model(tmp_path / 'activations.keras')
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, rtol=1e-5)
    assert hefted.activations.mish(x).shape == hefted.activations.relu(x, max_value=3.0).shape == (None, 4)


def test_pools_have_strides_of_their_window_unless_said():
    x = np.random.default_rng(2).normal(size=(1, 4, 4, 1)).astype('float32')
    for pool in (ops.max_pool, ops.average_pool):
        np.testing.assert_array_equal(pool(x, 2), pool(x, 2, 2))


def test_variables_are_read_when_the_model_runs():
    v = Variable(np.arange(3, dtype='float32'))
    x = Hefted.Input((3,), name='row')
    model = Hefted.Model(x, ops.add(x, v) * v)
    data = np.ones((2, 3), 'float32')
    assert np.asarray(model(data))[0].tolist() == [0.0, 2.0, 6.0]
    v.assign([1.0, 1.0, 1.0])
    assert np.asarray(model(data))[0].tolist() == [2.0, 2.0, 2.0]


def test_what_is_known_before_the_numbers_is_no_tensor():
    x = KerasTensor((None, 3), 'float16')
    assert ops.shape(x) == keras.ops.shape(keras.KerasTensor((None, 3))) == (None, 3)
    assert ops.dtype(x) == 'float16'
    assert ops.ndim(x) == 2
    assert not ops.is_tensor(x)
    with pytest.raises(ValueError, match='no numbers'):
        ops.convert_to_numpy(x)


def test_errors_are_raised_while_the_graph_is_made():
    for module, tensor in ((ops, KerasTensor), (keras.ops, keras.KerasTensor)):
        with pytest.raises(ValueError):
            module.reshape(tensor((4, 6)), (5, -1))
        with pytest.raises(ValueError):
            module.split(tensor((None, 5)), 2, axis=1)
        with pytest.raises(ValueError):
            module.unstack(tensor((None, 5)))


# What Keras refuses, and so do we, with an error of the same kind.
X, INTS = np.ones((2, 3), 'float32'), np.arange(6).reshape(2, 3)
REFUSED = [
    ('reshape', (X, (-1, -1)), ValueError), ('reshape', (X, (-2, 3)), ValueError),
    ('diagonal', (X, 0, 1, 1), ValueError),
    ('where', (X > 0, X), ValueError), ('vander', (X,), ValueError), ('eye', (2.5,), TypeError),
    ('histogram', (X[0], 2.5), TypeError), ('histogram', (X,), ValueError), ('array_split', (X, 0), ValueError),
    ('array_split', (X, [1]), TypeError), ('select', (X, X), ValueError), ('rot90', (X[0],), ValueError),
    ('pad', (X, 1, 'reflect', 2), ValueError), ('searchsorted', (X, X), ValueError), ('ldexp', (X, X), TypeError),
    ('fabs', (X.astype('complex64'),), TypeError), ('cholesky', (X,), ValueError),
    ('cholesky', (-np.eye(2),), ValueError),
    ('det', (X,), ValueError), ('inv', (X[0],), ValueError), ('qr', (X, 'raw'), ValueError),
    ('solve', (X, X), ValueError),
    ('segment_sum', (X, np.array([0, 1])), ValueError), ('segment_sum', (X, INTS, 3), ValueError),
    ('cdist', (X, X[:, :2]), ValueError), ('fft', (X,), ValueError), ('stft', (X, 4, 0, 4), ValueError),
    ('stft', (X, 4, 2, 2), ValueError), ('max_pool', (np.ones((1, 4, 4, 1)), 2, 2, 'full'), ValueError),
    ('conv', (np.ones((1, 4, 4, 3), 'float32'), np.ones((2, 2, 2, 4), 'float32')), ValueError),
    ('conv', (np.ones((1, 2, 2, 3), 'float32'), np.ones((3, 3, 3, 4), 'float32')), ValueError),
    ('one_hot', (INTS, 3, -1, 'nothing'), ValueError), ('multi_hot', (INTS,), ValueError),
    ('cast', (X, 'real'), ValueError),
    ('binary_crossentropy', (X, X[0]), ValueError), ('sparse_categorical_crossentropy', (INTS, X), ValueError),
    ('normalize', (X, -1, 0), ValueError), ('psnr', (X, X[0], 1.0), ValueError), ('unfold', (X, 2), ValueError),
    ('dot_product_attention', (X, X, X), ValueError), ('depth_to_space', (np.ones((1, 2, 2, 4)), 1), ValueError),
    ('ctc_decode', (np.ones((1, 3, 4), 'float32'), np.array([3]), 'best'), ValueError),
    ('scatter_update', (X, [[0, 0]], [1.0], 'mean'), ValueError), ('view_as_complex', (X,), ValueError),
    ('moments', (X, [0], False, True), NotImplementedError), ('image.resize', (np.ones((4, 4, 3)), (0, 2)), ValueError),
    ('image.resize', (X, (2, 2)), ValueError), ('image.rgb_to_hsv', (np.ones((4, 4, 3), 'int32'),), ValueError),
    ('image.pad_images', (np.ones((4, 4, 3)), 1, 1, 1, 1, 9), ValueError),
    ('image.crop_images', (np.ones((4, 4, 3)), 3, 1, 3, 1), ValueError), ('image.extract_patches', (X, 'a'), TypeError),
    ('image.affine_transform', (np.ones((4, 4, 3)), np.ones(8), 'cubic'), ValueError),
]  # fmt: skip


@pytest.mark.parametrize(('name', 'args', 'kind'), REFUSED, ids=[f'{i}-{case[0]}' for i, case in enumerate(REFUSED)])
def test_kinds_of_error_are_kerass(name, args, kind):
    put = lambda a: keras.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a  # noqa: E731
    with pytest.raises(kind):
        find(ops, name)(*args)
    with pytest.raises(kind):
        find(keras.ops, name)(*(tree.map_structure(put, a) for a in args))
