"""What programs do to look into a model, and what they are told when something is wrong."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArgumentError

X = np.random.default_rng(0).random((8, 6, 6, 2)).astype('float32') - 0.5
FLAT = X.reshape(8, -1)[:, :4]
ONES = np.ones((8, 1), 'float32')


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [('Dense', (3,)), ('Conv2D', (3, 2)), ('Conv2DTranspose', (3, 2)), ('DepthwiseConv2D', (2,)),
     ('SeparableConv2D', (3, 2)), ('EinsumDense', ('abcd,de->abce', (6, 6, 3)))],
)  # fmt: skip
def test_an_activation_can_be_taken_off(name: str, arguments: Any) -> None:
    outputs = []
    for library in (hefted, keras):
        library.utils.set_random_seed(1)
        model = library.Sequential(
            [library.Input((6, 6, 2)), getattr(library.layers, name)(*arguments, activation='relu')]
        )
        model.layers[-1].activation = None
        outputs.append(model.predict(X, verbose=0))
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)
    assert outputs[0].min() < 0


def two_outputs(library: Any, kind: str) -> Any:
    inputs = library.Input((4,))
    one, two = (
        library.layers.Dense(1, name=n, kernel_initializer=k)(inputs) for n, k in (('a', 'ones'), ('b', 'zeros'))
    )
    return library.Model(inputs, [one, two] if kind == 'list' else {'a': one, 'b': two})


@pytest.mark.parametrize('kind', ['list', 'dict'])
@pytest.mark.parametrize('loss', ['mse', {'a': 'mse', 'b': 'mae'}, {'b': 'mse', 'a': 'mae'}], ids=str)
def test_losses_come_in_keras_s_order_and_targets_by_their_names(kind: str, loss: Any) -> None:
    found = []
    for library in (hefted, keras):
        model = two_outputs(library, kind)
        model.compile('sgd', loss, metrics={'b': ['mae'], 'a': ['mse']})
        values = model.evaluate(FLAT, {'b': 3 * ONES, 'a': ONES}, verbose=0)
        found.append((model.metrics_names, np.round(values, 3).tolist()))
        for wrong in ({'a': ONES, 'B': ONES}, {'a': ONES, 'zz': ONES}, {'p': ONES, 'q': ONES}):
            model = two_outputs(library, kind)
            model.compile('sgd', loss)
            with pytest.raises(ValueError):
                model.evaluate(FLAT, wrong, verbose=0)
    assert found[0] == found[1]


def test_a_wrong_target_s_name_is_told() -> None:
    model = two_outputs(hefted, 'list')
    model.compile('sgd', 'mse')
    with pytest.raises(ArgumentError, match=r"Unknown y: 'B'"):
        model.fit(FLAT, {'a': ONES, 'B': ONES}, verbose=0)


def squared(library: Any) -> Any:
    class Own(library.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = library.layers.Dense(2, kernel_initializer='ones')

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return library.ops.mean(library.ops.square(y_pred))

    return Own()


@pytest.mark.parametrize('data', [lambda: (FLAT,), lambda: FLAT, lambda: [FLAT]], ids=['(x,)', 'x', '[x]'])
def test_inputs_alone_are_validated(data: Any) -> None:
    found = []
    for library in (hefted, keras):
        model = squared(library)
        model.compile(library.optimizers.SGD(0.01))
        found.append(model.fit(FLAT, validation_data=data(), epochs=2, shuffle=False, verbose=0).history)
    for name in ('loss', 'val_loss'):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-5)


class Wrong(hefted.layers.Layer):
    def call(self, x: Any) -> Any:
        return x @ np.ones((9, 2), 'float32')


def test_an_error_in_a_call_says_which_layer_s() -> None:
    with pytest.raises(TypeError) as caught:
        hefted.Sequential([Wrong(name='inner')], name='outer')(FLAT)
    assert caught.value.__notes__[0] == "Raised in the call of layer 'outer/inner' (Wrong) with x=float32[8, 4]."
    assert len([note for note in caught.value.__notes__ if note.startswith('Raised')]) == 1


@pytest.mark.parametrize(
    'call',
    [
        lambda k: k.ops.add(k.Input((3,)), k.Input((4,))),
        lambda k: k.ops.concatenate([k.Input((3, 2)), k.Input((4, 5))], axis=-1),
        lambda k: k.layers.Dot(1)([k.Input((3,)), k.Input((4,))]),
    ],
    ids=['add', 'concatenate', 'Dot'],
)
def test_shapes_that_do_not_fit_are_told_as_they_were_given(call: Any) -> None:
    for library in (hefted, keras):
        with pytest.raises(ValueError) as caught:
            call(library)
        assert '83' not in str(caught.value)


def test_a_call_without_return_is_told() -> None:
    class Silent(hefted.layers.Layer):
        def call(self, x: Any) -> Any:
            x + 1

    with pytest.raises(ArgumentError, match=r"from call of layer 'mute' \(Silent\), received None: has it a `return`"):
        Silent(name='mute')(hefted.Input((3,)))

    class Nothing(hefted.Model):
        def call(self, x: Any) -> Any:
            x + 1

    model = Nothing()
    model.compile('sgd', 'mse')
    with pytest.raises(ArgumentError, match=r"'nothing' \(Nothing\), received None"):
        model.fit(FLAT, ONES, verbose=0)


def test_an_argument_that_cannot_be_described_hides_no_error() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError('no words')

    class Failing(hefted.layers.Layer):
        def call(self, x: Any, helper: Any = None) -> Any:
            raise KeyError('the real one')

    with pytest.raises(KeyError, match='the real one') as caught:
        Failing(name='failing')(FLAT, helper=Silent())
    assert 'helper=Silent' in caught.value.__notes__[0]
