"""An Optax transformation as an optimizer; optax itself is never imported here.

model.compile(optax.chain(optax.clip(1.0), optax.adamw(1e-3)), 'mse')
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hefted.errors import ArgumentError
from hefted.optimizers.declared import Shared
from hefted.optimizers.optimizer import Optimizer
from hefted.utils.arrays import as_array
from hefted.variables import Array, Variable


def is_transformation(value: Any) -> bool:
    """Whether it is an `optax.GradientTransformation`, or like one: a pair of functions `init` and `update`."""
    return (
        not isinstance(value, type)
        and callable(getattr(value, 'init', None))
        and callable(getattr(value, 'update', None))
    )


class FromOptax(Optimizer):
    """An optimizer whose rule is an Optax transformation, and whose variables hold that one's state.

    Args:
        transformation: An `optax.GradientTransformation`; its updates are added to the weights.
        **named: See `Optimizer`; but `weight_decay` is a part of the transformation.

    `learning_rate` can be read and set where the transformation keeps it in its state:
    `optax.inject_hyperparams(optax.adam)(learning_rate=1e-3)`.

    Raises:
        ArgumentError: Not a transformation, or `weight_decay` is given.
    """

    def __init__(self, transformation: Any, **named: Unpack[Shared]) -> None:
        if not is_transformation(transformation):
            raise ArgumentError(f'Expected an optax.GradientTransformation, received {transformation!r}.')
        if named.get('weight_decay') is not None:
            raise ArgumentError('Expected no weight_decay beside a transformation. Write optax.add_decayed_weights.')
        super().__init__(_in_the_transformation, **named)
        self.transformation = transformation
        self._state: list[Variable] = []
        self._kinds: list[Any] = []  # of the leaves that are random keys
        self._form: Any = None
        self._rate_at: int | None = None

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        state = self.transformation.init([as_array(v.numpy()) for v in self._trainable_variables])
        leaves, self._form = jax.tree_util.tree_flatten_with_path(state)
        for path, leaf in leaves:
            name = jax.tree_util.keystr(path, simple=True, separator='_').replace('/', '_')
            self._kinds.append(jax.random.key_impl(leaf) if _is_key(leaf) else None)
            # Each leaf is an array of its own: transformations may share one, and training gives its state away.
            held = np.array(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
            self._state.append(self._own(held, name or 'state', held.dtype))
            self._state[-1].placed_like = self._weight_of(path, held.shape)
            if [getattr(key, 'name', getattr(key, 'key', None)) for key in path][-2:] == [
                'hyperparams',
                'learning_rate',
            ]:
                self._rate_at = len(self._state) - 1

    def _weight_of(self, path: Sequence[Any], shape: tuple[int, ...]) -> Variable | None:
        """The weight that a leaf of the state, such as a moment, is kept for; None where it is for none alone."""
        at = getattr(path[-1], 'idx', None) if path else None  # weights are given as a list, and so are their moments
        if at is None or at >= len(self._trainable_variables):
            return None
        weight = self._trainable_variables[at]
        return weight if shape and tuple(weight.shape) == shape else None

    @property
    def takes_stacks(self) -> bool:
        return False  # a transformation may ask for each weight's norm

    @property
    def learning_rate(self) -> Any:
        """The learning rate that `optax.inject_hyperparams` keeps in the state.

        Raises:
            AttributeError: The transformation keeps it to itself.
        """
        if self._rate_at is None:
            when = '' if self.built else ' before it is built'
            raise AttributeError(
                f'The transformation shows no learning rate{when}. Make it with '
                'optax.inject_hyperparams(optax.adam)(learning_rate=…) to read and set it.'
            )
        return self._state[self._rate_at]

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.learning_rate.assign(learning_rate)

    def _update(self, grads: Sequence[Array], variables: Sequence[Variable]) -> None:
        grads = self._clip_gradients(grads)
        known = {id(v): as_array(g, v.dtype) for g, v in zip(grads, variables, strict=True)}
        weights = [v.raw for v in self._trainable_variables]
        aligned = [
            known.get(id(v), lax.full_like(w, 0)) for v, w in zip(self._trainable_variables, weights, strict=True)
        ]
        leaves = [
            v.raw if kind is None else jax.random.wrap_key_data(v.raw, impl=kind)
            for v, kind in zip(self._state, self._kinds, strict=True)
        ]
        state = jax.tree_util.tree_unflatten(self._form, leaves)
        moves, state = self.transformation.update(aligned, state, weights)
        for variable, weight, move in zip(self._trainable_variables, weights, moves, strict=True):
            variable.assign(lax.add(weight, as_array(move, weight.dtype)))
        for held, value in zip(self._state, jax.tree_util.tree_leaves(state), strict=True):
            held.assign(as_array(jax.random.key_data(value) if _is_key(value) else value, held.dtype))

    def get_config(self) -> dict[str, Any]:
        """Refused: functions cannot be written down.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            'An Optax transformation has no config: it is made of functions. Save the weights (they include the '
            "optimizer's state), make and compile the model anew, and load them."
        )


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, 'dtype') and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _in_the_transformation() -> Any:
    raise AttributeError('The learning rate is inside the Optax transformation.')
