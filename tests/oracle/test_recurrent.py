"""Recurrent layers give Keras's numbers: outputs, states, gradients, masks, names, configs."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np
import pytest

import hefted

rng = np.random.default_rng(11)
ROWS, TIME, FEATURES, UNITS = 4, 6, 3, 5
CASES: list[tuple[str, dict[str, Any]]] = [
    ('SimpleRNN', {}),
    ('SimpleRNN', {'activation': 'relu', 'use_bias': False, 'return_sequences': True, 'go_backwards': True}),
    ('SimpleRNN', {'return_state': True, 'zero_output_for_mask': True, 'return_sequences': True}),
    ('LSTM', {}),
    ('LSTM', {'return_sequences': True, 'return_state': True, 'unroll': True}),
    ('LSTM', {'go_backwards': True, 'return_state': True, 'unit_forget_bias': False, 'use_bias': False}),
    ('LSTM', {'activation': 'softsign', 'recurrent_activation': 'hard_sigmoid', 'return_sequences': True}),
    ('LSTM', {'zero_output_for_mask': True, 'return_sequences': True, 'implementation': 1}),
    ('LSTM', {'zero_output_for_mask': True, 'activation': None}),
    ('GRU', {}),
    ('GRU', {'return_sequences': True, 'return_state': True, 'go_backwards': True}),
    ('GRU', {'reset_after': False, 'return_state': True}),
    ('GRU', {'use_bias': False, 'zero_output_for_mask': True, 'return_sequences': True}),
    ('GRU', {'reset_after': False, 'implementation': 1, 'recurrent_activation': 'relu', 'use_bias': False}),
]
IDS = [f'{name}-{number}' for number, (name, _) in enumerate(CASES)]
MASKS = {
    'none': None,
    'right': np.arange(TIME) < np.array([6, 3, 1, 4])[:, None],
    'left': np.arange(TIME) >= np.array([0, 3, 5, 1])[:, None],
    'holes and an empty row': np.array([[1, 0, 1, 1, 0, 1], [0] * 6, [1] * 6, [0, 1, 0, 0, 1, 0]], bool),
}


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Each test has its own, whichever ran before it: a relu as a gate has a kink, and rounding may fall beside it."""
    global rng
    rng = np.random.default_rng(11)
    keras.utils.set_random_seed(11)


def draws(*shape: int) -> Any:
    return rng.standard_normal(shape).astype('float32')


def pair(name: str, arguments: dict[str, Any], x: Any, **more: Any) -> tuple[Any, Any]:
    """Keras's layer and ours, with the same weights."""
    reference, layer = (getattr(b.layers, name)(**arguments, **more, name='it') for b in (keras, hefted))
    reference(x)
    layer(x)
    for variable in reference.weights:
        variable.assign(variable + draws(*variable.shape) * 0.1)
    layer.set_weights(reference.get_weights())
    return reference, layer


def close(ours: Any, theirs: Any, rtol: float = 1e-5, atol: float = 1e-5) -> None:
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


def slopes_of(layer: Any, x: Any, states: Any, mask: Any) -> Any:
    """Outputs, and the slopes of a number made of all of them."""

    def number(weights: Any, x: Any, states: Any) -> Any:
        outputs, _ = layer.stateless_call(
            weights, [v.value for v in layer.non_trainable_variables], x, initial_state=states, mask=mask
        )
        leaves = jax.tree.leaves(outputs)
        return sum((leaf * np.cos(np.arange(leaf.size).reshape(leaf.shape))).sum() for leaf in leaves), outputs

    weights = [v.value for v in layer.trainable_variables]
    return jax.jit(jax.value_and_grad(number, (0, 1, 2), has_aux=True))(weights, x, states)


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('number', range(len(CASES)), ids=IDS)
def test_outputs_states_and_slopes_are_keras_s(number: int, masked: bool) -> None:
    (name, arguments), x = CASES[number], draws(ROWS, TIME, FEATURES)
    which = list(MASKS)[1 + number % 3] if masked else 'none'
    reference, layer = pair(name, {'units': UNITS, **arguments}, x)
    states = [draws(ROWS, UNITS) for _ in range(2 if name == 'LSTM' else 1)]
    if arguments.get('unroll') and which != 'none':
        reference.unroll = False  # Keras's unrolled loop forgets the first states' outputs: see docs/differences.md
    theirs = slopes_of(reference, x, states, MASKS[which])
    close(slopes_of(layer, x, states, MASKS[which]), theirs, rtol=1e-4)


