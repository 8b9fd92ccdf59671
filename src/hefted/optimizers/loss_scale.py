"""Loss scaling for half precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.errors import ArgumentError
from hefted.initializers import Constant
from hefted.optimizers.optimizer import Optimizer, choose
from hefted.stacked import gathered
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array, Variable


class LossScaleOptimizer(Optimizer):
    """Another optimizer with a loss scale that halves at an overflow and doubles after a long run without.

    A step whose gradients are not all finite changes no weight.

    Args:
        inner_optimizer: The optimizer that updates.
        initial_scale: The scale at the start.
        dynamic_growth_steps: Finite steps in a row after which the scale doubles.
        name: Made up from the class if None.
        **ignored: What older archives hold; only the defaults are taken.

    Raises:
        ArgumentError: Anything else in `ignored`: set it on the inner optimizer.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **ignored: Any,
    ) -> None:
        defaults = {'dynamic': True, 'use_ema': False, 'ema_momentum': 0.99}
        for argument, value in ignored.items():
            if value != defaults.get(argument):
                raise ArgumentError(
                    f'Expected {argument} to be set on inner_optimizer, received {value!r} on LossScaleOptimizer.'
                )
        super().__init__(0.0, name=name)
        self.inner_optimizer, self.initial_scale = inner_optimizer, initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # gradients would be unscaled twice

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        variables = list(variables)
        self.step_counter = self.add_variable((), dtype='int32', name='step_counter')
        self.dynamic_scale = self.add_variable((), Constant(self.initial_scale), 'float32', name='dynamic_scale')
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def takes_stacks(self) -> bool:
        return super().takes_stacks and self.inner_optimizer.takes_stacks

    def stacked_variables(self, weights: Sequence[Variable]) -> list[Variable]:
        self.inner_optimizer.stacked_variables(weights)
        return gathered(self.variables)

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        variables = self._variables_of(grads, trainable_variables)
        if not variables:  # a model without trainable weights
            return
        present = [g for g in grads if g is not None]
        finite = jnp.all(jnp.stack([jnp.isfinite(g).all() for g in present]))
        scale, count = self.dynamic_scale.value, self.step_counter.value
        held = [*variables, *gathered(self.inner_optimizer.variables)]
        before = [v.raw for v in held]
        self.inner_optimizer.apply([g if g is None else g / scale for g in grads], variables)
        for variable, old in zip(held, before, strict=True):
            variable.assign(choose(finite, variable.raw, old))
        grown = finite & (count == self.dynamic_growth_steps - 1)
        self.dynamic_scale.assign(scale * jnp.where(finite, jnp.where(grown, 2.0, 1.0), 0.5))
        self.step_counter.assign(choose(finite & ~grown, count + 1, lax.full_like(count, 0)))

    def scale_loss(self, loss: Array) -> Array:
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            'name': self.name,
            'inner_optimizer': serialize_keras_object(self.inner_optimizer),
            'initial_scale': self.initial_scale,
            'dynamic_growth_steps': self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> LossScaleOptimizer:
        inner = deserialize_keras_object(config['inner_optimizer'], custom_objects)
        return cls(inner, **{name: value for name, value in config.items() if name != 'inner_optimizer'})
