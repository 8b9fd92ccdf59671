"""What Keras offers beside layers and models: scopes, functions of symbolic tensors, states as trees, small helpers."""

import jax
import keras
import numpy as np
import pytest

import hefted
from hefted.errors import ArgumentError, ShapeError, UnknownNameError

X = np.random.default_rng(0).normal(size=(8, 3)).astype('float32')


def model_of(library):
    library.utils.clear_session()
    library.utils.set_random_seed(3)
    layers = library.layers
    return library.Sequential(
        [
            library.Input((3,)),
            layers.Dense(4, activation='relu'),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )


def custom_losses(library):
    """A loop of one's own, compiled: gradients and new states are a pure function of values."""
    model = model_of(library)
    optimizer = library.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    groups = model.trainable_variables, model.non_trainable_variables, optimizer.variables

    @jax.jit
    def step(trained, rest, state):
        def loss_of(trained):
            mapping = [*zip(groups[0], trained, strict=True), *zip(groups[1], rest, strict=True)]
            with library.StatelessScope(state_mapping=mapping) as scope:
                loss = library.ops.mean((model(X, training=True) - X[:, :1]) ** 2)
            return loss, [scope.get_current_value(v) for v in groups[1]]

        (loss, after), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained)
        mapping = [*zip(groups[0], trained, strict=True), *zip(groups[2], state, strict=True)]
        with library.StatelessScope(state_mapping=mapping) as scope:
            optimizer.apply(gradients, groups[0])
        return loss, *([scope.get_current_value(v) for v in g] for g in groups[::2]), after

    trained, rest, state = ([v.value for v in group] for group in groups)
    losses = []
    for _ in range(4):
        loss, trained, state, rest = step(trained, rest, state)
        losses.append(float(loss))
    assert np.array_equal(model.weights[2].numpy(), np.ones(4))  # the variables themselves stayed as they were
    return losses


def test_a_compiled_loop_of_ones_own_runs_in_a_stateless_scope():
    np.testing.assert_allclose(custom_losses(hefted), custom_losses(keras), rtol=1e-5)


def test_a_stateless_scope_knows_what_it_was_given_and_what_was_assigned_in_it():
    a, b, c = (hefted.Variable(np.zeros(2)) for _ in range(3))
    with hefted.StatelessScope([(a, np.ones(2))], collect_losses=True) as scope:
        b.assign(a + c)
        scope.add_loss(3.0)
    assert [None if v is None else v.tolist() for v in map(scope.get_current_value, (a, b, c))] == [[1, 1]] * 2 + [None]
    assert scope.losses == [3.0] and not b.numpy().any()
    with pytest.raises(ShapeError, match=r'shape \(2,\)'):
        hefted.StatelessScope([(a, np.ones(3))])
    with pytest.raises(ArgumentError, match='as a key'):
        hefted.StatelessScope([('a', np.ones(2))])


@pytest.mark.parametrize('mode', [None, 'full', 'activations', 'larger_than', 'list_of_layers'])
def test_rematerialized_layers_train_as_others_do(mode):
    losses = []
    for told in (None, mode):
        with hefted.RematScope(told, output_size_threshold=20, layer_names=['dense']):
            model = model_of(hefted)
        model.compile('sgd', 'mse')
        losses.append(model.fit(X, X[:, :1], epochs=2, batch_size=4, verbose=0).history['loss'])
    assert losses[0] == losses[1]
    recomputed = 'remat' in str(jax.make_jaxpr(lambda x: model(x, training=True))(X))
    assert recomputed == (mode is not None)


def test_a_function_runs_what_lies_between_symbolic_tensors():
    def outputs(library):
        a, b = library.KerasTensor((None, 2)), library.KerasTensor((None, 2))
        function = library.Function({'a': a, 'b': b}, [library.ops.sigmoid(a + b), a * 2.0])
        return function({'a': X[:, :2], 'b': X[:, 1:]}), function({'a': b, 'b': a})[0].shape

    (ours, our_shape), (theirs, their_shape) = outputs(hefted), outputs(keras)
    assert our_shape == their_shape
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    a = hefted.KerasTensor((None, 2))
    with pytest.raises(ShapeError, match=r'shape \(None, 2\)'):
        hefted.Function(a, a + a)(X)


def test_a_models_state_is_the_same_tree_and_goes_back():
    def trained(library):
        model = model_of(library)
        model.compile('adam', 'mse', metrics=['mae'])
        model.fit(X, X[:, :1], batch_size=4, verbose=0, shuffle=False)
        return model

    ours, theirs = trained(hefted), trained(keras)
    tree, oracle = (model.get_state_tree('numpy_array') for model in (ours, theirs))
    for group in ('trainable_variables', 'optimizer_variables', 'metrics_variables'):
        assert jax.tree.structure(tree[group]) == jax.tree.structure(oracle[group]), group
    ours.fit(X, X[:, :1], verbose=0)
    ours.set_state_tree(tree)
    jax.tree.map(np.testing.assert_array_equal, ours.get_state_tree('numpy_array'), tree)
    with pytest.raises(UnknownNameError, match='path in trainable_variables'):
        ours.set_state_tree({'trainable_variables': {'nowhere': 1.0}})


@pytest.mark.parametrize(
    'call',
    [
        lambda k: [k.backend.result_type(*t) for t in (('int32', 'float16'), ('int8', float), (int, 'bool'), ())],
        lambda k: [k.backend.is_float_dtype('bfloat16'), k.backend.is_int_dtype('uint8'), k.backend.is_int_dtype(bool)],
        lambda k: [k.backend.get_uid('thing'), k.backend.get_uid('thing')],
        lambda k: k.preprocessing.image.smart_resize(np.arange(240.0).reshape(10, 8, 3), (4, 5)).round(3).tolist(),
        lambda k: k.preprocessing.image.smart_resize(np.ones((2, 3, 7, 9)), (4, 4), 'nearest', 'channels_first').shape,
        lambda k: k.mixed_precision.Policy('mixed_bfloat16').compute_dtype,
    ],
)
def test_helpers_answer_as_keras_s_do(call):
    assert call(hefted) == call(keras)


def test_a_device_is_chosen_by_name():
    with hefted.device('cpu:0'):
        assert hefted.ops.ones(2).devices() == {jax.devices('cpu')[0]}
    for wrong in ('cpu:99', 'abacus', 3):
        with pytest.raises(ArgumentError, match='device_name'):
            hefted.device(wrong)
