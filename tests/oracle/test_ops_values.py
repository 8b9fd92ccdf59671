"""Every function of `ops` gives Keras's numbers, dtypes and shapes, and its kinds of error."""

import warnings
from pathlib import Path

import jax
import keras
import numpy as np
import pytest

from hefted import Variable, ops, tree

# Tests are imported one by one, without packages: the table beside this file is read.
TABLE: dict = {}
exec(compile(Path(__file__).with_name('ops_cases.py').read_text('utf-8'), 'ops_cases.py', 'exec'), TABLE)
CASES = TABLE['CASES']


def find(module, name):
    for part in name.split('.'):
        module = getattr(module, part)
    return module


def by_name():
    names = {}
    for number, case in enumerate(CASES):
        names.setdefault(case[0], []).append((number, *case[1:]))
    return names


LOOSE = {'image.resize': 1e-5, 'image.elastic_transform': 1e-4, 'image.perspective_transform': 1e-4, 'istft': 1e-4}


# What is many operations is compiled as one: a third of the time.
COMPILED = """
adaptive_average_pool adaptive_max_pool average_pool batch_normalization binary_crossentropy categorical_crossentropy
cholesky_inverse conv conv_transpose corrcoef cross ctc_decode ctc_loss depth_to_space depthwise_conv
dot_product_attention fold gcd istft kron layer_normalization lcm lu_factor max_pool median moments multi_hot
nanmedian nanpercentile nanquantile normalize percentile psnr quantile rms_normalization separable_conv
space_to_depth sparse_categorical_crossentropy sparsemax stft trapezoid unfold
"""
COMPILED = {*COMPILED.split(), *(n for n in by_name() if n.startswith('image.') and n != 'image.elastic_transform')}


def compiled(ours, theirs, args, kwargs):
    """Both results, as one program of the arrays among the arguments."""
    flat = tree.flatten(args)
    arrays = [a for a in flat if isinstance(a, np.ndarray)]

    def run(arrays):
        given = iter(arrays)
        filled = tree.pack_sequence_as(args, [next(given) if isinstance(a, np.ndarray) else a for a in flat])
        return ours(*filled, **kwargs), theirs(*filled, **kwargs)

    return jax.jit(run)(arrays)


def eager(ours, theirs, args, kwargs):
    """Both results; Keras takes lists and NumPy's arrays in some functions alone."""
    put = lambda a: keras.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a  # noqa: E731
    given = args if theirs is keras.ops.is_tensor else [tree.map_structure(put, a) for a in args]
    return ours(*args, **kwargs), theirs(*given, **kwargs)


def leaves(outputs):
    return tree.flatten(list(outputs) if isinstance(outputs, tuple) else outputs)


def compare(name, ours, theirs):
    ours, theirs = leaves(ours), leaves(theirs)
    assert len(ours) == len(theirs)
    for mine, his in zip(ours, theirs, strict=True):
        if isinstance(his, (bool, int, str)):
            assert mine == his
            continue
        assert np.shape(mine) == np.shape(his)
        assert str(mine.dtype) == str(his.dtype), (mine.dtype, his.dtype)
        half = 'float16' in str(his.dtype)
        mine, his = (np.asarray(x, 'float32') if half or x.dtype == 'bfloat16' else np.asarray(x) for x in (mine, his))
        rtol, atol = (2e-3, 2e-3) if half else (1e-5, LOOSE.get(name, 2e-6))
        np.testing.assert_allclose(mine, his, rtol=rtol, atol=atol)


@pytest.mark.parametrize('name', sorted(by_name()))
def test_values_and_dtypes_are_kerass(name):
    ours, theirs = find(ops, name), find(keras.ops, name)
    for number, args, kwargs in by_name()[name]:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            both = compiled(ours, theirs, args, kwargs) if name in COMPILED else eager(ours, theirs, args, kwargs)
        try:
            compare(name, *both)
        except AssertionError as error:
            raise AssertionError(f'case {number}: {name}{args}, {kwargs}: {error}') from error


@pytest.mark.parametrize(
    'name', ['add', 'exp', 'matmul', 'concatenate', 'where', 'softmax', 'cast', 'layer_normalization']
)
def test_variables_are_taken_as_arrays(name):
    x = np.array([[1.0, 2.0], [3.0, 4.0]], 'float32')
    v = Variable(x)
    arguments = {
        'add': (v, v), 'matmul': (v, [[1.0, 0.0], [0.0, v[0, 0]]]), 'concatenate': ([v, x],), 'where': (v > 2, v, 0),
        'cast': (v, 'int32'), 'layer_normalization': (v, Variable(x[0])),
    }.get(name, (v,))  # fmt: skip
    plain = tree.map_structure(lambda a: np.asarray(a) if isinstance(a, (Variable, jax.Array)) else a, arguments)
    function = getattr(ops, name)
    np.testing.assert_array_equal(function(*arguments), function(*plain))


UNTESTED_HERE = {  # control flow and the like, in test_ops_control.py
    'associative_scan', 'cond', 'custom_gradient', 'fori_loop', 'jvp', 'map', 'scan', 'switch', 'vectorize',
    'vectorized_map', 'while_loop',
}  # fmt: skip


def test_no_function_is_left_out():
    families = {'image', 'linalg', 'nn', 'numpy'}
    every = {n for n in dir(ops) if n not in families} | {f'image.{n}' for n in dir(ops.image)}
    assert every - set(by_name()) == UNTESTED_HERE
