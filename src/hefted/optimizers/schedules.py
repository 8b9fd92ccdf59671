"""Learning rates that change with the step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError
from hefted.utils.arrays import as_array
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array


class LearningRateSchedule:
    """The base: subclass it with `__call__(step) -> rate` and `get_config`."""

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f'{type(self).__name__} must define __call__(step).')

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f'{type(self).__name__} has no get_config, which saving it needs.')

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        return cls(**config)


class _Declared(LearningRateSchedule):
    """One of ours: its config is the arguments of its constructor, kept under their names."""

    def get_config(self) -> dict[str, Any]:
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}


class ExponentialDecay(_Declared):
    """`initial * decay_rate^(step / decay_steps)`; `staircase` rounds the exponent down.

    Example:
        >>> round(float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)), 4)
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = 'ExponentialDecay',
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _positive(decay_steps)
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Array:
        periods = _float(step) / self.decay_steps
        periods = jnp.floor(periods) if self.staircase else periods
        return self.initial_learning_rate * jnp.power(self.decay_rate, periods)


class InverseTimeDecay(_Declared):
    """`initial / (1 + decay_rate * step / decay_steps)`; `staircase` rounds the quotient down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = 'InverseTimeDecay',
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _positive(decay_steps)
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Array:
        periods = _float(step) / self.decay_steps
        periods = jnp.floor(periods) if self.staircase else periods
        return self.initial_learning_rate / (1.0 + self.decay_rate * periods)


class PolynomialDecay(_Declared):
    """From `initial` to `end` in `decay_steps`, along `(1 - share)^power`; `cycle` starts anew, each time longer."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = 'PolynomialDecay',
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _positive(decay_steps)
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: Any) -> Array:
        step, total = _float(step), self.decay_steps
        if self.cycle:
            total = total * jnp.maximum(1.0, jnp.ceil(step / total))
        else:
            step = jnp.minimum(step, total)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * jnp.power(1 - step / total, self.power) + self.end_learning_rate


class LinearDecay(_Declared):
    """Up from 0 to a rate in a straight line, then down to 0: how BERT was trained (Devlin et al. 2019, A.2).

    `rate * step / warmup_steps` first, then `rate * (total_steps - step) / (total_steps - warmup_steps)`, 0 past the
    end: transformers' `get_linear_schedule_with_warmup`. Step 0 has a rate of 0.

    Args:
        learning_rate: The highest rate.
        total_steps: Of the training, warm-up included.
        warmup_steps: How many of them rise; 10,000 of 1,000,000 in the original recipe.
        name: For the config.

    Raises:
        ArgumentError: No steps, or a warm-up that is not from 0 to below `total_steps`.

    Example:
        >>> rate = LinearDecay(1e-4, total_steps=100, warmup_steps=10)
        >>> [f'{float(rate(step)):.1e}' for step in (0, 5, 10, 55, 100, 200)]
        ['0.0e+00', '5.0e-05', '1.0e-04', '5.0e-05', '0.0e+00', '0.0e+00']
    """

    def __init__(
        self, learning_rate: float, total_steps: float, warmup_steps: float = 0, name: str = 'LinearDecay'
    ) -> None:
        self.learning_rate, self.total_steps, self.name = learning_rate, _positive(total_steps, 'total_steps'), name
        if not 0 <= warmup_steps < total_steps:
            raise ArgumentError(
                f'Expected warmup_steps from 0 to below total_steps={total_steps}, received {warmup_steps!r}. BERT '
                'rises for a hundredth of its steps.'
            )
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Array:
        step = _float(step)
        rising = step / max(self.warmup_steps, 1)
        falling = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.learning_rate * jnp.where(step < self.warmup_steps, rising, jnp.maximum(falling, 0.0))


class PiecewiseConstantDecay(_Declared):
    """`values[i]` up to and at `boundaries[i]`, and the last value beyond the last boundary."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = 'PiecewiseConstant') -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                f'Expected one boundary fewer than values, received {len(boundaries)} and {len(values)}.'
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Array:
        step = as_array(step)
        passed = step > jnp.asarray(self.boundaries, step.dtype)
        return jnp.asarray(self.values, 'float32')[passed.sum()]


class CosineDecay(_Declared):
    """From `initial` to `alpha * initial` along half a cosine (Loshchilov & Hutter 2016), with a linear warm-up.

    Args:
        initial_learning_rate: Where the warm-up begins, or the decay without one.
        decay_steps: Steps of the decay.
        alpha: The last rate as a share of the first.
        name: For the config.
        warmup_target: Where the warm-up ends and the decay begins; None is no warm-up.
        warmup_steps: Steps of the warm-up.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = 'CosineDecay',
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _positive(decay_steps)
        self.alpha, self.name, self.warmup_target, self.warmup_steps = alpha, name, warmup_target, warmup_steps

    def __call__(self, step: Any) -> Array:
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        rising = (self.warmup_target - self.initial_learning_rate) * (step / max(self.warmup_steps, 1e-30))
        return jnp.where(
            step < self.warmup_steps,
            rising + self.initial_learning_rate,
            self._decayed(self.warmup_target, step - self.warmup_steps),
        )

    def _decayed(self, start: float, step: Array) -> Array:
        share = jnp.minimum(step, self.decay_steps) / self.decay_steps
        return start * ((1 - self.alpha) * (0.5 * (1.0 + jnp.cos(math.pi * share))) + self.alpha)


class CosineDecayRestarts(_Declared):
    """Cosine decay again and again (SGDR, Loshchilov & Hutter 2016).

    Args:
        initial_learning_rate: The first rate.
        first_decay_steps: Steps of the first period.
        t_mul: Each period's length over the last one's.
        m_mul: Each period's first rate over the last one's.
        alpha: The least rate as a share of the first.
        name: For the config.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = 'SGDRDecay',
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive(first_decay_steps, 'first_decay_steps')
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Array:
        share = _float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            restart = jnp.floor(share)
            share = share - restart
        else:
            restart = jnp.floor(jnp.log(1.0 - share * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = jnp.power(self.t_mul, restart)
            share = (share - (1.0 - length) / (1.0 - self.t_mul)) / length
        cosine = 0.5 * jnp.power(self.m_mul, restart) * (1.0 + jnp.cos(math.pi * share))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


def _float(step: Any) -> Array:
    return as_array(step, 'float32')


def _positive(steps: float, name: str = 'decay_steps') -> float:
    if not steps > 0:
        raise ArgumentError(f'Expected {name} to be above 0, received {steps!r}.')
    return steps


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """The config of a schedule."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The schedule of a config."""
    return deserialize_keras_object(config, custom_objects)
