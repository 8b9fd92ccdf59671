"""Between a training's state and the variables that people see.

At a drain the variables hold exactly that step's state, and what a callback assigned is taken up again. How, goes by
the state's size (train/program.py):

- A small one, or one that is read at every step, is not given away: the variables hold each one.
- One that is larger is given away with each dispatch, and the variables hold a copy of it, made at the epoch's end: a
  dispatch that fails leaves what was drained last.
- Of a large one there is no copy but while a hook reads it: the variables hold what the last dispatch will return. If
  that fails, the state is lost, as in other libraries; backups are for that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hefted.distribution import gathering
from hefted.utils.stacked import Stacked
from hefted.variables import Array, Variable

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing

Groups = dict[str, list[Variable]]
Evaluation = dict[str, list[Array]]  # 'metrics' and 'carried'


class Binding:
    """A state's arrays and the variables they stand for.

    Args:
        groups: Variables by the state's entry; each variable in one entry only.

    Attributes:
        placing: Where the state lies, of many devices; None on one.
        placed: The sharding of each variable then.
    """

    def __init__(self, groups: Groups) -> None:
        self.groups = groups
        self.placing: Placing | None = None
        self.placed: dict[str, list[Any]] | None = None
        self._given: dict[int, Array] = {}
        self._begun: list[Array] = []  # what layers carried when an evaluation began

    def place(self, placing: Placing | None) -> None:
        """Say on which devices the state lies."""
        self.placing = placing
        self.placed = placing and placing.of_groups(self.groups)

    def take(self, own: bool = True, large: bool = False) -> dict[str, list[Array]]:
        """The state to begin with.

        Args:
            own: Whether it will be given away: it is then in arrays which nobody else holds.
            large: Whether those are the variables' own as far as may be, for want of memory.
        """
        if large:
            state = {name: [_let_go(v) for v in group] for name, group in self.groups.items()}
        else:
            state = copy_state(self.held()) if own else self.held()
        state = self.in_place(state)
        self._given = {id(v): v.held for v in self.variables()}
        return state

    def put_together(self, trainable: list[Array]) -> list[Array]:
        """Inside of a step, the weights as a layer uses them: whole, where each device has a share of them.

        But for stacks, which a loop over their blocks puts together block by block.
        """
        if not gathering.gathers():
            return trainable
        pairs = zip(trainable, self.groups['trainable'], strict=True)
        return [value if isinstance(v, Stacked) else gathering.put_together([value], [v])[0] for value, v in pairs]

    def variables(self) -> Iterator[Variable]:
        """All of them."""
        for group in self.groups.values():
            yield from group

    def held(self) -> dict[str, list[Array]]:
        """The state that the variables hold, not to be given away."""
        return self.in_place({name: [v.held for v in group] for name, group in self.groups.items()})

    def in_place(self, state: dict[str, list[Array]]) -> dict[str, list[Array]]:
        """The same arrays, on their devices."""
        if self.placed is None:
            return state
        from hefted.distribution.placing import put

        return {name: [*map(put, arrays, self.placed[name])] for name, arrays in state.items()}

    def drain(self, state: dict[str, list[Array]]) -> None:
        """Let the variables hold arrays that the loop will not give away."""
        for name, group in self.groups.items():
            for variable, array in zip(group, state[name], strict=True):
                variable.hold(array)
                self._given[id(variable)] = array

    def part(self) -> None:
        """The training is over: the variables alone hold their arrays, so that the next one need not copy them."""
        self._given = {}

    def carried(self) -> list[Variable]:
        """What layers carry from step to step without training it: statistics, states of recurrent layers and seeds.

        Weights that were frozen are not among them: nobody assigns those.
        """
        return [v for v in self.groups['frozen'] if not v.made_trainable]

    def start_evaluation(self) -> Evaluation:
        """Metrics and what layers carry, to be given away: what an evaluation goes on from."""
        zeros = [np.zeros(v.shape, v.dtype) for v in self.groups['metrics']]
        self._begun = [v.held for v in self.carried()]
        evaluation = {'metrics': zeros, 'carried': [_copy(array) for array in self._begun]}
        if self.placing is None:
            return evaluation
        return {name: [*map(self.placing.everywhere, arrays)] for name, arrays in evaluation.items()}

    def end_evaluation(self, evaluation: Evaluation) -> None:
        """Let the variables hold what an evaluation ended with, as if it had been assigned to them."""
        for variable, array in zip(self.groups['metrics'], evaluation['metrics'], strict=True):
            variable.hold(array)
        hold_changed(self.carried(), self._begun, evaluation['carried'])

    def with_carried(self, frozen: list[Array], carried: list[Array]) -> list[Array]:
        """The values of all that is not trained, with new ones of what is carried."""
        new = iter(carried)
        return [
            next(new) if not v.made_trainable else old for v, old in zip(self.groups['frozen'], frozen, strict=True)
        ]

    def only_carried(self, frozen: list[Array]) -> list[Array]:
        """Of the values of all that is not trained, those of what is carried."""
        return [value for v, value in zip(self.groups['frozen'], frozen, strict=True) if not v.made_trainable]

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
        return self.in_place(
            {
                name: [
                    array if v.held is self._given.get(id(v)) else _copy(v.held)
                    for v, array in zip(group, state[name], strict=True)
                ]
                for name, group in self.groups.items()
            }
        )


def hold_changed(variables: list[Variable], before: list[Array], after: list[Array]) -> None:
    """Let variables hold what changed; another thread may have trained the others meanwhile."""
    for variable, old, new in zip(variables, before, after, strict=True):
        if not np.array_equal(np.asarray(old), np.asarray(new)):
            variable.hold(new)


def copy_state(state: dict[str, list[Array]]) -> dict[str, list[Array]]:
    """The same state in arrays of its own, once it is there."""
    return {name: [_copy(array) for array in arrays] for name, arrays in state.items()}


def _let_go(variable: Variable) -> Array:
    """What a variable holds, to be given away; a copy where somebody else holds it too.

    That may be another variable that it was assigned to, or a person who will compare. On accelerators the variable
    keeps a copy on the host: the first steps may find that memory is short.
    """
    on_cpu = jax.default_backend() == 'cpu'
    if isinstance(variable.held, np.ndarray):
        array = jax.device_put(variable.held, may_alias=False)
        if on_cpu:
            variable.hold(array)
        return array
    if _holders(variable) > _holders(_ALONE):
        return _copy(variable.held)
    array = variable.held
    if not on_cpu:
        variable.hold(np.array(array))
    return array


def _holders(variable: Variable) -> int:
    """How many hold what the variable does, and some more that are always the same."""
    return sys.getrefcount(variable.held)


_ALONE = Variable(np.zeros(0), name='alone')


def _copy(array: Array) -> Array:
    """On CPU a host copy, which costs a microsecond; else one on the device."""
    if isinstance(array, np.ndarray) or (jax.default_backend() == 'cpu' and len(array.sharding.device_set) == 1):
        return np.array(array)
    return jax.device_put(array, array.sharding, may_alias=False)
