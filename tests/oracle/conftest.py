"""The oracle is Keras itself, on JAX. Its backend is fixed before anything imports it."""

from __future__ import annotations

import os

os.environ['KERAS_BACKEND'] = 'jax'
os.environ.setdefault('JAX_PLATFORMS', 'cpu')

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from tests import jaxs_own_cache

import hefted


@pytest.fixture(scope='session')
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this process keeps what these tests had compiled."""
    return tmp_path_factory.mktemp('programs')


@pytest.fixture(autouse=True, scope='module')
def same_programs_are_compiled_once(programs: Path) -> Iterator[None]:
    """Most of these tests' time is XLA's: what a test compiles that another had compiled is read from a file.

    The key is the whole program, so Keras's and Hefted's share one only where they are the same. The folder is this
    process's own and new; tests elsewhere, some of which go by what compiling takes, are without it.
    """
    with jaxs_own_cache.kept_in(programs):
        yield


@pytest.fixture
def agree() -> Callable[..., None]:
    """Hold one configuration of a layer over one tensor against Keras's: `agree(name, arguments, shape, rng)`."""
    return _agree


def _agree(name: str, arguments: dict[str, Any], shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """Hold one configuration of a layer against Keras's."""
    x = rng.standard_normal(shape).astype('float32')
    reference, layer = (getattr(b.layers, name)(**arguments, name='it') for b in (keras, hefted))
    free = (None, *shape[1:])
    assert tuple(layer.compute_output_shape(free)) == tuple(reference.compute_output_shape(free))
    reference.build(free)
    layer.build(free)
    assert [(v.path, v.shape) for v in layer.weights] == [(v.path, tuple(v.shape)) for v in reference.weights]
    values = [rng.standard_normal(v.shape).astype('float32') for v in layer.weights]
    reference.set_weights(values)
    layer.set_weights(values)

    def outputs_and_gradients(one: Any) -> Any:
        def outputs(x: Any, weights: Any) -> Any:
            return one.stateless_call(weights, [], x)[0]

        y = jax.eval_shape(outputs, x, values)
        slope = np.cos(np.arange(np.prod(y.shape), dtype='float32')).reshape(y.shape)

        def loss(x: Any, weights: Any) -> Any:
            y = outputs(x, weights)
            return jnp.sum(y * slope), y

        gradients, y = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(x, values)
        return [y, gradients[0], *gradients[1]]

    ours, theirs = outputs_and_gradients(layer), outputs_and_gradients(reference)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert mine.shape == wanted.shape
        scale = max(1.0, float(np.abs(wanted).max(initial=0)))
        np.testing.assert_allclose(np.asarray(mine) / scale, np.asarray(wanted) / scale, rtol=1e-5, atol=1e-5)
    symbolic = layer(hefted.Input(free[1:]))
    assert symbolic.shape == (None, *ours[0].shape[1:])
    assert plain(layer.get_config()) == plain(reference.get_config())
    again = type(layer).from_config(layer.get_config())
    assert plain(again.get_config()) == plain(layer.get_config())
    assert tuple(again.compute_output_shape(free)) == symbolic.shape


def plain(config: Any) -> Any:
    """Without what is a process's own; tuples as lists, as in a file."""
    if isinstance(config, dict):
        return {key: plain(value) for key, value in config.items() if key != 'shared_object_id'}
    return [plain(value) for value in config] if isinstance(config, (list, tuple)) else config
