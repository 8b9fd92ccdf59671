"""What comes before an optimizer's rule: missing gradients, clipping, decay; each in a method that may be overridden.

Their names are Keras's, so that what was written for Keras's optimizers has its effect.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hefted.errors import ArgumentError
from hefted.optimizers import clipping
from hefted.optimizers.state import State
from hefted.utils.arrays import as_array
from hefted.variables import Array, Variable


class Preparing(State):
    """The part of `Optimizer` that makes gradients and weights ready for the rule."""

    built: bool
    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    _no_decay: Callable[[Variable], bool] | None = None

    @property
    def learning_rate(self) -> Any:
        """The learning rate now."""
        raise NotImplementedError

    def _filter_empty_gradients(
        self, grads: Sequence[Any], vars: Sequence[Variable]
    ) -> tuple[list[Array], list[Variable]]:
        """The gradients that are there, and their variables."""
        pairs = [(g, v) for g, v in zip(grads, vars, strict=True) if g is not None]
        missing = [v.path for g, v in zip(grads, vars, strict=True) if g is None]
        if not pairs:
            raise ArgumentError('Expected a gradient for one variable at least, received none.')
        if missing:
            warnings.warn(f'No gradients for {missing}: the loss does not depend on them.', stacklevel=3)
        return [g for g, _ in pairs], [v for _, v in pairs]

    def _clip_gradients(self, grads: Sequence[Array]) -> Sequence[Array]:
        """The gradients, clipped in the one way that is given, if any."""
        if self.clipnorm:
            return [self._clip_by_norm(g) for g in grads]
        if self.global_clipnorm:
            return clipping.by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue:
            return clipping.by_value(grads, self.clipvalue)
        return grads

    def _clip_by_norm(self, values: Array, axes: Any = None) -> Array:
        """One gradient, its norm at most `clipnorm`."""
        return clipping.by_norm(values, self.clipnorm or 0.0, axes)

    def decay_of(self, variable: Variable) -> float | None:  # noqa: ARG002 (subclasses look)
        """The weight decay of one weight."""
        return self.weight_decay

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        """Let the weights shrink."""
        for stack in (v for v in variables if v.parts):
            self._decay_stack(stack)
        decays = [(v, decay) for v in variables if not v.parts and (decay := self.decay_of(v)) is not None]
        learning_rate = self.learning_rate if decays else None
        for variable, decay in decays:
            if self._use_weight_decay(variable):
                share = as_array(learning_rate, variable.dtype) * decay
                variable.assign(variable.raw - variable.raw * share)

    def _decay_stack(self, stack: Variable) -> None:
        """Let the weights of a stack shrink."""
        raise NotImplementedError

    def _use_weight_decay(self, variable: Variable) -> bool:
        """Whether a weight is not left out of the decay."""
        return self._no_decay is None or not self._no_decay(variable)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave weights out of the decay: these, and those whose name one of the patterns is found in.

        Raises:
            ArgumentError: The optimizer is built already.
        """
        if self.built:
            raise ArgumentError('Expected exclude_from_weight_decay before the optimizer is built.')
        excluded = {id(v) for v in var_list or ()}
        pattern = re.compile('|'.join(var_names)) if var_names else None
        self._no_decay = lambda v: id(v) in excluded or bool(pattern and pattern.search(v.name))
