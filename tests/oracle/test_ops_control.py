"""Branches, loops, scans and derivatives as Keras's."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from hefted import Variable, ops

X = np.arange(6, dtype='float32').reshape(3, 2)


def both(call):
    """The results of one program with our `ops` and with Keras's."""
    return jax.tree.map(np.asarray, call(ops)), jax.tree.map(np.asarray, call(keras.ops))


CALLS = {
    'cond': lambda o: o.cond(o.sum(X) > 3, lambda: o.exp(X), lambda: o.negative(X)),
    'switch': lambda o: o.switch(2, [lambda x: x, lambda x: x + 1, lambda x: x * 2], jnp.asarray(X)),
    'while_loop': lambda o: o.while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (0, 1.0)),
    'while_loop of one': lambda o: o.while_loop(lambda x: x < 100, lambda x: x * 3, jnp.asarray(2)),
    'while_loop at most': lambda o: o.while_loop(lambda x: x < 100, lambda x: x * 3, 2, maximum_iterations=2),
    'fori_loop': lambda o: o.fori_loop(1, 5, lambda i, x: x + i, 10),
    'scan': lambda o: o.scan(lambda c, x: (c + x, c * x), jnp.zeros(2), jnp.asarray(X)),
    'scan back': lambda o: o.scan(lambda c, x: (c + x, c), jnp.zeros(2), jnp.asarray(X), reverse=True, unroll=2),
    'scan of a length': lambda o: o.scan(lambda c, _: (c * 2, c), jnp.ones(2), length=3),
    'associative_scan': lambda o: o.associative_scan(lambda a, b: a + b, jnp.asarray(X), reverse=True, axis=1),
    'map': lambda o: o.map(lambda x: x * x.sum(), jnp.asarray(X)),
    'vectorized_map': lambda o: o.vectorized_map(lambda p: p[0] @ p[1], (jnp.asarray(X), jnp.asarray(X))),
    'vectorize': lambda o: o.vectorize(lambda a, b: a @ b, signature='(n),(n)->()')(jnp.asarray(X), jnp.asarray(X)),
    'jvp': lambda o: o.jvp(lambda x: x**2, (jnp.asarray(X),), (jnp.ones_like(X),)),
    'jvp and more': lambda o: o.jvp(lambda x: (x**2, x), (jnp.asarray(X),), (jnp.ones_like(X),), has_aux=True),
}


@pytest.mark.parametrize('name', CALLS)
def test_control_flow_is_kerass(name):
    ours, theirs = both(CALLS[name])
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert jax.tree.map(lambda x: x.dtype, ours) == jax.tree.map(lambda x: x.dtype, theirs)


def test_a_gradient_of_ones_own_is_used():
    def own(module):
        @module.custom_gradient
        def log1pexp(x):
            e = module.exp(x)

            def gradient(*args, upstream=None):
                upstream = args[0] if upstream is None else upstream
                return module.multiply(upstream, 1.0 - 1.0 / module.add(1, e))

            return module.log(1 + e), gradient

        return jax.value_and_grad(log1pexp)(100.0)

    (value, slope), expected = own(ops), own(keras.ops)
    assert np.isinf(value)  # the value is that of the function, the gradient that of its own
    np.testing.assert_array_equal((value, slope), expected)
    assert float(ops.custom_gradient(lambda x: (2 * x, lambda up: 3 * up))(Variable(2.0))) == 4


def test_variables_go_into_loops():
    v = Variable(np.ones(2, 'float32'))
    assert ops.fori_loop(0, 3, lambda i, x: x * 2, v).tolist() == [8.0, 8.0]
    assert ops.while_loop(lambda x: x[0] < 5, lambda x: (x + 2,), (v,))[0].tolist() == [5.0, 5.0]
    assert ops.map(lambda x: x + 1, v).tolist() == [2.0, 2.0]


def test_gradients_stop():
    slope = jax.grad(lambda x: (x * ops.stop_gradient(x)).sum())(jnp.asarray(X))
    np.testing.assert_array_equal(slope, X)


@pytest.mark.parametrize('unroll', [0, 'all', -1])
def test_a_wrong_unroll_is_refused(unroll):
    for module in (ops, keras.ops):
        with pytest.raises(ValueError, match='unroll'):
            module.scan(lambda c, x: (c, x), 0, jnp.arange(3), unroll=unroll)


def loss_gradient(function, *args):
    return jax.jit(jax.grad(lambda x: (function(x, *args) ** 2).sum()))(jnp.asarray(GRADIENT_INPUT))


GRADIENT_INPUT = np.random.default_rng(3).uniform(0.2, 2.0, (2, 6, 6, 3)).astype('float32')
KERNEL = np.random.default_rng(4).normal(size=(3, 3, 3, 2)).astype('float32')
SLOPES = [
    ('relu',), ('relu6',), ('absolute',), ('sqrt',), ('softmax', -1), ('gelu',), ('max', 1), ('maximum', 1.0),
    ('std', 0),
    ('clip', 0.5, 1.5), ('mean', (1, 2)), ('logsumexp', 1), ('normalize',), ('layer_normalization',), ('sort', 1),
    ('conv', KERNEL, 2, 'same'), ('depthwise_conv', KERNEL), ('conv_transpose', KERNEL.swapaxes(-1, -2), 2, 'same'),
    ('max_pool', 2, 2), ('average_pool', 3, 2, 'same'), ('adaptive_average_pool', 4), ('cumsum', 1), ('rsqrt',),
    ('divide_no_nan', 2.0), ('where_positive',), ('take', np.array([0, 1, 1]), 1), ('reshape', (2, -1)), ('norm',),
]  # fmt: skip


@pytest.mark.parametrize('case', SLOPES, ids=lambda case: case[0])
def test_gradients_are_kerass(case):
    name, *args = case
    if name == 'where_positive':
        slopes = [loss_gradient(lambda x, o=o: o.where(x > 1, o.log(x), 0.0)) for o in (ops, keras.ops)]
    else:
        slopes = [loss_gradient(getattr(o, name), *args) for o in (ops, keras.ops)]
    np.testing.assert_allclose(*slopes, rtol=2e-5, atol=2e-5)
