"""`Stack`: alike blocks one after another, which compile once, however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hefted.layers.configuring import tells_frozen
from hefted.layers.in_turn import InTurn
from hefted.layers.layer import Layer
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object


class Stack(Layer):
    """Alike blocks one after another, such as a transformer's: `x = block(x)` for each of them.

    The result is the plain loop's. A compiled step runs the blocks as one loop over weights that lie one upon another,
    so that it compiles in the time of one block, and so do its gradients and the optimizer's update. All else is as
    if there were no stack: each block has weights, names, random draws and `trainable` switches of its own. On a CPU
    six large blocks or fewer are written out, one after the other, which runs faster.

    The blocks run one by one, which takes longer to compile, where a part of one weight only is frozen, where a block's
    output is not like its input, and outside of compiled steps.

    Args:
        blocks: Layers of one class and one config, names and seeds aside; each takes what the one before returns.
        remat: What the backward pass computes again instead of keeping it: 'none'; 'products', all but products with
            weights; 'full', all of a block but its input.
        **kwargs: See `Layer`; `dtype` is the blocks' unless it is given; `trainable=False` freezes the blocks too.

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
    _config_tells_frozen = True

    def __init__(self, blocks: Sequence[Layer], remat: str = 'none', **kwargs: Any) -> None:
        blocks = list(blocks)
        in_turn = InTurn(blocks, remat)
        super().__init__(**{'dtype': blocks[0].dtype_policy, **kwargs})
        self.supports_masking = True
        self.blocks, self.remat, self._in_turn = blocks, remat, in_turn
        self._freeze_parts_too()

    def build(self, input_shape: Any) -> None:
        for block in self.blocks:
            if not block.built and type(block).build is not Layer.build:
                block.build(input_shape)
                block.built = True

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