@pytest.mark.parametrize(('name', 'arguments'), CASES, ids=IDS)
def test_names_shapes_and_configs_are_keras_s(name: str, arguments: Any) -> None:
    x = draws(ROWS, TIME, FEATURES)
    reference, layer = pair(name, {'units': UNITS, **arguments}, x, kernel_regularizer='l2', bias_constraint='non_neg')
    assert [v.path for v in layer.weights] == [v.path for v in reference.weights]
    assert [v.shape for v in layer.weights] == [v.shape for v in reference.weights]
    shape = (None, TIME, FEATURES)
    assert str(layer.compute_output_shape(shape)) == str(reference.compute_output_shape(shape))
    ours, theirs = layer.get_config(), reference.get_config()
    assert plain(ours) == plain(theirs)
    assert plain(type(layer).from_config(ours).get_config()) == plain(ours)
    assert plain(layer.cell.get_config()) == plain(reference.cell.get_config())
    close([float(loss) for loss in layer.losses], [float(loss) for loss in reference.losses])


def plain(config: Any) -> Any:
    """Without what is this process's own, and lists for tuples."""
    if isinstance(config, dict):
        left_out = ('shared_object_id', 'build_config')
        return {k: plain(v) for k, v in config.items() if k not in left_out}
    if isinstance(config, float):
        return float(np.float32(config))
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


@pytest.mark.parametrize('dropout', [(0.4, 0.0), (0.0, 0.3), (0.4, 0.3)])
@pytest.mark.parametrize('name', ['SimpleRNN', 'LSTM', 'GRU'])
def test_dropout_draws_what_keras_draws(name: str, dropout: Any) -> None:
    x = draws(ROWS, TIME, FEATURES)
    arguments = {'units': UNITS, 'dropout': dropout[0], 'recurrent_dropout': dropout[1], 'seed': 3}
    reference, layer = pair(name, arguments, x)
    for training in (True, False, True):
        close(layer(x, training=training), reference(x, training=training))


@pytest.mark.parametrize(
    ('mode', 'sequences'), [('concat', True), ('sum', False), ('mul', True), ('ave', False), (None, True)]
)
def test_bidirectional_is_keras_s(mode: Any, sequences: bool) -> None:
    x = draws(ROWS, TIME, FEATURES)
    made: list[Any] = []
    for backend in (keras, hefted):
        inside = backend.layers.LSTM(UNITS, return_sequences=sequences, return_state=True, name='lstm')
        made.append(backend.layers.Bidirectional(inside, merge_mode=mode, name='it'))
        made[-1](x)
    reference, layer = made
    layer.set_weights(reference.get_weights())
    states = [draws(ROWS, UNITS) for _ in range(4)]
    for mask, first in ((MASKS['none'], states), (MASKS['holes and an empty row'], None)):
        close(layer(x, initial_state=first, mask=mask), reference(x, initial_state=first, mask=mask))
    assert [v.path for v in layer.weights] == [v.path for v in reference.weights]
    assert plain(layer.get_config()) == plain(reference.get_config())
    assert str(layer.compute_output_shape(x.shape)) == str(reference.compute_output_shape(x.shape))
    assert plain(type(layer).from_config(layer.get_config()).get_config()) == plain(layer.get_config())


def test_a_backward_layer_may_be_another() -> None:
    x = draws(ROWS, TIME, FEATURES)
    made: list[Any] = []
    for backend in (keras, hefted):
        forward = backend.layers.LSTM(UNITS, return_sequences=True, name='a')
        backward = backend.layers.GRU(UNITS, return_sequences=True, go_backwards=True, name='b')
        made.append(backend.layers.Bidirectional(forward, backward_layer=backward))
        made[-1](x)
    made[1].set_weights(made[0].get_weights())
    close(made[1](x), made[0](x))
    with pytest.raises(ValueError, match='go_backwards'):
        hefted.layers.Bidirectional(hefted.layers.LSTM(2), backward_layer=hefted.layers.LSTM(2))


