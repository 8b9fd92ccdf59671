"""Blocks of a stack that differ, or come to differ, compute what they do one by one; a stack keeps its blocks."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from hefted import Input, Model, Sequential, layers, ops
from hefted.errors import ArgumentError
from hefted.layers import BatchNormalization, Dense, Dropout, Layer, Stack
from hefted.layers.alike_now import holds_alike
from hefted.saving import load_model
from hefted.utils.stacked import stacked
from hefted.variables import Variable, bind

X = np.random.default_rng(0).normal(size=(4, 4)).astype('float32')


class Applies(Layer):
    """Says no config: a function cannot be written."""

    def __init__(self, function: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


class Times(Layer):
    def __init__(self, by: Any = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by, self.inner = by, Dense(4)

    def call(self, x: Any) -> Any:
        return self.by * (x + self.inner(x))


class Parts(Layer):
    """Makes its weights in layers of its own, and has no `build`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = Dense(4)

    def call(self, x: Any) -> Any:
        return x + self.inner(x)


class Doubles(Layer):
    """Returns twice as many features as it takes, and builds for them."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((input_shape[-1],), 'ones', name='scale')

    def call(self, x: Any) -> Any:
        return ops.concatenate([x * self.scale] * 2, -1)


def one_by_one(stack: Any) -> Any:
    return np.asarray(functools.reduce(lambda x, block: block(x), stack.blocks, X))


def compiled(stack: Any, x: Any = X) -> Any:
    return np.asarray(jax.jit(lambda x: stack(x))(x))


def loops(stack: Any) -> bool:
    return 'scan[' in str(jax.make_jaxpr(lambda x: stack(x))(X))


def scaled(by: float) -> Any:
    def function(x: Any) -> Any:
        return by * x

    return function


def test_blocks_of_functions_that_no_config_tells_run_as_they_do_alone():
    stack = Stack([Applies(lambda x: x), Applies(lambda x: 3 * x)])
    np.testing.assert_allclose(compiled(stack), 3 * X)
    assert not loops(stack)
    named = Stack([layers.Activation(scaled(2)), layers.Activation(scaled(5))])  # of one name in a config
    np.testing.assert_allclose(compiled(named), 10 * X, rtol=1e-6)
    same = Stack([Applies(lambda x: 3 * x) for _ in range(3)])
    np.testing.assert_allclose(compiled(same), 27 * X, rtol=1e-6)
    assert loops(same)


def test_blocks_of_other_dtypes_are_refused():
    with pytest.raises(ArgumentError, match="'float32' and 'mixed_bfloat16' as 'dtype"):
        Stack([Dense(4, dtype='float32'), Dense(4, dtype='mixed_bfloat16')])


def test_what_a_config_calls_a_name_may_tell_blocks_apart():
    class Named(Layer):
        def __init__(self, options: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.options = options

        def call(self, x: Any) -> Any:
            return getattr(ops, self.options['name'])(x)

    with pytest.raises(ArgumentError, match=r"'abs' and 'square' as 'options\.name'"):
        Stack([Named({'name': 'abs'}), Named({'name': 'square'})])


@pytest.mark.parametrize('change', ['by', 'array', 'function', 'within'])
def test_an_attribute_that_is_set_in_one_block_holds_for_that_block(change: str):
    stack = Stack([Times() for _ in range(3)])
    before = compiled(stack)
    assert loops(stack)
    if change == 'within':
        stack.blocks[1].inner.activation = jax.nn.relu
    else:
        stack.blocks[1].by = {'by': 5.0, 'array': np.full(4, 5, 'float32'), 'function': np.float32(5)}[change]
    after = compiled(stack)
    np.testing.assert_allclose(after, one_by_one(stack), rtol=1e-4, atol=1e-5)
    assert np.abs(after - before).max() > 1e-3
    assert not loops(stack)


def test_an_attribute_that_is_set_in_all_blocks_alike_leaves_them_a_loop():
    stack = Stack([Times() for _ in range(3)])
    compiled(stack)
    for block in stack.blocks:
        block.by = np.full(4, 2, 'float32')
    np.testing.assert_allclose(compiled(stack), one_by_one(stack), rtol=1e-4, atol=1e-5)
    assert loops(stack)


def test_layers_that_take_the_place_of_others_in_every_block_are_those_that_run():
    stack = Stack([Times() for _ in range(3)])
    compiled(stack)
    for block in stack.blocks:
        block.inner = Dense(4)
    stack(X)
    np.testing.assert_allclose(compiled(stack), one_by_one(stack), rtol=1e-4, atol=1e-5)


def test_one_blocks_own_dropout_acts_in_training():
    stack = Stack([Dropout(0.0, seed=1), Dropout(0.0, seed=2)])
    alone = Stack([Dropout(0.5, seed=1), Dropout(0.5, seed=2)])
    compiled(alone)
    alone.blocks[0].rate = alone.blocks[1].rate = 0.0
    alone.blocks[1].rate = 0.5
    dropped = jax.jit(lambda x: alone(x, training=True))(X)
    assert (np.asarray(dropped) == 0).any()
    assert not (np.asarray(jax.jit(lambda x: stack(x, training=True))(X)) == 0).any()


MADE = {
    'dense': lambda: Dense(4, 'relu', kernel_regularizer='l2', kernel_constraint='max_norm'),
    'sequential': lambda: Sequential([Dense(4, name='a'), Dropout(0.1, name='b')]),
    'attention': lambda: layers.TimeDistributed(Dense(4)),
    'recurrent': lambda: layers.GRU(4, return_sequences=True, dropout=0.1),
    'statistics': lambda: BatchNormalization(),
    'lambda': lambda: layers.Lambda(lambda x: 2 * x),
    'wrapped': lambda: layers.SpectralNormalization(Dense(4)),
}


@pytest.mark.parametrize('kind', MADE)
def test_blocks_of_every_kind_that_are_alike_stay_one_loop_from_trace_to_trace(kind: str):
    stack = Stack([MADE[kind]() for _ in range(3)])
    x = np.ones((2, 3, 4), 'float32')
    compiled(stack, x)
    for training in (False, True, True):
        jaxpr = jax.make_jaxpr(functools.partial(stack, training=training))(x)
        assert any(e.primitive.name == 'scan' and e.params['length'] == 3 for e in jaxpr.eqns)


def test_objects_are_alike_by_what_they_hold():
    class Holds:
        def __init__(self, **held: Any) -> None:
            self.__dict__.update(held)

    class Cut:
        __slots__ = ('a',)

    assert holds_alike(Holds(a=[1, {'b': np.ones(2)}]), Holds(a=[1, {'b': np.ones(2)}]))
    assert not holds_alike(Holds(a=[1, {'b': np.ones(2)}]), Holds(a=[1, {'b': np.zeros(2)}]))
    assert holds_alike(functools.partial(scaled(2), x=1), functools.partial(scaled(2), x=1))
    assert not holds_alike(functools.partial(scaled(2), x=1), functools.partial(scaled(3), x=1))
    assert holds_alike(Holds(a=1).__init__, Holds(a=1).__init__)
    assert not holds_alike(Holds(a=1).__init__, Holds(a=2).__init__)
    assert not holds_alike(Cut(), Cut())  # who can say
    assert not holds_alike(1, 1.0)
    around, again = Holds(), Holds()
    around.me, again.me = around, again  # type: ignore[attr-defined]
    assert holds_alike(around, again)
    assert not holds_alike(Variable(np.zeros(1)), Variable(np.zeros(1)))


def test_a_constraint_of_ones_own_holds_for_the_block_that_was_given_it():
    class Kept(Layer):
        def __init__(self, most: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.most = most

        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight((4,), 'ones', constraint=lambda w: ops.minimum(w, self.most()))

        def call(self, x: Any) -> Any:
            return x * self.w

    stack = Stack([Kept(lambda: 0.25), Kept(lambda: 0.5)])
    model = Sequential([Input((4,)), stack])
    model.compile('sgd', 'mse')
    model.fit(X, X, verbose=0)
    assert [float(block.w.numpy().max()) for block in stack.blocks] == [0.25, 0.5]


def test_statistics_of_one_frozen_block_stay_though_it_has_no_weights():
    blocks = [BatchNormalization(scale=False, center=False, momentum=0.5) for _ in range(3)]
    model = Sequential([Input((4,)), Stack(blocks), Dense(1)])
    blocks[1].trainable = False
    model.compile('sgd', 'mse')
    model.fit(X + 1, X[:, :1], verbose=0)
    assert [bool((block.moving_variance.numpy() != 1).all()) for block in blocks] == [True, False, True]


# A stack keeps what it was made with


def test_a_stacks_blocks_and_remat_cannot_be_set_and_the_error_says_what_to_do():
    stack = Stack([Dense(4) for _ in range(3)], name='deep')
    with pytest.raises(ArgumentError, match=r'Make a stack of others, such as Stack\(stack.blocks\[:6\]'):
        stack.blocks = stack.blocks[:1]
    with pytest.raises(ArgumentError, match=r"received 'full'. Make a stack with it"):
        stack.remat = 'full'
    with pytest.raises(TypeError):
        stack.blocks[0] = Dense(4)
    assert len(stack.get_config()['blocks']) == 3
    assert stack.get_config()['remat'] == 'none'


def test_a_stack_of_some_of_anothers_blocks_runs_those():
    stack = Stack([Dense(4) for _ in range(3)])
    compiled(stack)
    fewer = Stack(stack.blocks[:2], remat='full', name='fewer')
    np.testing.assert_allclose(compiled(fewer), one_by_one(fewer), rtol=1e-5)
    assert len(fewer.weights) == 4


# Building


def test_a_shape_builds_blocks_that_are_made_of_layers():
    stack = Stack([Parts(), Parts()])
    stack.build((None, 4))
    assert stack.count_params() == 40
    assert loops(stack)


@pytest.mark.parametrize('ahead', [True, False])
def test_each_block_is_built_for_what_the_one_before_returns(ahead: bool):
    stack = Stack([Doubles(), Doubles()])
    if ahead:
        stack.build((None, 4))
    assert stack(X).shape == (4, 16)
    assert [block.scale.shape for block in stack.blocks] == [(4,), (8,)]


def test_blocks_that_take_more_than_a_shape_tells_are_built_by_a_call():
    class Needs(Parts):
        def call(self, x: Any, scale: Any) -> Any:  # type: ignore[override]
            return super().call(x) * scale

    stack = Stack([Needs(), Needs()])
    with pytest.raises(ArgumentError, match='Call the stack on some data'):
        stack.build((None, 4))
    assert not stack.built
    assert stack(X, np.float32(2)).shape == (4, 4)
    assert stack.count_params() == 40


def test_a_stack_in_a_model_of_ones_own_is_saved_and_loaded(tmp_path: Any):
    inputs = Input((4,))
    model = Model(inputs, Stack([Dense(4, name='a'), Dense(4, name='b')])(inputs))
    model.save(tmp_path / 'model.keras')
    again = load_model(tmp_path / 'model.keras')
    np.testing.assert_array_equal(again(X), model(X))


# What is computed again


def products(remat: str, unlike: bool) -> int:
    """How many products there are in a step of blocks that run as one or one by one."""
    blocks = [Sequential([Dense(4, 'gelu', use_bias=False), Dense(4, 'gelu', use_bias=False)]) for _ in range(2)]
    stack = Stack(blocks, remat=remat)
    stack.build((None, 4))
    if unlike:
        blocks[1].layers[0].note = 'mine'
    variables = stack.variables

    def loss(values: Any, x: Any) -> Any:
        with bind(variables, values):
            return stack(x).sum()

    jaxpr = jax.make_jaxpr(jax.grad(loss))([v.numpy() for v in variables], X)
    assert ('scan[' in str(jaxpr)) != unlike
    return found('dot_general', jaxpr.jaxpr)


def found(primitive: str, jaxpr: Any) -> int:
    """How often, in the programs within too, however often they are called."""
    within = [getattr(value, 'jaxpr', value) for equation in jaxpr.eqns for value in equation.params.values()]
    here = sum(equation.primitive.name == primitive for equation in jaxpr.eqns)
    return here + sum(found(primitive, one) for one in within if hasattr(one, 'eqns'))


@pytest.mark.parametrize('unlike', [False, True])
def test_products_are_kept_where_that_is_asked_for_however_the_blocks_run(unlike: bool):
    assert products('products', unlike) == products('none', unlike)
    assert products('full', unlike) > products('products', unlike)


def test_variables_that_another_library_holds_are_not_laid_upon_one_another():
    class Elsewhere(Variable):
        pass

    assert stacked([Elsewhere(np.zeros(2)), Elsewhere(np.zeros(2))]) is None
