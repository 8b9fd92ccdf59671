"""`Stack`: alike blocks one after another, which compile once, however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
from jax.core import Tracer

from hefted import dtypes, tree
from hefted.errors import ArgumentError, unknown_name
from hefted.layers.alike import require_alike
from hefted.layers.layer import Layer
from hefted.masks import get_mask, set_mask
from hefted.remat import remat as computed_again
from hefted.stacked import Stacked, stacked
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Variable, bind, current_scope

_KEPT = {
    'none': None,
    'full': jax.checkpoint_policies.nothing_saveable,
    'products': jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


class Stack(Layer):
    """Alike blocks one after another, such as a transformer's: `x = block(x)` for each of them.

    The result is the plain loop's. A compiled step runs the blocks as one loop over weights that lie one upon another,
    so that it compiles in the time of one block, and so do its gradients and the optimizer's update. All else is as
    if there were no stack: each block has weights, names, random draws and `trainable` switches of its own.

    The blocks run one by one, which takes longer to compile, where a part of one weight only is frozen, where a block's
    output is not like its input, and outside of compiled steps.

    Args:
        blocks: Layers of one class and one config, names and seeds aside; each takes what the one before returns.
        remat: What the backward pass computes again instead of keeping it: 'none'; 'products', all but products with
            weights; 'full', all of a block but its input.
        **kwargs: See `Layer`; `dtype` is the blocks' unless it is given.

    What is passed beside the first argument (masks, positions) goes to every block.

    Raises:
        ArgumentError: No blocks, one that is no layer or is there twice, or two that differ, with what they differ in.
        UnknownNameError: Another `remat`.

    Example:
        >>> from hefted.layers import Dense
        >>> deep = Stack([Dense(4, activation='tanh') for _ in range(12)])
        >>> deep(np.ones((2, 4))).shape
        (2, 4)
        >>> deep.blocks[3].kernel.shape
        (4, 4)
    """

    # What is inside says for itself whether it lets rows touch.
    rows_independent = True
    _takes_anything = True

    def __init__(self, blocks: Sequence[Layer], remat: str = 'none', **kwargs: Any) -> None:
        blocks = list(blocks)
        require_alike(blocks)
        if remat not in _KEPT:
            raise unknown_name('remat', remat, _KEPT)
        kwargs.setdefault('dtype', blocks[0].dtype_policy)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.blocks, self.remat = blocks, remat
        self._stacks: _Columns | None = None

    def build(self, input_shape: Any) -> None:
        for block in self.blocks:
            if not block.built and type(block).build is not Layer.build:
                block.build(input_shape)
                block.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        columns = self._columns()
        if columns is not None and columns.runs_as_one(inputs):
            try:
                return self._as_one(columns, inputs, args, kwargs)
            except _UnlikeInputError:  # what the next block takes is another program's input
                pass
        x = inputs
        for block in self.blocks:
            call = computed_again(block) if self.remat != 'none' and _is_traced(x) else block
            x = call(x, *args, **kwargs)
        return x

    def _columns(self) -> _Columns | None:
        """The blocks' weights side by side; None before all are built, or where they cannot be one."""
        if self._stacks is None and all(layer.built for layer in self.flatten_layers() if layer is not self):
            self._stacks = _Columns.of(self.blocks)
        return self._stacks

    def _as_one(self, columns: _Columns, inputs: Any, args: Any, kwargs: Any) -> Any:
        """The blocks as one loop: the first's `call` with each one's weights in turn."""
        block = self.blocks[0]
        leaves, structure = jax.tree.flatten(inputs)
        layers = list(block.flatten_layers())
        owners: list[int] = []

        def body(carried: Any, values: list[Any]) -> Any:
            for leaf, mask in zip(*carried, strict=True):
                set_mask(leaf, mask)
            with bind(columns.first, values) as scope:
                outputs = block(structure.unflatten(carried[0]), *args, **kwargs)
            flat, returned = jax.tree.flatten(outputs)
            after = flat, [get_mask(leaf) for leaf in flat]
            if returned != structure or not _alike(after, carried):
                raise _UnlikeInputError
            owners[:] = [next(i for i, layer in enumerate(layers) if layer is owner) for owner, _ in scope.added]
            return after, (scope.values(columns.changing), [loss for _, loss in scope.added])

        if self.remat != 'none':
            body = jax.checkpoint(body, prevent_cse=False, policy=_KEPT[self.remat])
        carried = leaves, [get_mask(leaf) for leaf in leaves]
        (flat, masks), (changed, losses) = lax.scan(body, carried, [stack.raw for stack in columns.stacks])
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
            for i, block in enumerate(self.blocks if scope is not None else ()):
                scope.added.append((list(block.flatten_layers())[owner], each[i]))  # pyright: ignore[reportOptionalMemberAccess]

    def get_config(self) -> dict[str, Any]:
        blocks = [serialize_keras_object(block) for block in self.blocks]
        return {**super().get_config(), 'blocks': blocks, 'remat': self.remat}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make it from `get_config()`."""
        blocks = [b if isinstance(b, Layer) else deserialize_keras_object(b, custom_objects) for b in config['blocks']]
        rest = {key: value for key, value in config.items() if key != 'blocks'}
        return cls(blocks, **{k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in rest.items()})


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
        stacks: list[Stacked] = []
        if any(block.metrics for block in blocks):
            return None
        for column in zip(*(block.variables for block in blocks), strict=True):
            if all(variable is column[0] for variable in column) and column[0].made_trainable:
                continue  # shared by all: the loop reads it from outside
            if (stack := stacked(column)) is None:
                return None
            stacks.append(stack)
        changed = [stack for stack in stacks if not stack.made_trainable]
        return cls(stacks, [s.parts[0] for s in stacks], changed, [s.parts[0] for s in changed])

    def runs_as_one(self, inputs: Any) -> bool:
        """Whether all that is traced is there, and no weight is frozen in some of the blocks only."""
        traced = _is_traced(inputs) or any(_is_traced(stack.parts[0].raw) for stack in self.stacks[:1])
        return traced and all(len({part.trainable for part in stack.parts}) == 1 for stack in self.stacks)


def _is_traced(structure: Any) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in tree.flatten(structure))


def _alike(one: Any, other: Any) -> bool:
    """Whether two structures of arrays could be each other's."""
    return jax.tree.map(_kind, one) == jax.tree.map(_kind, other)


def _kind(array: Any) -> tuple[tuple[int, ...], str]:
    return tuple(array.shape), dtypes.standardize(array.dtype)
