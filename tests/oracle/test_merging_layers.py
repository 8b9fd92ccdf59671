"""Merging layers equal Keras's: values, gradients, masks, symbolic shapes, configs, errors, functional forms."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np
import pytest

import hefted

BACKENDS = [keras, hefted]
rng = np.random.default_rng(12)
NAMES = ('Add', 'Subtract', 'Multiply', 'Average', 'Maximum', 'Minimum')
Shapes = list[tuple[int, ...]]
CASES: list[tuple[str, dict[str, Any], Shapes]] = [
    *((name, {}, [(3, 4), (3, 4)]) for name in NAMES),
    *((name, {}, [(3, 4, 2), (3, 1, 2)]) for name in NAMES),
    *((name, {}, [(3, 4, 2), (3, 2)]) for name in NAMES),
    *((name, {}, [(3, 4, 2), (3, 4, 2), (3, 4, 1)]) for name in NAMES if name != 'Subtract'),
    ('Concatenate', {}, [(3, 4), (3, 2), (3, 1)]),
    ('Concatenate', {'axis': 1}, [(3, 4, 2), (3, 1, 2)]),
    ('Concatenate', {'axis': -2}, [(3, 4, 2), (3, 1, 2)]),
    ('Dot', {'axes': 1}, [(3, 4), (3, 4)]),
    ('Dot', {'axes': -1, 'normalize': True}, [(3, 4), (3, 4)]),
    ('Dot', {'axes': 2}, [(3, 4, 5), (3, 2, 5)]),
    ('Dot', {'axes': (1, 2)}, [(3, 4, 5), (3, 2, 4)]),
    ('Dot', {'axes': (2, 1), 'normalize': True}, [(3, 4, 5), (3, 5)]),
    ('Dot', {'axes': (1, 2)}, [(3, 5), (3, 4, 5)]),
    ('Dot', {'axes': (-1, -2)}, [(3, 2, 4, 5), (3, 6, 5, 2)]),
]  # fmt: skip
IDS = [f'{name}-{number}' for number, (name, _, _) in enumerate(CASES)]


def pair(name: str, arguments: dict[str, Any]) -> tuple[Any, Any]:
    reference, layer = (getattr(b.layers, name)(**arguments, name='it') for b in BACKENDS)
    return reference, layer


@pytest.mark.parametrize(('name', 'arguments', 'shapes'), CASES, ids=IDS)
def test_values_gradients_shapes_and_configs_are_keras_s(name: str, arguments: Any, shapes: Any) -> None:
    inputs = [rng.standard_normal(shape).astype('float32') for shape in shapes]
    reference, layer = pair(name, arguments)
    wanted, found = np.asarray(reference(inputs)), layer(inputs)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    toward = rng.standard_normal(wanted.shape).astype('float32')
    gradients = [jax.grad(lambda v, each=each: (each(v) * toward).sum())(inputs) for each in (reference, layer)]
    for theirs, ours in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert layer.get_config().keys() == reference.get_config().keys()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert keras.saving.deserialize_keras_object(hefted.saving.serialize_keras_object(layer)).built
    assert hefted.saving.deserialize_keras_object(keras.saving.serialize_keras_object(reference)).built
    functional = [getattr(b.layers, name.lower())(inputs, **arguments) for b in BACKENDS]
    np.testing.assert_allclose(functional[1], np.asarray(functional[0]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(('name', 'arguments', 'shapes'), CASES, ids=IDS)
def test_symbolic_shapes_are_keras_s(name: str, arguments: Any, shapes: Any) -> None:
    for unknown in ((0,), (0, 1), ()):
        told = []
        given = [tuple(None if axis in unknown else size for axis, size in enumerate(shape)) for shape in shapes]
        if name == 'Dot' and 1 in unknown and len({shape[1] for shape in shapes}) > 1:
            continue  # Keras refuses an axis of unknown size beside a known one
        for backend, layer in zip(BACKENDS, pair(name, arguments), strict=True):
            out = layer([backend.Input(batch_shape=shape) for shape in given])
            told.append((tuple(out.shape), out.dtype, tuple(layer.compute_output_shape(given))))
        assert told[1] == told[0], given


def masked(backend: Any, seed: int, mask: bool) -> Any:
    draws = np.random.default_rng(seed)
    x = draws.standard_normal((3, 4, 2)).astype('float32')
    x[draws.random((3, 4)) < 0.5] = 0.0
    return backend.layers.Masking()(x) if mask else x


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [*((name, {}) for name in NAMES), ('Concatenate', {}), ('Concatenate', {'axis': 1}), ('Dot', {'axes': 2})],
)
@pytest.mark.parametrize('which', [(True, True), (True, False), (False, True), (False, False), (True, True, True)])
def test_masks_are_keras_s(name: str, arguments: Any, which: tuple[bool, ...]) -> None:
    if len(which) > 2 and name in ('Subtract', 'Dot'):
        return
    (wanted, mask), (found, ours) = (
        (out, backend.src.backend.get_keras_mask(out) if backend is keras else hefted.masks.get_mask(out))
        for backend, layer in zip(BACKENDS, pair(name, arguments), strict=True)
        for out in [layer([masked(backend, seed, each) for seed, each in enumerate(which)])]
    )
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-5, atol=1e-6)
    assert (ours is None) == (mask is None)
    if mask is not None:
        np.testing.assert_array_equal(ours, np.asarray(mask))


def test_masks_travel_through_symbolic_merges() -> None:
    for name in (*NAMES, 'Concatenate'):
        shapes = []
        for backend in BACKENDS:
            steps = [backend.layers.Masking()(backend.Input((None, 2))) for _ in range(2)]
            out = getattr(backend.layers, name)()(steps)
            mask = out._keras_mask
            shapes.append((out.shape, mask.shape, mask.dtype))
        assert shapes[1] == shapes[0], name


WRONG: list[tuple[str, dict[str, Any], Any]] = [
    ('Add', {}, [(2, 3), (2, 4)]),
    ('Add', {}, [(2, 3), (3, 3)]),
    ('Add', {}, (2, 3)),
    ('Subtract', {}, [(2, 3), (2, 3), (2, 3)]),
    ('Concatenate', {'axis': 1}, [(2, 3, 4), (2, 3, 5)]),
    ('Concatenate', {}, [(2, 3), (2, 3, 3)]),
    ('Concatenate', {}, (2, 3)),
    ('Dot', {'axes': 1}, [(2, 3), (2, 4)]),
    ('Dot', {'axes': 1}, [(2, 3), (2, 3), (2, 3)]),
    ('Dot', {'axes': 0}, [(2, 3), (2, 3)]),
    ('Dot', {'axes': 1}, (2, 3)),
]  # fmt: skip


@pytest.mark.parametrize(('name', 'arguments', 'shapes'), WRONG)
def test_inputs_that_do_not_fit_are_refused_as_in_keras(name: str, arguments: Any, shapes: Any) -> None:
    for backend in BACKENDS:
        listed = isinstance(shapes, list)
        inputs = [np.ones(shape, 'float32') for shape in shapes] if listed else np.ones(shapes, 'float32')
        with pytest.raises((ValueError, IndexError)) as caught:
            getattr(backend.layers, name)(**arguments)(inputs)
        if backend is hefted:
            assert issubclass(caught.type, ValueError)


def test_whole_numbers_stay_whole_and_means_do_not() -> None:
    inputs = [np.array([[1, 2]], 'int32'), np.array([[2, 4]], 'int32')]
    for name in (*NAMES, 'Concatenate'):
        reference, layer = pair(name, {})
        wanted, found = reference(inputs), layer(inputs)
        np.testing.assert_array_equal(found, np.asarray(wanted))
        assert found.dtype == wanted.dtype
        assert layer([hefted.Input((2,), dtype='int32') for _ in inputs]).dtype == found.dtype
