import jax
import numpy as np
import pytest

from hefted import Input, Model, layers, ops, optimizers
from hefted.errors import ArgumentError, UnknownNameError
from hefted.layers import Dense, Dropout, LayerNormalization, Stack, in_turn
from hefted.models.cost import count
from hefted.models.steps import binding_of, program_of
from hefted.saving import load_model, register_keras_serializable
from hefted.train.program import Batch
from hefted.utils import set_random_seed
from hefted.utils.stacked import Stacked, gathered
from hefted.variables import bind

GEN = np.random.default_rng(0)
X = GEN.normal(size=(16, 6, 8)).astype('float32')
Y = GEN.normal(size=(16, 2)).astype('float32')


@register_keras_serializable('stack_tests')
class Block(layers.Layer):
    """A transformer's block, small."""

    rows_independent = True

    def __init__(self, inner=16, rate=0.2, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.rate = inner, rate
        self.attend = layers.MultiHeadAttention(2, 4, dropout=rate)
        self.first, self.second = LayerNormalization(), LayerNormalization()
        self.up, self.down, self.drop = Dense(inner, activation='gelu'), Dense(8), Dropout(rate)
        self.supports_masking = True

    def call(self, x, attention_mask=None):
        x = self.first(x + self.drop(self.attend(x, x, attention_mask=attention_mask)))
        return self.second(x + self.down(self.up(x)))

    def get_config(self):
        return {**super().get_config(), 'inner': self.inner, 'rate': self.rate}


@register_keras_serializable('stack_tests')
class Small(layers.Layer):
    """What compiles fast: a dense layer beside its input, with dropout."""

    rows_independent = True

    def __init__(self, rate=0.2, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.down, self.drop = rate, Dense(8, activation='tanh'), Dropout(rate)

    def call(self, x):
        return x + self.drop(self.down(x))

    def get_config(self):
        return {**super().get_config(), 'rate': self.rate}


class Statistics(layers.Layer):
    """Carries a statistic, and adds a loss."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), 'ones', name='scale')
        self.mean = self.add_weight((input_shape[-1],), 'zeros', trainable=False, name='mean')

    def call(self, x):
        self.mean.assign(0.9 * self.mean + 0.1 * x.mean((0, 1)))
        self.add_loss(1e-2 * (x**2).mean())
        return x * self.scale + self.mean


def deep(stack, make=Small, count=4, optimizer='sgd', remat='none', frozen=()):
    """A model of alike blocks, in a stack or one after another; the same numbers either way."""
    set_random_seed(7)
    blocks = [make() for _ in range(count)]
    inputs = Input((6, 8))
    x = inputs
    for block in [Stack(blocks, remat=remat)] if stack else blocks:
        x = block(x)
    model = Model(inputs, Dense(2)(x[:, 0]))
    for index in frozen:
        blocks[index].trainable = False
    # A key's bias has no slope: Adam would make steps of its rounding.
    model.compile(optimizers.SGD(0.05, 0.9) if optimizer == 'sgd' else optimizer, 'mse')
    return model, blocks


def trained(stack, epochs=2, **how):
    model, blocks = deep(stack, **how)
    history = model.fit(X, Y, epochs=epochs, batch_size=8, shuffle=False, verbose=0)
    return model, blocks, history.history['loss']


def assert_alike(one, other, atol=1e-6):
    assert len(one.weights) == len(other.weights)
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=atol, err_msg=a.path)


@pytest.fixture(scope='module')
def one_by_one():
    """Blocks of a transformer that were trained without a stack, and their losses."""
    model, _, losses = trained(False, make=Block, count=3)
    return model, losses


@pytest.mark.parametrize('remat', ['none', 'products', 'full'])
def test_a_stack_trains_as_its_blocks_do_one_by_one(remat, one_by_one):
    plain, losses_alone = one_by_one
    model, _, losses_stacked = trained(True, make=Block, count=3, remat=remat)
    np.testing.assert_allclose(losses_stacked, losses_alone, rtol=1e-5)
    assert_alike(model, plain, atol=1e-5)
    if remat == 'none':  # what is computed again is in training alone
        np.testing.assert_allclose(model.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), plain.evaluate(X, Y, verbose=0), rtol=1e-5)


def test_a_few_large_blocks_are_written_out_and_train_the_same(monkeypatch, one_by_one):
    plain, losses_alone = one_by_one
    monkeypatch.setattr(in_turn, '_LARGE', 8 * 6 * 8)
    model, _, losses = trained(True, make=Block, count=3)
    np.testing.assert_allclose(losses, losses_alone, rtol=1e-5)
    assert_alike(model, plain, atol=1e-5)


@pytest.mark.parametrize(('count', 'rows', 'remat', 'loops'), [
    (6, 8, 'none', False), (7, 8, 'none', True), (6, 7, 'none', True), (6, 8, 'full', True),
])  # fmt: skip
def test_only_a_few_large_blocks_that_keep_all_are_written_out(monkeypatch, count, rows, remat, loops):
    monkeypatch.setattr(in_turn, '_LARGE', 8 * 6 * 8)
    model, _ = deep(True, count=count, remat=remat)
    text = jax.jit(lambda x: model(x, training=False)).lower(X[:rows]).as_text()
    assert ('stablehlo.while' in text) == loops


def test_the_state_of_a_training_holds_one_array_for_all_blocks():
    model, blocks, _ = trained(True, epochs=1)
    groups = binding_of(model).groups
    assert [type(v) for v in groups['trainable'][:-2]] == [Stacked] * len(blocks[0].trainable_variables)
    assert groups['trainable'][0].shape == (4, *blocks[0].weights[0].shape)
    kept = [v for v in groups['optimizer'] if isinstance(v, Stacked)]
    assert len(kept) == len(blocks[0].trainable_variables)
    assert sum(isinstance(v, Stacked) for v in groups['frozen']) == 1  # the states of seed generators


def test_what_is_compiled_is_one_loop_however_many_blocks_there_are():
    def sizes(count):
        model, _ = deep(True, count=count)
        jaxpr = str(jax.make_jaxpr(lambda x: _forward(model, x))(X))
        return len(jaxpr), jaxpr.count('scan[')

    assert sizes(12)[0] < 1.2 * sizes(3)[0]
    assert sizes(12)[1] == sizes(3)[1] == 1


def _forward(model, x):
    variables = gathered(model.variables)
    with bind(variables, [v.held for v in variables]):
        return model(x, training=False)


def test_operations_are_those_of_all_blocks():
    def operations(stack):
        model, _ = deep(stack, count=5)
        return count(jax.make_jaxpr(lambda x: _forward(model, x))(X).jaxpr)

    assert operations(True) == pytest.approx(operations(False), rel=1e-3)


def test_a_block_reads_and_assigns_its_variables_as_if_it_were_alone():
    model, blocks, _ = trained(True, epochs=1)
    before = [block.down.kernel.numpy() for block in blocks]
    blocks[2].down.kernel.assign(np.full((8, 8), 0.5, 'float32'))
    expected = [*before[:2], np.full((8, 8), 0.5, 'float32'), before[3]]
    for block, value in zip(blocks, expected, strict=True):
        np.testing.assert_array_equal(block.down.kernel.numpy(), value)
    changed = model.predict(X, verbose=0)
    np.testing.assert_allclose(changed, np.asarray(model(X, training=False)), rtol=1e-4, atol=1e-5)
    model.fit(X, Y, epochs=1, batch_size=8, verbose=0)
    assert 0 < np.abs(blocks[2].down.kernel.numpy() - 0.5).max() < 0.4


@pytest.mark.parametrize('frozen', [(0,), (0, 1, 2, 3)])
def test_frozen_blocks_stay_as_they_are_and_the_others_are_trained_as_without_a_stack(frozen):
    plain, _, losses_alone = trained(False, frozen=frozen)
    model, blocks, losses_stacked = trained(True, frozen=frozen)
    np.testing.assert_allclose(losses_stacked, losses_alone, rtol=1e-5)
    assert_alike(model, plain, atol=1e-5)
    fresh, untrained = deep(True, frozen=frozen)
    for index in frozen:
        np.testing.assert_array_equal(blocks[index].down.kernel.numpy(), untrained[index].down.kernel.numpy())
    assert len(model.trainable_variables) == len(fresh.trainable_variables)


def test_statistics_and_added_losses_are_each_blocks_own():
    _, alone, losses_alone = trained(False, make=Statistics)
    _, blocks, losses_stacked = trained(True, make=Statistics)
    np.testing.assert_allclose(losses_stacked, losses_alone, rtol=1e-5)
    for one, other in zip(blocks, alone, strict=True):
        np.testing.assert_allclose(one.mean.numpy(), other.mean.numpy(), rtol=1e-4, atol=1e-6)
    assert len({block.mean.numpy().tobytes() for block in blocks}) == 4


@pytest.mark.parametrize('name', ['whole.keras', 'some.weights.h5'])
def test_saved_weights_come_back_into_a_stack(tmp_path, name):
    def make():
        return Small(rate=0.0)  # draws go on, and are in no archive

    model, _, _ = trained(True, make=make)
    before = model.predict(X, verbose=0)
    file = tmp_path / name
    if name.endswith('.keras'):
        model.save(file)
        loaded = load_model(file)
    else:
        model.save_weights(file)
        loaded, _ = deep(True, make=make)
        loaded.fit(X, Y, epochs=1, batch_size=8, verbose=0)
        loaded.load_weights(file)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), before, rtol=1e-5, atol=1e-6)
    assert_alike(loaded, model)
    one, other = (m.fit(X, Y, epochs=1, batch_size=16, verbose=0).history['loss'] for m in (model, loaded))
    np.testing.assert_allclose(other, one, rtol=1e-5)


def test_a_config_makes_the_same_stack():
    stack = Stack([Block(name=f'block_{i}') for i in range(3)], remat='full', name='encoder')
    again = Stack.from_config(stack.get_config())
    assert (again.name, again.remat, [b.name for b in again.blocks]) == (
        'encoder',
        'full',
        [f'block_{i}' for i in range(3)],
    )
    assert again.get_config() == stack.get_config()


def test_masks_and_further_arguments_go_to_every_block():
    set_random_seed(1)
    stack = Stack([Block(rate=0.0) for _ in range(3)])
    allowed = np.tril(np.ones((6, 6), bool))[None]
    x = jax.numpy.asarray(X)
    expected = np.asarray(stack(x, attention_mask=allowed))  # one by one, outside of a step
    variables = stack.variables
    values = [v.held for v in variables]

    @jax.jit
    def step(values, x):
        with bind(variables, values):
            return stack(x, attention_mask=allowed), stack(x)

    masked, free = step(values, x)
    np.testing.assert_allclose(masked, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(np.asarray(free) - expected).max() > 1e-2


def test_padding_that_an_embedding_masks_is_hidden_from_every_block():
    def outputs(stack):
        set_random_seed(5)
        blocks = [Block(rate=0.0) for _ in range(3)]
        words = Input((6,), dtype='int32')
        x = layers.Embedding(9, 8, mask_zero=True)(words)
        for block in [Stack(blocks)] if stack else blocks:
            x = block(x)
        model = Model(words, layers.GlobalAveragePooling1D()(x))
        return model.predict(np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 1]]), verbose=0)

    np.testing.assert_allclose(outputs(True), outputs(False), rtol=1e-4, atol=1e-5)


def test_blocks_in_half_precision_keep_their_policy():
    stack = Stack([Dense(4, dtype='mixed_bfloat16') for _ in range(3)])
    assert stack.dtype_policy.name == 'mixed_bfloat16'
    out = jax.jit(lambda x: stack(x))(np.ones((2, 4), 'float32'))
    out = jax.jit(lambda x: stack(x))(np.ones((2, 4), 'float32'))
    assert out.dtype == 'bfloat16'
    np.testing.assert_array_equal(out, stack(np.ones((2, 4), 'float32')))


def test_an_interrupted_training_goes_on_from_its_backup_bit_for_bit(tmp_path):
    whole, _, _ = trained(True, epochs=4)
    first, _ = deep(True)
    first.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0, resume=tmp_path)
    second, _ = deep(True)
    second.fit(X, Y, epochs=4, batch_size=8, shuffle=False, verbose=0, resume=tmp_path)
    for one, other in zip(second.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_step_of_ones_own_sees_each_variable_by_itself():
    class Own(Model):
        def train_step(self, state, data):
            assert len(state[0]) == len(self.trainable_variables)
            return super().train_step(state, data)

    set_random_seed(7)
    inputs = Input((6, 8))
    x = Stack([Small() for _ in range(4)])(inputs)
    model = Own(inputs, Dense(2)(x[:, 0]))
    model.compile(optimizers.SGD(0.05, 0.9), 'mse')
    history = model.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0).history['loss']
    np.testing.assert_allclose(history, trained(False)[2], rtol=1e-5)


def test_single_steps_and_eager_ones_are_the_same():
    model, _ = deep(True, count=2)
    plain, _ = deep(False, count=2)
    for _ in range(3):
        assert model.train_on_batch(X, Y) == pytest.approx(plain.train_on_batch(X, Y), rel=1e-5)
    eager, _ = deep(True, count=2)
    eager.compile(optimizers.SGD(0.05, 0.9), 'mse', run_eagerly=True)
    compiled, _ = deep(True, count=2)
    arguments = {'epochs': 1, 'batch_size': 8, 'shuffle': False, 'verbose': 0}
    one, other = (m.fit(X, Y, **arguments).history['loss'] for m in (eager, compiled))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_weight_that_all_blocks_share_stays_one():
    class Sharing(layers.Layer):
        def __init__(self, shared, **kwargs):
            super().__init__(**kwargs)
            self.shared, self.own = shared, Dense(8)

        def call(self, x):
            return x + self.own(self.shared(x))

    def losses_of(stack):
        set_random_seed(2)
        shared = Dense(8, activation='tanh')
        return trained(stack, make=lambda: Sharing(shared))[2]

    np.testing.assert_allclose(losses_of(True), losses_of(False), rtol=1e-5)


def test_blocks_whose_output_is_unlike_their_input_run_one_by_one():
    class Doubled(layers.Layer):
        def call(self, x):
            return ops.concatenate([x, x], -1)

    stack = Stack([Doubled() for _ in range(3)])
    assert jax.jit(lambda x: stack(x))(X).shape == (16, 6, 64)
    assert jax.jit(lambda x: stack(x))(X).shape == (16, 6, 64)


def test_blocks_that_differ_are_refused_by_what_differs():
    with pytest.raises(ArgumentError, match=r"received 16 and 32 as 'inner' of blocks 0 and 2"):
        Stack([Block(), Block(), Block(inner=32)])
    with pytest.raises(ArgumentError, match=r"'Dense' and 'Dropout' as 'class' of blocks 0 and 1"):
        Stack([Dense(4), Dropout(0.1)])
    with pytest.raises(ArgumentError, match='received none'):
        Stack([])
    with pytest.raises(ArgumentError, match='twice'):
        Stack([Dense(4, name='one')] * 2)
    with pytest.raises(ArgumentError, match='layers, received 3'):
        Stack([3])
    with pytest.raises(UnknownNameError, match='full'):
        Stack([Dense(4)], remat='ful')


def test_blocks_may_have_seeds_and_names_of_their_own():
    stack = Stack([Dropout(0.5, seed=i, name=f'drop_{i}') for i in range(3)])
    assert [block.name for block in stack.blocks] == ['drop_0', 'drop_1', 'drop_2']


def test_a_deep_stacks_whole_step_is_a_program_as_short_as_a_shallow_ones():
    """So it compiles in the same time; gradients and the optimizer's update are in it."""

    def length(count):
        model, _ = deep(True, make=Block, count=count, optimizer='adamw')
        model.prepare(X, Y, 8, 'fit')
        binding = binding_of(model)
        program, state, batch = program_of(model, binding), binding.held(), Batch(X[:8], Y[:8], None, None)
        return len(jax.jit(program.train_step).lower(state, batch, np.zeros(2, np.uint32)).as_text())

    assert length(12) < 1.02 * length(2)


def test_what_an_optimizer_keeps_for_a_stack_lies_where_the_stack_does():
    model, _, _ = trained(True, epochs=1)
    groups = binding_of(model).groups
    kept = [v for v in groups['optimizer'] if isinstance(v, Stacked)]
    weights = [v for v in groups['trainable'] if isinstance(v, Stacked)]
    assert [slot.placed_like for slot in kept] == weights
