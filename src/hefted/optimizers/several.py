"""Several optimizers, each for some of the weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
from jax import lax

from hefted.errors import ArgumentError
from hefted.optimizers.loss_scale import LossScaleOptimizer
from hefted.optimizers.optimizer import Optimizer
from hefted.utils.arrays import as_array
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Variable


class OptimizerMap(MutableMapping[str, Optimizer]):
    """An optimizer for each weight, by the weight's path.

    Args:
        default_optimizer: For paths that no key fits.
        optimizer_map: Path, or regular expression for whole paths, to optimizer.

    Raises:
        TypeError: Not an optimizer, or not a dict.

    Example:
        >>> from hefted.optimizers import SGD, Adam
        >>> chosen = OptimizerMap(SGD(), {'encoder/.*': Adam()})
        >>> type(chosen['encoder/dense/kernel']).__name__, type(chosen['head/kernel']).__name__
        ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Any, optimizer_map: dict[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f'Expected default_optimizer to be an optimizer, received {default_optimizer!r}.')
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f'Expected optimizer_map to be a dict, received {optimizer_map!r}.')
        self.default_optimizer = default_optimizer
        self._map: dict[str, Optimizer] = optimizer_map or {}

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(f'Expected one key of the OptimizerMap to fit {key!r}, found {found}.')
        return self._map[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str) or key in self._map:
            raise ArgumentError(f'Expected a new key for the OptimizerMap, a string, received {key!r}.')
        self._map[key] = _plain(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def get_config(self) -> dict[str, Any]:
        return {
            'default_optimizer': serialize_keras_object(self.default_optimizer),
            'optimizer_map': serialize_keras_object(self._map),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> OptimizerMap:
        return cls(*(deserialize_keras_object(config[name], custom_objects) for name in config))


class MultiOptimizer(Optimizer):
    """One optimizer made of several, each for the weights that it is chosen for.

    It has no learning rate: set those of `.optimizers`.

    Args:
        optimizer_map: An `OptimizerMap`, or a function of a variable that returns an optimizer.
        loss_scale_factor: See `Optimizer`; that of the optimizers inside is overwritten.
        name: Made up from the class if None.
    """

    def __init__(
        self,
        optimizer_map: Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._choose = optimizer_map
        self.optimizers: list[Optimizer] = []
        self._index_of: dict[int, int] = {}
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._place(optimizer)

    takes_stacks = False  # weights of one stack may be chosen different optimizers for

    def _place(self, optimizer: Optimizer) -> int:
        """The optimizer's place among those inside; it is new there unless it has one."""
        for i, known in enumerate(self.optimizers):
            if known is optimizer:
                return i
        self.optimizers.append(_plain(optimizer))
        optimizer.loss_scale_factor = self.loss_scale_factor
        return len(self.optimizers) - 1

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        variables = list(variables)
        self._index_of = {id(v): self._place(self._choose(v)) for v in variables}
        for optimizer, own in zip(self.optimizers, self._divided(variables), strict=True):
            if own:
                optimizer.build(own)
        super().build(variables)

    def _divided(self, variables: Iterable[Variable]) -> list[list[Variable]]:
        groups: list[list[Variable]] = [[] for _ in self.optimizers]
        for variable in variables:
            groups[self._index_of[id(variable)]].append(variable)
        return groups

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *(v for optimizer in self.optimizers for v in optimizer.variables)]

    @property
    def learning_rate(self) -> Any:
        raise AttributeError('A MultiOptimizer has no learning rate of its own: read those of its .optimizers.')

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:  # noqa: ARG002
        raise AttributeError('A MultiOptimizer has no learning rate of its own: set those of its .optimizers.')

    @property
    def loss_scale_factor(self) -> float | None:
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._loss_scale_factor = value
        for optimizer in getattr(self, 'optimizers', ()):
            optimizer.loss_scale_factor = value

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        variables = self._variables_of(grads, trainable_variables)
        gradient_of = {id(v): g for g, v in zip(grads, variables, strict=True)}
        for optimizer, own in zip(self.optimizers, self._divided(variables), strict=True):
            if own:
                optimizer.apply([gradient_of[id(v)] for v in own], own)
        self._iterations.assign(lax.add(as_array(self._iterations), np.int32(1)))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        for optimizer, own in zip(self.optimizers, self._divided(var_list), strict=True):
            optimizer.finalize_variable_values(own)

    def get_config(self) -> dict[str, Any]:
        return {
            'optimizer_map': serialize_keras_object(self._choose),
            'loss_scale_factor': self.loss_scale_factor,
            'name': self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> MultiOptimizer:
        return cls(**{**config, 'optimizer_map': deserialize_keras_object(config['optimizer_map'], custom_objects)})


def _plain(optimizer: Any) -> Any:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ArgumentError(
            f'Expected an optimizer that is neither a LossScaleOptimizer nor a MultiOptimizer, received {optimizer!r}.'
        )
    return optimizer
