"""Between a training's state and the variables that people see.

At a drain the variables hold exactly that step's state, and it stays so: what a callback assigned is taken up again,
and a dispatch that fails leaves what was drained last. A large state is given away with each dispatch, so the variables
hold a copy of it, made at the epoch's end; a small one, or one that is read at every step, is not given away.
"""

from __future__ import annotations

import jax
import numpy as np

from hefted.variables import Array, Variable

Groups = dict[str, list[Variable]]
Evaluation = dict[str, list[Array]]  # 'metrics' and 'carried'


class Binding:
    """A state's arrays and the variables they stand for.

    Args:
        groups: Variables by the state's entry; each variable in one entry only.
    """

    def __init__(self, groups: Groups) -> None:
        self.groups = groups
        self._given: dict[int, Array] = {}
        self._begun: list[Array] = []  # what layers carried when an evaluation began

    def take(self, own: bool = True) -> dict[str, list[Array]]:
        """The state to begin with: in arrays of its own, which nobody else holds, where it will be given away."""
        self._given = {id(v): v.held for group in self.groups.values() for v in group}
        return copy_state(self.held()) if own else self.held()

    def held(self) -> dict[str, list[Array]]:
        """The state that the variables hold, not to be given away."""
        return {name: [v.held for v in group] for name, group in self.groups.items()}

    def drain(self, state: dict[str, list[Array]]) -> None:
        """Let the variables hold arrays that the loop will not give away."""
        for name, group in self.groups.items():
            for variable, array in zip(group, state[name], strict=True):
                variable.hold(array)
                self._given[id(variable)] = array

    def carried(self) -> list[Variable]:
        """What layers carry from step to step without training it: statistics, states of recurrent layers and seeds.

        Weights of a layer that was frozen are not among them: nobody assigns those.
        """
        return [v for v in self.groups['frozen'] if not v.trainable]

    def start_evaluation(self) -> Evaluation:
        """Metrics and what layers carry, to be given away: what an evaluation goes on from."""
        zeros = [np.zeros(v.shape, v.dtype) for v in self.groups['metrics']]
        self._begun = [v.held for v in self.carried()]
        return {'metrics': zeros, 'carried': [_copy(array) for array in self._begun]}

    def end_evaluation(self, evaluation: Evaluation) -> None:
        """Let the variables hold what an evaluation ended with, as if it had been assigned to them."""
        for variable, array in zip(self.groups['metrics'], evaluation['metrics'], strict=True):
            variable.hold(array)
        hold_changed(self.carried(), self._begun, evaluation['carried'])

    def with_carried(self, frozen: list[Array], carried: list[Array]) -> list[Array]:
        """The values of all that is not trained, with new ones of what is carried."""
        new = iter(carried)
        return [next(new) if not v.trainable else old for v, old in zip(self.groups['frozen'], frozen, strict=True)]

    def only_carried(self, frozen: list[Array]) -> list[Array]:
        """Of the values of all that is not trained, those of what is carried."""
        return [value for v, value in zip(self.groups['frozen'], frozen, strict=True) if not v.trainable]

    def drain_copy(self, state: dict[str, list[Array]]) -> None:
        """Let the variables hold copies of arrays that the loop may give away.

        Whether all of them are there is asked first. Then each old array goes as its successor comes, so that never
        more than two whole states exist.
        """
        jax.block_until_ready(state)
        for name, group in self.groups.items():
            for variable, array in zip(group, state[name], strict=True):
                copy = _copy(array)
                variable.hold(copy)
                self._given[id(variable)] = copy

    def refresh(self, state: dict[str, list[Array]]) -> dict[str, list[Array]]:
        """The state with what was assigned to the variables since the last drain."""
        return {
            name: [
                array if v.held is self._given.get(id(v)) else _copy(v.held)
                for v, array in zip(group, state[name], strict=True)
            ]
            for name, group in self.groups.items()
        }


def hold_changed(variables: list[Variable], before: list[Array], after: list[Array]) -> None:
    """Let variables hold what changed; another thread may have trained the others meanwhile."""
    for variable, old, new in zip(variables, before, after, strict=True):
        if not np.array_equal(np.asarray(old), np.asarray(new)):
            variable.hold(new)


def copy_state(state: dict[str, list[Array]]) -> dict[str, list[Array]]:
    """The same state in arrays of its own, once it is there."""
    return {name: [_copy(array) for array in arrays] for name, arrays in state.items()}


def _copy(array: Array) -> Array:
    """On CPU a host copy, which costs a microsecond; else one on the device."""
    if isinstance(array, np.ndarray) or jax.default_backend() == 'cpu':
        return np.array(array)
    return jax.device_put(array, array.sharding, may_alias=False)