def cell_of(kind: Any) -> type:
    class Leaky(kind.layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name='kernel')

        def call(self, inputs: Any, states: Any) -> Any:
            output = 0.5 * states[0] + inputs @ self.kernel.value
            return output, [output]

    return Leaky


@pytest.mark.parametrize('which', ['none', 'left', 'holes and an empty row'])
def test_cells_of_users_and_stacks_run_as_in_keras(which: str) -> None:
    x = draws(ROWS, TIME, FEATURES)
    made: list[Any] = []
    for backend in (keras, hefted):
        backend.utils.clear_session()  # names count from what other tests have made
        layers = backend.layers
        cells = [layers.LSTMCell(2), cell_of(backend)(4), layers.GRUCell(3, reset_after=False), layers.SimpleRNNCell(2)]
        made.append(layers.RNN(cells, return_sequences=True, return_state=True, name='it'))
        made[-1](x)
    made[1].set_weights(made[0].get_weights())
    close(made[1](x, mask=MASKS[which]), made[0](x, mask=MASKS[which]))
    assert [v.path for v in made[1].weights] == [v.path for v in made[0].weights]


def test_what_a_cell_s_layers_keep_goes_from_step_to_step() -> None:
    class Noisy(hefted.layers.Layer):
        state_size = UNITS

        def __init__(self) -> None:
            super().__init__()
            self.drop = hefted.layers.Dropout(0.5, seed=1)

        def call(self, inputs: Any, states: Any) -> Any:
            output = self.drop(states[0] + 1)
            return output, [output]

    layer = hefted.layers.RNN(Noisy(), return_sequences=True)
    outputs = np.asarray(layer(draws(ROWS, TIME, FEATURES), training=True))
    assert int(layer.cell.drop.seed_generator.state.numpy()[1]) == TIME
    assert len({tuple(step) for step in (outputs > 0).reshape(ROWS, TIME, -1).swapaxes(0, 1).reshape(TIME, -1)}) > 1


def test_a_stateful_layer_goes_on_from_call_to_call() -> None:
    x = draws(3, ROWS, TIME, FEATURES)
    for name in ('SimpleRNN', 'LSTM', 'GRU'):
        reference, layer = pair(name, {'units': UNITS, 'stateful': True}, x[0])
        for each in (reference, layer):
            each.reset_state()
        for batch in x:
            close(layer(batch), reference(batch))
        close([v.numpy() for v in layer.states], [v.numpy() for v in reference.states])
        layer.reset_states()
        assert not np.any(layer.states[0].numpy())
        with pytest.raises(ValueError, match='stateful'):
            layer(x[0, :2])
    with pytest.raises(ValueError, match='batch'):
        hefted.layers.LSTM(2, stateful=True)(hefted.Input((TIME, FEATURES)))


def test_rows_are_cut_into_parts_without_a_difference() -> None:
    x, mask = draws(70, 4, 8), rng.random((70, 4)) > 0.3
    for name in ('LSTM', 'GRU'):
        reference, layer = pair(name, {'units': 128, 'return_sequences': True, 'return_state': True}, x)
        states = [draws(70, 128) for _ in range(2 if name == 'LSTM' else 1)]
        close(slopes_of(layer, x, states, mask), slopes_of(reference, x, states, mask), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', ['SimpleRNN', 'GRU', 'LSTM'])
def test_a_seeded_program_has_keras_s_weights(name: str) -> None:
    made: list[Any] = []
    for kind in (keras, hefted):
        kind.utils.set_random_seed(4)
        layer = getattr(kind.layers, name)(3)
        layer.build((2, 4, 2))
        made.append([np.asarray(each) for each in layer.get_weights()])
    for ours, theirs in zip(made[1], made[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
