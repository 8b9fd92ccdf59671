"""Alike blocks one after another, as one loop in a compiled step: `Stack` and BERT's encoder are made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
from jax.core import Tracer

from hefted import dtypes, tree
from hefted.distribution import gathering
from hefted.errors import unknown_name
from hefted.layers.alike import require_alike
from hefted.layers.alike_now import alike_now, holds_alike
from hefted.layers.layer import Layer
from hefted.masks import get_mask, set_mask
from hefted.remat import computed_again
from hefted.utils.stacked import Stacked, stacked
from hefted.variables import Variable, bind, current_scope

_KEPT = {
    'none': None,
    'full': jax.checkpoint_policies.nothing_saveable,
    'products': jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


class InTurn:
    """`x = block(x)` for each of several alike blocks.

    A compiled step runs them as one loop over weights that lie one upon another (`utils.stacked`). They run one by one
    where they are not alike any more or frozen in part, where what a block returns is not like what it takes, and
    outside of compiled steps. A layer that has one in an attribute holds the blocks in another.

    Args:
        blocks: Layers of one class and one config.
        remat: What the backward pass computes again instead of keeping it: 'none'; 'products', all but products with
            weights; 'full', all of a block but its input.

    Raises:
        ArgumentError: The blocks differ; the message says in what.
        UnknownNameError: Another `remat`.

    Example:
        >>> from hefted.layers import Dense
        >>> run = InTurn([Dense(4) for _ in range(3)])
        >>> run(jax.numpy.ones((2, 4))).shape
        (2, 4)
    """

    def __init__(self, blocks: Sequence[Layer], remat: str = 'none') -> None:
        require_alike(blocks)
        if remat not in _KEPT:
            raise unknown_name('remat', remat, _KEPT)
        self._blocks, self.remat = tuple(blocks), remat
        self._known: list[Stacked] | None = None

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The last block's outputs; what is passed besides goes to every block."""
        traced = _is_traced(inputs) or any(_is_traced(stack.parts[0].raw) for stack in self._stacks()[:1])
        # Asked anew at each trace: blocks may have changed since the last.
        if traced and (columns := _Columns.of(self._blocks)) is not None and columns.run_as_one(self._blocks):
            try:
                return self._as_one(columns, inputs, args, kwargs)
            except _UnlikeInputError:  # what the next block takes is another program's input
                pass
        x = inputs
        for block in self._blocks:
            again = self.remat != 'none' and _is_traced(x)
            call = computed_again(block, _KEPT[self.remat]) if again else block
            x = call(x, *args, **kwargs)
        self._stacks()  # all are built now, and whoever trains them may ask for their stacks
        return x

    def _stacks(self) -> list[Stacked]:
        """The blocks' weights, one upon another; none before all are built, or where they cannot be one."""
        if self._known is None and (columns := _Columns.of(self._blocks)) is not None:
            self._known = columns.stacks
        return self._known or []

    def _as_one(self, columns: _Columns, inputs: Any, args: Any, kwargs: Any) -> Any:
        """The blocks as one loop: the first's `call` with each one's weights in turn."""
        block = self._blocks[0]
        leaves, structure = jax.tree.flatten(inputs)
        layers = list(block.flatten_layers())
        owners: list[int] = []

        def body(carried: Any, values: list[Any]) -> Any:
            for leaf, mask in zip(*carried, strict=True):
                set_mask(leaf, mask)
            with bind(columns.first, gathering.put_together(values, columns.first)) as scope:
                outputs = block(structure.unflatten(carried[0]), *args, **kwargs)
            flat, returned = jax.tree.flatten(outputs)
            after = flat, [get_mask(leaf) for leaf in flat]
            if returned != structure or not _alike(after, carried):
                raise _UnlikeInputError
            owners[:] = [next(i for i, layer in enumerate(layers) if layer is owner) for owner, _ in scope.added]
            return after, (scope.values(columns.changing), [loss for _, loss in scope.added])

        again = self.remat != 'none' or gathering.gathers()
        if again:
            policy = gathering.keeps if self.remat == 'none' else _KEPT[self.remat]
            body = jax.checkpoint(body, prevent_cse=False, policy=policy)
        carried, values = (leaves, [get_mask(leaf) for leaf in leaves]), [stack.raw for stack in columns.stacks]
        unroll = 1 if again else _unrolled(len(self._blocks), leaves)  # what is computed again rests on the loop
        (flat, masks), (changed, losses) = lax.scan(body, carried, values, len(self._blocks), unroll=unroll)
        for variable, value in zip(columns.changed, changed, strict=True):
            variable.assign(value)
        self._add_all(owners, losses)
        for leaf, mask in zip(flat, masks, strict=True):
            set_mask(leaf, mask)
        return structure.unflatten(flat)

    def _add_all(self, owners: list[int], losses: list[Any]) -> None:
        """Losses that the blocks added, each in its block's name."""
        scope = current_scope()
        for owner, each in zip(owners, losses, strict=True):
            for i, block in enumerate(self._blocks if scope is not None else ()):
                scope.added.append((list(block.flatten_layers())[owner], each[i]))  # pyright: ignore[reportOptionalMemberAccess]


