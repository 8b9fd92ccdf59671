"""Between a training's state and the variables that people see.

The loop owns its state and gives it away with every dispatch. At a drain the variables get copies of it, so that what
a callback reads is exactly that step's state and stays so; what a callback assigned is taken up again. A failed
dispatch thus leaves the variables as they were last drained.
"""

from __future__ import annotations

import jax
import numpy as np

from hefted.variables import Array, Variable

Groups = dict[str, list[Variable]]


class Binding:
    """A state's arrays and the variables they stand for.

    Args:
        groups: Variables by the state's entry; each variable in one entry only.
    """

    def __init__(self, groups: Groups) -> None:
        self.groups = groups
        self._given: dict[int, Array] = {}

    def take(self) -> dict[str, list[Array]]:
        """A state of arrays of its own: nobody else holds them, so they can be given away."""
        return {name: [_fresh(v.held) for v in group] for name, group in self.groups.items()}

    def drain(self, state: dict[str, list[Array]]) -> None:
        """Give the variables copies of the state."""
        for name, group in self.groups.items():
            for variable, array in zip(group, state[name], strict=True):
                copy = _copy(array)
                variable.hold(copy)
                self._given[id(variable)] = copy

    def lend(self, state: dict[str, list[Array]]) -> None:
        """Let the variables hold the state itself: the loop will not use it again."""
        for name, group in self.groups.items():
            for variable, array in zip(group, state[name], strict=True):
                variable.hold(array)

    def refresh(self, state: dict[str, list[Array]]) -> dict[str, list[Array]]:
        """The state with what was assigned to the variables since the last drain."""
        return {
            name: [
                array if v.held is self._given.get(id(v)) else _fresh(v.held)
                for v, array in zip(group, state[name], strict=True)
            ]
            for name, group in self.groups.items()
        }


def _fresh(array: Array) -> Array:
    if isinstance(array, jax.Array):
        return jax.device_put(array, array.sharding, may_alias=False)
    return jax.device_put(array, may_alias=False)


def _copy(array: Array) -> Array:
    """On CPU a host copy, which costs microseconds; else one on the device."""
    if isinstance(array, jax.Array) and next(iter(array.devices())).platform != 'cpu':
        return _fresh(array)
    return np.array(array)
