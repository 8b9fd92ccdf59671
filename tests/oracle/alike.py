"""One layer made twice, by Keras and by Hefted: everything about the two must agree."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np

import hefted

rng = np.random.default_rng(5)


def plain(config: Any) -> Any:
    """A config without what is one process's own."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in ('shared_object_id', 'build_config')}
    if isinstance(config, float):
        return float(np.float32(config))  # Keras keeps some as float32
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


def assert_alike(
    name: str,
    arguments: dict[str, Any],
    shapes: tuple[Any, ...],
    options: dict[str, Any] | None = None,
    tolerance: float = 1e-5,
    listed: bool = False,
    inputs: Any = None,
) -> None:
    """Outputs, gradients by inputs and weights, losses, paths, configs and symbolic shapes of `layers.<name>`.

    Args:
        name: Of the layer's class.
        arguments: For its constructor.
        shapes: One for each tensor that it is called on.
        options: Keywords for its call.
        tolerance: Relative, and a tenth of it absolute, in float32; a hundred times that in 16 bits.
        listed: Whether it takes its tensors in a list.
        inputs: The tensors; drawn if None.
    """
    options = options or {}
    xs = inputs or [rng.standard_normal(shape).astype('float32') for shape in shapes]
    layers = [getattr(kind.layers, name)(**arguments, name='it') for kind in (keras, hefted)]
    for layer in layers:
        layer(*([xs] if listed else xs), **options)
    theirs, ours = layers
    generator = np.random.default_rng(8)
    values = [
        w if w.dtype.kind != 'f' else (w + 0.1 * generator.standard_normal(w.shape)).astype(w.dtype)
        for w in theirs.get_weights()
    ]
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]
    assert [v.dtype for v in ours.weights] == [v.dtype for v in theirs.weights]
    assert [v.trainable for v in ours.weights] == [v.trainable for v in theirs.weights]
    for layer in layers:
        layer.set_weights(values)
    seeds = [[v for v in layer.non_trainable_variables if 'seed' in v.path] for layer in layers]
    for mine, its in zip(seeds[1], seeds[0], strict=True):
        mine.assign(np.asarray(its.value))
    loose = 100 if 'bfloat16' in str(arguments.get('dtype')) else 1
    for got, wanted in zip(*(_computed(layer, xs, options, listed) for layer in (ours, theirs)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=tolerance * loose, atol=tolerance * loose / 10)
    _same_configs(ours, theirs)
    _same_symbolic_shapes(ours, theirs, xs, options, listed)


def _computed(layer: Any, xs: list[Any], options: dict[str, Any], listed: bool) -> list[Any]:
    """Outputs, losses, new values of what is not trained, and gradients of a weighted sum of the outputs."""
    trained = [jax.numpy.asarray(v.value) for v in layer.trainable_variables]
    rest = [jax.numpy.asarray(v.value) for v in layer.non_trainable_variables]
    differentiable = [i for i, x in enumerate(xs) if np.asarray(x).dtype.kind == 'f']

    def total(trained: Any, chosen: Any) -> Any:
        tensors = list(xs)
        for place, x in zip(differentiable, chosen, strict=True):
            tensors[place] = x
        outputs, state, losses = _called(layer, trained, rest, [tensors] if listed else tensors, options)
        flat = [o.astype('float32') for o in jax.tree.leaves(outputs)]
        loss = sum((o * np.cos(np.arange(o.size)).reshape(o.shape)).sum() for o in flat)
        return loss + sum(losses), (flat, [np.float32(0) + x for x in losses], state)

    chosen = [jax.numpy.asarray(xs[i]) for i in differentiable]
    computed = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)
    if '16' not in str(layer.compute_dtype):  # operation by operation, a hundred would be compiled; 16 bits, which a
        computed = jax.jit(computed)  # compiler rounds where it likes, are comparable so alone
    (_, kept), slopes = computed(trained, chosen)
    return [np.asarray(x, 'float32') for x in jax.tree.leaves((kept, slopes))]


def _called(layer: Any, trained: Any, rest: Any, tensors: list[Any], options: dict[str, Any]) -> Any:
    """Outputs, new values of what is not trained, and losses, of a pure call (Keras's own skips casts and losses)."""
    if not isinstance(layer, keras.Layer):
        return layer.stateless_call(trained, rest, *tensors, return_losses=True, **options)
    pairs = [
        *zip(layer.trainable_variables, trained, strict=True),
        *zip(layer.non_trainable_variables, rest, strict=True),
    ]
    with keras.StatelessScope(state_mapping=pairs, collect_losses=True) as scope:
        outputs = layer(*tensors, **options)
        losses = layer.losses
    return outputs, [scope.get_current_value(v) for v in layer.non_trainable_variables], losses


def _same_configs(ours: Any, theirs: Any) -> None:
    wanted = plain(keras.saving.serialize_keras_object(theirs))
    assert plain(hefted.saving.serialize_keras_object(ours)) == wanted
    again = hefted.saving.deserialize_keras_object(keras.saving.serialize_keras_object(theirs))
    assert type(again) is type(ours)
    assert plain(again.get_config()) == plain(ours.get_config())
    assert [tuple(v.shape) for v in again.weights] == [tuple(v.shape) for v in ours.weights]


def _same_symbolic_shapes(ours: Any, theirs: Any, xs: list[Any], options: dict[str, Any], listed: bool) -> None:
    found = []
    for kind, layer in ((keras, theirs), (hefted, ours)):
        tensors = [kind.KerasTensor((None, *np.shape(x)[1:]), str(np.asarray(x).dtype)) for x in xs]
        outputs = jax.tree.leaves(
            layer(*([tensors] if listed else tensors), **options), is_leaf=lambda o: hasattr(o, 'shape')
        )
        found.append([(tuple(o.shape), o.dtype) for o in outputs])
    # Keras gives scores the shape (…, queries, queries) even where there are other axes or other keys: not compared.
    assert len(found[1]) == len(found[0])
    (shape, dtype), (wanted, of) = found[1][0], found[0][0]
    assert dtype == of
    assert [mine if its is not None else None for mine, its in zip(shape, wanted, strict=True)] == [*wanted]
