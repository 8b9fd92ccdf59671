"""The base of optimizers: state, clipping, decay, averaging, accumulation; a subclass gives the rule.

One of ours says which slots it keeps for each weight and how a step goes:

    class Momentum(Optimizer):
        def slot_groups(self):
            return (('momentum',),)

        def rule(self, weight, gradient, rate, momentum):
            momentum = 0.9 * momentum - rate * gradient
            return weight + momentum, momentum

A user's may also be written as Keras's are, with `build` and `update_step(gradient, variable, learning_rate)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.core import Tracer

from hefted import dtypes
from hefted.errors import ArgumentError, NotBuiltError, ShapeError, unknown_arguments, warn
from hefted.optimizers.stacking import Stacking
from hefted.utils.arrays import as_array
from hefted.utils.naming import auto_name
from hefted.utils.quick import Quick, plain
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.utils.stacked import gathered
from hefted.variables import Array, Variable, bind


class Optimizer(Stacking):
    """The base of all optimizers.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: Share (times the learning rate) by which weights shrink at each step.
        clipnorm: The most that each gradient's norm may be.
        clipvalue: The most that each element of a gradient may be, in size.
        global_clipnorm: The most that the norm of all gradients together may be.
        use_ema: Whether to keep an exponential moving average of the weights.
        ema_momentum: How much of the average each step keeps.
        ema_overwrite_frequency: Steps between two times that the average becomes the weights; None is at the end.
        loss_scale_factor: The loss is multiplied by it, and the gradients divided.
        gradient_accumulation_steps: Steps whose gradients are averaged into one update.
        name: Made up from the class if None.

    Raises:
        ArgumentError: A value out of its range, or two kinds of clipping.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        if unknown.pop('decay', None) is not None:  # as old programs have it
            warn('Argument `decay` is no longer supported and will be ignored. Use a schedule of the learning rate.')
        if unknown:
            raise unknown_arguments(self, unknown)
        if sum(x is not None for x in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ArgumentError(
                'Expected at most one of clipnorm, clipvalue and global_clipnorm, received '
                f'clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}.'
            )
        if gradient_accumulation_steps and gradient_accumulation_steps < 2:
            raise ArgumentError(
                f'Expected gradient_accumulation_steps to be 2 or more, received {gradient_accumulation_steps}.'
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ArgumentError(f'Expected ema_momentum between 0 and 1, received {ema_momentum!r}.')
        super().__init__(name or auto_name(type(self).__name__))
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._trainable_variables: list[Variable] = []
        self._trainable_variables_indices: dict[int, int] = {}
        self._slots: dict[str, list[Variable]] = {}
        self._iterations = self._own(np.zeros((), np.int32), 'iteration')
        self._learning_rate: Any = learning_rate
        if not callable(learning_rate):
            self._learning_rate = self._own(_number(learning_rate), 'learning_rate', dtypes.floatx())

    #: Whether `rate` and `rule` take and give `Quick` arrays, which trace faster.
    quick: bool = False

    # The rule, which subclasses give

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of what is kept for each weight. Slots of one group lie side by side in `variables`."""
        return ()

    def slot_initializer(self, slot: str) -> Any:  # noqa: ARG002 (subclasses look)
        return 'zeros'

    def rate(self, learning_rate: Any, step: Any) -> Any:  # noqa: ARG002 (subclasses look)
        """What `rule` needs that is one for all weights of a dtype; `step` counts from 1."""
        return learning_rate

    def rule(self, weight: Any, gradient: Any, rate: Any, *slots: Any) -> tuple[Any, ...]:
        """The new weight, and the new slots in order."""
        raise NotImplementedError(f'{type(self).__name__} must define rule or update_step.')

    # Variables

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots of these weights; a second call does nothing."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._trainable_variables_indices = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self.built = True
        if self.use_ema:
            self._slots['average'] = self._add_slots(('average',))[0]
        if self.gradient_accumulation_steps:
            self._slots['gradient_accumulator'] = self._add_slots(('gradient_accumulator',))[0]
        for group in self.slot_groups():
            self._slots.update(zip(group, self._add_slots(group), strict=True))
        for slot, kept in self._slots.items():  # under Keras's names, which optimizers derived from ours read
            setattr(self, _KERAS_NAMES.get(slot) or (f'_{slot[:-1]}ies' if slot.endswith('y') else f'_{slot}s'), kept)

    def _get_variable_index(self, variable: Variable) -> int:
        return self._trainable_variables_indices[id(variable)]

    def _add_slots(self, group: tuple[str, ...]) -> tuple[list[Variable], ...]:
        starts = [self.slot_initializer(slot) for slot in group]
        return self.add_optimizer_variables(self._trainable_variables, group, starts)

    @property
    def iterations(self) -> Any:
        """Updates done: steps, or steps over `gradient_accumulation_steps`."""
        steps = self.gradient_accumulation_steps
        return self._iterations.value // steps if steps else self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate now: a variable, or what a schedule or callable gives."""
        return self._get_current_learning_rate()

    def _get_current_learning_rate(self) -> Any:
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        from hefted.optimizers.schedules import LearningRateSchedule

        return rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if callable(learning_rate):
            if isinstance(self._learning_rate, Variable):
                self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = learning_rate
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(learning_rate)
        else:
            raise TypeError(
                'Expected a learning rate that can be set; this optimizer was made with a schedule or a callable. '
                'Make the optimizer with a float to set it later.'
            )

    # A step

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Array, Variable]]) -> Variable:
        """Update weights, given pairs of gradient and variable."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """Update the weights that the optimizer was built with, or those given.

        Raises:
            NotBuiltError: No variables were ever given.
            ShapeError: The number of gradients is not that of the variables.
            ArgumentError: A variable is not one that the optimizer was built with, or no gradient is there.
        """
        variables = self._variables_of(grads, trainable_variables)
        if not variables:  # a model without trainable weights
            return
        grads, variables = self._filter_empty_gradients(grads, variables)
        if self.loss_scale_factor is not None:
            grads = [g / self.loss_scale_factor for g in grads]
        self._backend_apply_gradients(grads, variables)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.raw))
        self._iterations.assign(lax.add(as_array(self._iterations), np.int32(1)))

    def stateless_apply(
        self, optimizer_variables: Sequence[Array], grads: Sequence[Array], trainable_variables: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]:
        """The pure form of `apply`: new weights and new state."""
        if not self.built:
            raise NotBuiltError(f'Call build(variables) of {self.name!r} before stateless_apply.')
        state, weights = self.variables, self._trainable_variables
        if len(optimizer_variables) != len(state) or len(trainable_variables) != len(weights):
            raise ShapeError(
                f'Expected {len(state)} optimizer variables and {len(weights)} trainable ones, received '
                f'{len(optimizer_variables)} and {len(trainable_variables)}.'
            )
        with bind([*weights, *state], [*trainable_variables, *optimizer_variables]) as scope:
            self.apply(grads)
            return scope.values(weights), scope.values(state)

    # Keras's names, so that what overrides them has its effect

    def _backend_apply_gradients(self, grads: Sequence[Array], trainable_variables: Sequence[Variable]) -> None:
        """Update the weights and their averages."""
        if self.gradient_accumulation_steps:
            self._accumulate(grads, trainable_variables, self.gradient_accumulation_steps)
        else:
            self._update(grads, trainable_variables)
        if self.use_ema:
            self._update_model_variables_moving_average(self._trained())
            if self.ema_overwrite_frequency:
                self._overwrite_now_and_then(self.ema_overwrite_frequency)

    def _update(self, grads: Sequence[Array], variables: Sequence[Variable]) -> None:
        """Clip, decay, and apply the rule to each weight."""
        grads = self._clip_each(grads, variables)
        self._apply_weight_decay(variables)
        self._backend_update_step(grads, variables, self.learning_rate)

    def _backend_update_step(
        self, grads: Sequence[Array], trainable_variables: Sequence[Variable], learning_rate: Any
    ) -> None:
        """Apply the rule to each weight, with what is common to all computed once a dtype."""
        if type(self).update_step is not Optimizer.update_step:
            for gradient, variable in zip(grads, trainable_variables, strict=True):
                update = self._update_stack if variable.parts else self.update_step
                update(gradient, variable, learning_rate)
            return
        rates: dict[str, Any] = {}
        alike = Counter((v.shape, v.dtype) for v in trainable_variables)
        shared = self._shared_rule()
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            if variable.dtype not in rates:
                rates[variable.dtype] = self._rate(learning_rate, variable.dtype)
            many = alike[variable.shape, variable.dtype] >= _WORTH_SHARING and isinstance(variable.raw, Tracer)
            self._step(gradient, variable, rates[variable.dtype], shared if many else self._ruled)

    def update_step(self, gradient: Array, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        self._step(gradient, variable, self._rate(learning_rate, variable.dtype), self._ruled)

    def _rate(self, learning_rate: Any, dtype: str) -> tuple[Array, ...]:
        wrap = Quick if self.quick else plain
        step = lax.add(as_array(self.iterations, dtype), as_array(1.0, dtype))
        rate = self.rate(wrap(as_array(learning_rate, dtype)), wrap(step))
        return tuple(plain(r) for r in rate) if isinstance(rate, tuple) else plain(rate)

    def _ruled(self, rate: Any, weight: Array, gradient: Array, *slots: Array) -> tuple[Array, ...]:
        """The rule, from arrays to arrays."""
        wrap = Quick if self.quick else plain
        rate = tuple(wrap(r) for r in rate) if isinstance(rate, tuple) else wrap(rate)
        return tuple(plain(new) for new in self.rule(wrap(weight), wrap(gradient), rate, *map(wrap, slots)))

    def _shared_rule(self) -> Callable[..., tuple[Array, ...]]:
        """The rule, traced once for all weights of one shape, within one step; a user's own may do what it likes."""
        ours = (type(self).rule.__module__ or '').startswith('hefted.')
        # A partial is no other one's equal: nothing that JAX keeps outlives a change of the optimizer's numbers.
        return jax.jit(partial(self._ruled)) if ours else self._ruled

    def _step(self, gradient: Array, variable: Variable, rate: Any, ruled: Callable[..., tuple[Array, ...]]) -> None:
        slots = [self._slot(slot, variable) for group in self.slot_groups() for slot in group]
        values = variable.raw, as_array(gradient, variable.dtype), *(slot.raw for slot in slots)
        new = jax.vmap(partial(ruled, rate))(*values) if variable.parts else ruled(rate, *values)
        for held, value in zip((variable, *slots), new, strict=True):
            held.assign(value)

    def _accumulate(self, grads: Sequence[Array], variables: Sequence[Variable], steps: int) -> None:
        """Add gradients up, and update with their mean at every `steps`-th step."""
        now = (self._iterations.value + 1) % steps == 0
        sums = [self._slot('gradient_accumulator', v) for v in variables]
        totals = [total.raw + g for total, g in zip(sums, grads, strict=True)]
        held = [*variables, *gathered(self.variables)]
        before = [v.raw for v in held]
        self._update([total / steps for total in totals], variables)
        for variable, old in zip(held, before, strict=True):
            variable.assign(choose(now, variable.raw, old))
        for total, value in zip(sums, totals, strict=True):
            total.assign(choose(now, lax.full_like(value, 0), value))

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Variable]) -> None:
        """Move each weight's average towards it; the first step takes the weight itself."""
        iterations = as_array(self.iterations)
        for variable in trainable_variables:
            average = self._average_of(variable)
            keep = as_array(iterations != 0, variable.dtype) * self.ema_momentum
            average.assign(keep * average.raw + (1 - keep) * variable.raw)

    def _overwrite_now_and_then(self, every: int) -> None:
        now = (as_array(self.iterations) + 1) % every == 0
        for variable in self._trained():
            variable.assign(choose(now, self._average_of(variable).raw, variable.raw))

    def _overwrite_model_variables_with_average_value(self, trainable_variables: Iterable[Variable]) -> None:
        """Let the averages be the weights."""
        for variable in trainable_variables:
            if id(variable) in self._trainable_variables_indices:
                variable.assign(self._average_of(variable))

    def _average_of(self, variable: Variable) -> Variable:
        return self._slot('average', variable)

    def _variables_of(self, grads: Sequence[Any], given: Iterable[Variable] | None) -> list[Variable]:
        variables = self._trainable_variables if given is None else list(given)
        if given is not None and not self.built:
            self.build(variables)
        if not self.built:
            raise NotBuiltError(f'Call build(variables) of {self.name!r}, or pass the variables beside the gradients.')
        if len(grads) != len(variables):
            raise ShapeError(f'Expected {len(variables)} gradients, one a variable, received {len(grads)}.')
        known = self._trainable_variables_indices
        unknown = [v.path for v in variables if any(id(part) not in known for part in v.parts or (v,))]
        if unknown:
            raise ArgumentError(
                f'Expected the variables that {self.name!r} was built with, received {unknown[0]!r} as well. '
                'Make a new optimizer for other variables.'
            )
        return variables

    # What Keras's optimizers also do

    def scale_loss(self, loss: Array) -> Array:
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Overwrite the weights with their averages, where there are any (the end of training)."""
        if self.use_ema and self.built:
            self._overwrite_model_variables_with_average_value(var_list)

    def get_config(self) -> dict[str, Any]:
        rate = self._learning_rate
        return {
            'name': self.name,
            'learning_rate': float(rate.numpy()) if isinstance(rate, Variable) else serialize_keras_object(rate),
            'weight_decay': self.weight_decay,
            'clipnorm': self.clipnorm,
            'global_clipnorm': self.global_clipnorm,
            'clipvalue': self.clipvalue,
            'use_ema': self.use_ema,
            'ema_momentum': self.ema_momentum,
            'ema_overwrite_frequency': self.ema_overwrite_frequency,
            'loss_scale_factor': self.loss_scale_factor,
            'gradient_accumulation_steps': self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Optimizer:
        rate = config.get('learning_rate')
        if isinstance(rate, dict):
            config = config | {'learning_rate': deserialize_keras_object(rate, custom_objects)}
        return cls(**config)


_KERAS_NAMES = {'average': '_model_variables_moving_average', 'gradient_accumulator': '_accumulated_gradients'}
_WORTH_SHARING = 4  # weights of one shape: a rule of their own takes longer to trace than it saves for fewer


def choose(condition: Array, yes: Array, no: Array) -> Array:
    """`yes` or `no`, by one boolean."""
    return lax.select(condition, as_array(yes), as_array(no))


def _number(learning_rate: Any) -> float:
    if isinstance(learning_rate, (bool, str)) or not hasattr(learning_rate, '__float__'):
        raise ArgumentError(
            f'Expected learning_rate to be a float, a LearningRateSchedule or a callable, received {learning_rate!r}.'
        )
    return float(learning_rate)
