"""What is alike is traced once, and small programs of one step are compiled briefly."""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np
import pytest

import hefted
from hefted import layers, optimizers
from hefted.train import products
from hefted.train.convolutions import equations


@pytest.mark.parametrize(
    ('function', 'shapes', 'small'),
    [
        (lambda x, w: x @ w, [(32, 16), (16, 16)], True),
        (lambda x, w: x @ w, [(128, 784), (784, 64)], False),
        (lambda x, w: jax.nn.relu(x) + w, [(999, 999), (999, 999)], True),
        (jax.jit(lambda x, w: jax.jit(lambda y: y @ w)(x)), [(128, 784), (784, 64)], False),
        (lambda x, w: jax.lax.scan(lambda y, _: (y @ w, None), x, None, 3)[0], [(512, 512), (512, 512)], False),
        (lambda x, w: jax.lax.conv(x, w, (1, 1), 'SAME'), [(1, 1, 4, 4), (1, 1, 2, 2)], False),
    ],
    ids=['small', 'large', 'no product', 'within a call', 'within a loop', 'convolution'],
)
def test_products_are_measured_at_any_depth(function: Any, shapes: list[tuple[int, ...]], small: bool) -> None:
    traced = jax.jit(function).trace(*(jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes))
    assert products.are_small(traced.jaxpr) is small


def alike(layers_: int, optimizer: Any) -> Any:
    """A deep model of layers that are alike, and its gradient step, traced."""
    model = hefted.Sequential([hefted.Input((8,)), *[layers.Dense(8, activation='relu') for _ in range(layers_)]])
    optimizer.build(model.trainable_variables)

    def step(weights: Any, state: Any, x: Any) -> Any:
        def loss(weights: Any) -> Any:
            return model.stateless_call(weights, [], x)[0].sum()

        return optimizer.stateless_apply(state, jax.grad(loss)(weights), weights)

    values = [[v.value for v in group] for group in (model.trainable_variables, optimizer.variables)]
    return jax.jit(step).trace(*values, np.ones((4, 8), np.float32))


def test_layers_and_weights_that_are_alike_are_one_function_of_the_program() -> None:
    few, many = (alike(n, optimizers.Adam()).lower().as_text() for n in (8, 24))
    assert len(re.findall('func.func', few)) == len(re.findall('func.func', many))
    assert few.count('stablehlo.dot_general') == many.count('stablehlo.dot_general')


def test_a_changed_number_of_an_optimizer_counts() -> None:
    """Nothing that was traced before is used again."""
    model = [hefted.Variable(np.ones(3, 'float32')) for _ in range(5)]
    changed = optimizers.Adam(0.1, beta_1=0.9)
    changed.build(model)

    def step(grads: Any, weights: Any, state: Any) -> Any:
        return changed.stateless_apply(state, grads, weights)

    given = [np.ones(3, 'float32')] * 5, [v.value for v in model], [v.value for v in changed.variables]
    first = jax.jit(step).lower(*given).as_text()
    changed.beta_1 = 0.5
    second = jax.jit(lambda *arguments: step(*arguments)).lower(*given).as_text()
    assert first != second


def test_an_optimizer_of_one_s_own_is_called_for_each_weight() -> None:
    seen: list[tuple[int, ...]] = []

    class Plain(optimizers.Optimizer):
        def rule(self, weight: Any, gradient: Any, rate: Any, *slots: Any) -> tuple[Any, ...]:
            del slots
            seen.append(weight.shape)
            return (weight - rate * gradient,)

    traced = alike(6, Plain())
    assert len(seen) == 12
    assert any(equation.primitive.name == 'dot_general' for equation in equations(traced.jaxpr))