_FEW, _LARGE = 6, 1 << 18  # blocks, and numbers from one to the next


def _unrolled(blocks: int, leaves: list[Any]) -> int:
    """How many blocks stand in one turn of the loop: all, where a loop costs more time than it saves compiling.

    On a CPU a loop writes all that the way back needs a second time, one block upon the other: a seventh of a step of
    MiniLM's. Written out, a block takes 0.6 s more to compile, which a few large ones soon bring back.
    """
    size = sum(math.prod(leaf.shape) for leaf in leaves if all(isinstance(axis, int) for axis in leaf.shape))
    return blocks if blocks <= _FEW and size >= _LARGE and jax.default_backend() == 'cpu' else 1


class _UnlikeInputError(Exception):
    """A block returned something of another kind than it took."""


class _Columns(NamedTuple):
    """The variables of all blocks, side by side.

    Attributes:
        stacks: One for each of a block's variables, but for those that the blocks share.
        first: The first block's, in the same order.
        changed: Those of `stacks` that a call may assign: statistics and the states of seed generators.
        changing: The first block's, in the same order.
    """

    stacks: list[Stacked]
    first: list[Variable]
    changed: list[Stacked]
    changing: list[Variable]

    @classmethod
    def of(cls, blocks: Sequence[Layer]) -> _Columns | None:
        """Those of these blocks; None before all are built, or where they cannot be one."""
        if len(blocks) == 1 or any(block.metrics for block in blocks):
            return None
        if not all(layer.built for block in blocks for layer in block.flatten_layers()):
            return None
        rows = [block.variables for block in blocks]
        if any(len(row) != len(rows[0]) for row in rows):
            return None
        stacks: list[Stacked] = []
        for column in zip(*rows, strict=True):
            if all(variable is column[0] for variable in column) and column[0].made_trainable:
                continue  # shared by all: the loop reads it from outside
            if not all(holds_alike(column[0].constraint, variable.constraint) for variable in column):
                return None
            if (stack := stacked(column)) is None:
                return None
            stacks.append(stack)
        changed = [stack for stack in stacks if not stack.made_trainable]
        return cls(stacks, [s.parts[0] for s in stacks], changed, [s.parts[0] for s in changed])

    def run_as_one(self, blocks: Sequence[Layer]) -> bool:
        """Whether the blocks are alike still, and no weight is frozen in some of them only."""
        same = all(len({part.trainable for part in stack.parts}) == 1 for stack in self.stacks)
        return same and alike_now(blocks, [stack.parts for stack in self.stacks])


def _is_traced(structure: Any) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in tree.flatten(structure))


def _alike(one: Any, other: Any) -> bool:
    """Whether two structures of arrays could be each other's."""
    return jax.tree.map(_kind, one) == jax.tree.map(_kind, other)


def _kind(array: Any) -> tuple[tuple[int, ...], str]:
    return tuple(array.shape), dtypes.standardize(array.dtype)
