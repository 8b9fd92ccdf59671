"""Weights that lie one upon another (`hefted.stacked`): a step acts on each slice as it would on a weight by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from hefted.optimizers.preparing import Preparing
from hefted.stacked import gathered, stacked
from hefted.utils.arrays import as_array
from hefted.variables import Array, Variable, bind


class Stacking(Preparing):
    """The part of `Optimizer` that knows of stacks."""

    _slots: dict[str, list[Variable]]
    _trainable_variables: list[Variable]
    _trainable_variables_indices: dict[int, int]
    update_step: Callable[[Array, Variable, Any], None]

    @property
    def takes_stacks(self) -> bool:
        """Whether `apply` may be given stacks of weights; what a user derived from ours gets each weight by itself."""
        return type(self).__module__.startswith('hefted.')

    def stacked_variables(self, weights: Sequence[Variable]) -> list[Variable]:
        """The state, with what is kept for the parts of a stack as one variable.

        Args:
            weights: What is trained, stacks as such.
        """
        if self.takes_stacks:
            for weight in weights:
                if weight.parts and all(id(part) in self._trainable_variables_indices for part in weight.parts):
                    self._kept_for_all(weight)
        return gathered(self.variables)

    def _kept_for(self, weight: Variable) -> list[Variable]:
        """All variables that are kept for one weight."""
        index = self._trainable_variables_indices[id(weight)]
        return [kept[index] for kept in self._slots.values()]

    def _kept_for_all(self, stack: Variable) -> list[Variable] | None:
        """What is kept for the parts of a stack, as stacks; None where it is not of one kind."""
        columns = [self._kept_for(part) for part in stack.parts]
        if len({len(column) for column in columns}) > 1:
            return None
        found = [stacked(row) for row in zip(*columns, strict=True)]
        return None if None in map(_none, found) else [each for each in found if each is not None]

    def _slot(self, slot: str, weight: Variable) -> Variable:
        """What is kept under a name for a weight, or for all those of a stack."""
        kept, index = self._slots[slot], self._trainable_variables_indices
        if not weight.parts:
            return kept[index[id(weight)]]
        found = stacked([kept[index[id(part)]] for part in weight.parts])
        assert found is not None  # slots are of their weights' shapes
        return found

    def _trained(self) -> list[Variable]:
        """The weights that it was built with, stacks as such where it takes them."""
        return gathered(self._trainable_variables) if self.takes_stacks else self._trainable_variables

    def _clip_each(self, grads: Sequence[Array], variables: Sequence[Variable]) -> Sequence[Array]:
        """The gradients clipped; of a stack, where each one's norm counts, slice by slice."""
        if not (self.clipnorm and any(v.parts for v in variables)):
            return self._clip_gradients(grads)
        clip = self._clip_by_norm
        return [jax.vmap(clip)(g) if v.parts else clip(g) for g, v in zip(grads, variables, strict=True)]

    def _decay_stack(self, stack: Variable) -> None:
        """Let the weights of a stack shrink, each by its own decay."""
        decays = [(self.decay_of(part) or 0.0) if self._use_weight_decay(part) else 0.0 for part in stack.parts]
        if any(decays):
            share = as_array(self.learning_rate, stack.dtype) * jnp.asarray(decays, stack.dtype)
            stack.assign(stack.raw - stack.raw * share.reshape((-1,) + (1,) * (stack.ndim - 1)))

    def _update_stack(self, gradient: Array, stack: Variable, learning_rate: Any) -> None:
        """`update_step` for each weight of a stack, as one."""
        kept = self._kept_for_all(stack)
        if kept is None:  # the rule goes by the weight, and not all have the same
            for i, part in enumerate(stack.parts):
                self.update_step(gradient[i], part, learning_rate)
            return
        first = [stack.parts[0], *(each.parts[0] for each in kept)]

        def one(gradient: Array, values: list[Array]) -> list[Array]:
            with bind(first, values) as scope:
                self.update_step(gradient, first[0], learning_rate)
                return scope.values(first)

        new = jax.vmap(one)(gradient, [each.raw for each in (stack, *kept)])
        for held, value in zip((stack, *kept), new, strict=True):
            held.assign(value)


def _none(value: Any) -> Any:
    return value if value is None else True
