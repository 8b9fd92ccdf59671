"""`Stack`: alike blocks one after another, which compile once, however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.calling import Arguments
from hefted.layers.configuring import tells_frozen
from hefted.layers.in_turn import InTurn
from hefted.layers.layer import Layer, map_shapes
from hefted.symbolic import KerasTensor
from hefted.utils.naming import name_scope
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object


class Stack(Layer):
    """Alike blocks one after another, such as a transformer's: `x = block(x)` for each of them.

    The result is the plain loop's. A compiled step runs the blocks as one loop over weights that lie one upon another,
    so that it compiles in the time of one block, and so do its gradients and the optimizer's update. All else is as
    if there were no stack: each block has weights, names, random draws and `trainable` switches of its own. On a CPU
    six large blocks or fewer are written out, one after the other, which runs faster.

    The blocks run one by one, which takes longer to compile, where some of them only are frozen, where a block's output
    is not like its input, and outside of compiled steps; and where what they hold differs: an attribute that was set in
    one of them later (`stack.blocks[1].rate = 0.5`), or an argument that no config tells, such as a function.

    Args:
        blocks: Layers of one class and one config, names and seeds aside; each takes what the one before returns.
        remat: What the backward pass computes again instead of keeping it: 'none'; 'products', all but products with
            weights; 'full', all of a block but its input.
        **kwargs: See `Layer`; `dtype` is the blocks' unless it is given; `trainable=False` freezes the blocks too.

    What is passed beside the first argument (masks, positions) goes to every block. `blocks`, a tuple, and `remat` stay
    what they were: a stack of other blocks is `Stack(stack.blocks[:6], name=stack.name)`.

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
    _config_tells_frozen = True

    def __init__(self, blocks: Sequence[Layer], remat: str = 'none', **kwargs: Any) -> None:
        blocks = tuple(blocks)
        in_turn = InTurn(blocks, remat)
        super().__init__(**{'dtype': blocks[0].dtype_policy, **kwargs})
        self.supports_masking = True
        self._blocks, self._in_turn = blocks, in_turn
        self._freeze_parts_too()

    @property
    def blocks(self) -> tuple[Any, ...]:
        """The blocks, the first one first.

        Raises:
            ArgumentError: They are set: a stack keeps those that it was made of.
        """
        return self._blocks

    @blocks.setter
    def blocks(self, value: Any) -> None:
        raise _made('blocks', 'of others, such as Stack(stack.blocks[:6], name=stack.name)', value)

    @property
    def remat(self) -> str:
        """What the backward pass computes again.

        Raises:
            ArgumentError: It is set: a stack keeps what it was made with.
        """
        return self._in_turn.remat

    @remat.setter
    def remat(self, value: Any) -> None:
        raise _made('remat', 'with it, Stack(stack.blocks, remat=…, name=stack.name)', value)

    def build(self, input_shape: Any) -> None:
        """Make the blocks' weights, each for what the one before returns.

        Args:
            input_shape: The first block's (batch axis None).

        Raises:
            ArgumentError: A block cannot be called with its first input alone, which tells what the next one takes.
        """
        shape = first = map_shapes(tuple, input_shape)
        for index, block in enumerate(self.blocks):
            unchanged = index > 0 and shape == first  # what the first block returns is like what it takes
            shape = _build(block, shape, asked=index + 1 < len(self.blocks) and not unchanged)

    def _build_once(self, arguments: Arguments) -> None:
        """Leave the weights to the blocks' own calls, for each one's own inputs and all that is passed."""
        del arguments
        if not self.built:
            with name_scope(self.name, self) as self._path:
                pass

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return self._in_turn(inputs, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        blocks = [serialize_keras_object(block) for block in self.blocks]
        return {**super().get_config(), 'blocks': blocks, 'remat': self.remat}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make it from `get_config()`."""
        if tells_frozen(cls) and 'frozen_parts' in config:
            stack = cls.from_config({k: v for k, v in config.items() if k != 'frozen_parts'}, custom_objects)
            stack._freeze_as(config['frozen_parts'])
            return stack
        blocks = [b if isinstance(b, Layer) else deserialize_keras_object(b, custom_objects) for b in config['blocks']]
        rest = {key: value for key, value in config.items() if key != 'blocks'}
        return cls(blocks, **{k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in rest.items()})


def _build(block: Layer, shape: Any, asked: bool) -> Any:
    """Make a block's weights; the shape of what it returns if asked for, else the shape that it was given."""
    if not block.built and type(block).build is not Layer.build:
        block.build(shape)
        block.built = True
    ready = all(layer.built for layer in block.flatten_layers())
    if ready and not asked:
        return shape
    try:
        if ready:
            return block.compute_output_shape(shape)
        given = map_shapes(lambda one: KerasTensor(one, block.compute_dtype), shape)
        shape = tree.map_structure(lambda output: output.shape, block.symbolic_outputs(given))
    except Exception as error:
        raise _not_buildable(block, f'can be called on inputs of shape {shape} alone, received: {error}') from error
    if not block.weights and not all(layer.built for layer in block.flatten_layers()):
        raise _not_buildable(block, f'makes weights when called on a shape, {shape}, received none')
    return shape


def _not_buildable(block: Layer, what: str) -> ArgumentError:
    return ArgumentError(
        f'Expected a block {block.name!r} ({type(block).__name__}) that {what}. Call the stack on some data, with all '
        'that its blocks take, in place of build; or give the block a build and a compute_output_shape of its own.'
    )


def _made(what: str, remedy: str, value: Any) -> ArgumentError:
    return ArgumentError(
        f'Expected the {what} that the stack was made with to stay, received {value!r}. Make a stack {remedy}.'
    )
