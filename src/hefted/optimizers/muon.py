"""Muon: momentum made orthogonal, for matrices; Adam for all else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from hefted.optimizers.declared import Declared
from hefted.utils.arrays import as_array
from hefted.variables import Array, Variable


class Muon(Declared):
    """`w - lr orthogonal(m)`: every direction of the momentum counts alike (Jordan et al. 2024).

    Weights that are not matrices, embeddings, and those in `exclude_layers` are trained by Adam.

    Args:
        learning_rate: See `Optimizer`.
        adam_beta_1: How much of the gradient's average Adam keeps.
        adam_beta_2: How much of its square's average Adam keeps.
        adam_weight_decay: The decay of weights that Adam trains.
        epsilon: Added to Adam's root.
        weight_decay: The decay of weights that Muon trains.
        clipnorm: See `Optimizer`, as the eight that follow.
        clipvalue: See `Optimizer`.
        global_clipnorm: See `Optimizer`.
        use_ema: See `Optimizer`.
        ema_momentum: See `Optimizer`.
        ema_overwrite_frequency: See `Optimizer`.
        loss_scale_factor: See `Optimizer`.
        gradient_accumulation_steps: See `Optimizer`.
        name: See `Optimizer`.
        exclude_layers: Regular expressions; weights in whose path one is found are trained by Adam.
        exclude_embeddings: Whether Adam trains those whose path has 'embedding' in it.
        muon_a: Each step of orthogonalising takes singular values s to `a s + b s^3 + c s^5`.
        muon_b: The same.
        muon_c: The same.
        adam_lr_ratio: Adam's learning rate over Muon's.
        momentum: How much of it each step keeps.
        ns_steps: Steps of orthogonalising.
        nesterov: Whether to look ahead.
        rms_rate: A step's root mean square is about this times the learning rate, for matrices of every shape (Liu et
            al. 2025); None leaves it as it comes.
    """

    arguments = (
        'adam_beta_1', 'adam_beta_2', 'epsilon', 'exclude_layers', 'muon_a', 'muon_b', 'muon_c', 'adam_lr_ratio',
        'momentum', 'ns_steps', 'nesterov', 'exclude_embeddings', 'adam_weight_decay', 'rms_rate',
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name,
        )  # fmt: skip
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or ()), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov, self.rms_rate = momentum, ns_steps, nesterov, rms_rate

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._moments: dict[int, list[Variable]] = {}
        for variable in self._trainable_variables:
            slots = ('momentum', 'velocity') if self._by_adam(variable) else ('momentum',)
            self._moments[id(variable)] = [self.add_variable_from_reference(variable, slot) for slot in slots]

    def _by_adam(self, variable: Variable) -> bool:
        path = variable.path
        embedding = self.exclude_embeddings and 'embedding' in path.lower()
        return variable.ndim != 2 or embedding or any(re.search(word, path) for word in self.exclude_layers)

    def decay_of(self, variable: Variable) -> float | None:
        return self.adam_weight_decay if self._by_adam(variable) else self.weight_decay

    def _kept_for(self, weight: Variable) -> list[Variable]:
        return [*super()._kept_for(weight), *self._moments[id(weight)]]

    def update_step(self, gradient: Array, variable: Variable, learning_rate: Any) -> None:
        gradient, rate = as_array(gradient, variable.dtype), as_array(learning_rate, variable.dtype)
        step = self._adam if self._by_adam(variable) else self._muon
        step(gradient, variable, rate, *self._moments[id(variable)])

    def _adam(self, gradient: Array, variable: Variable, rate: Array, *moments: Variable) -> None:
        t = as_array(self.iterations, variable.dtype) + 1
        first, second = self.adam_beta_1, self.adam_beta_2
        m = moments[0].raw + (gradient - moments[0].raw) * (1 - first)
        v = moments[1].raw + (lax.square(gradient) - moments[1].raw) * (1 - second)
        size = rate * self.adam_lr_ratio * jnp.sqrt(1 - jnp.power(second, t)) / (1 - jnp.power(first, t))
        moments[0].assign(m)
        moments[1].assign(v)
        variable.assign(variable.raw - m * size / (jnp.sqrt(v) + self.epsilon))

    def _muon(self, gradient: Array, variable: Variable, rate: Array, momentum: Variable) -> None:
        m = gradient + momentum.raw * self.momentum
        momentum.assign(m)
        move = rate * self._orthogonal(gradient + self.momentum * m if self.nesterov else m)
        if self.rms_rate is not None:
            move = move * math.sqrt(max(variable.shape)) * self.rms_rate
        variable.assign(variable.raw - move)

    def _orthogonal(self, x: Array) -> Array:
        """About `u v^T`, for `x = u s v^T`: Newton and Schulz's iteration brings each singular value near 1."""
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (jnp.linalg.norm(x) + 1e-7)  # no singular value above 1, where the iteration converges
        for _ in range(self.ns_steps):
            square = x @ x.T
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.T if tall else x
