"""Bidirectional: a recurrent layer and its mirror image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from hefted import tree
from hefted.errors import ArgumentError
from hefted.layers.layer import Layer
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object
from hefted.variables import Array

_MERGES = ('sum', 'mul', 'concat', 'ave', None)


class Bidirectional(Layer):
    """Run a recurrent layer forwards and another backwards, and join what comes out.

    Args:
        layer: An `RNN`, or a layer with `go_backwards`, `return_sequences` and `return_state`. Both directions are
            made anew from its config; its own weights are not used.
        merge_mode: 'concat', 'sum', 'mul', 'ave', or None to return both.
        weights: First weights, those of the layer forwards before those of the other.
        backward_layer: The layer backwards, where it is not to be as `layer`.

    Call as the layer; `initial_state` lists the states forwards, then those backwards. With `return_sequences` masked
    steps put out zeros.

    Raises:
        ArgumentError: Another merge mode, no layers, or two layers that do not go together.

    Example:
        >>> from hefted.layers import LSTM
        >>> Bidirectional(LSTM(4))(np.ones((2, 5, 3))).shape
        (2, 8)
    """

    # What is inside says for itself whether it lets rows touch.
    rows_independent = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = 'concat',
        weights: Sequence[Any] | None = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in (('layer', layer), ('backward_layer', backward_layer)):
            if not isinstance(value, Layer) and (value is not None or argument == 'layer'):
                raise ArgumentError(f'Expected {argument} of Bidirectional to be a Layer, received {value!r}.')
        if merge_mode not in _MERGES:
            raise ArgumentError(f'Expected merge_mode to be one of {_MERGES}, received {merge_mode!r}.')
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, 'forward_')
        self.backward_layer = _copy(layer, 'backward_', go_backwards=True) if backward_layer is None else backward_layer
        _check_pair(self.forward_layer, self.backward_layer)
        for each in (self.forward_layer, self.backward_layer):
            if getattr(layer, 'use_cudnn', None) is not None:
                each.use_cudnn = layer.use_cudnn
            if getattr(each, 'zero_output_for_mask', None) is not None:
                each.zero_output_for_mask = each.return_sequences
        self.merge_mode = merge_mode
        self._first_weights = list(weights) if weights else None
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del initial_state_shape
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights is not None:
            self.set_weights(self._first_weights)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        del initial_state_shape
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        output, states = (shape[0], tuple(shape[1:])) if self.return_state else (shape, ())
        outputs: tuple[Any, ...] = (output, output)
        if self.merge_mode is not None:
            outputs = ((*output[:-1], output[-1] * (2 if self.merge_mode == 'concat' else 1)),)
        return (*outputs, *states, *states) if self.return_state or self.merge_mode is None else outputs[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        del inputs
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        return (mask, mask) if self.merge_mode is None else mask

    def call(self, sequences: Array, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        half = 0 if initial_state is None else len(initial_state) // 2
        first = (None, None) if initial_state is None else (initial_state[:half], initial_state[half:])
        forward, backward = (
            layer(sequences, initial_state=states, mask=mask, training=training)
            for layer, states in zip((self.forward_layer, self.backward_layer), first, strict=True)
        )
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        forward, backward = (each.astype(self.compute_dtype) for each in (forward, backward))
        if self.return_sequences:
            backward = jnp.flip(backward, 1)
        outputs = self._merged(forward, backward)
        return (*outputs, *states) if self.return_state or self.merge_mode is None else outputs[0]

    def _merged(self, forward: Array, backward: Array) -> tuple[Array, ...]:
        if self.merge_mode is None:
            return forward, backward
        if self.merge_mode == 'concat':
            return (jnp.concatenate([forward, backward], -1),)
        if self.merge_mode == 'mul':
            return (forward * backward,)
        total = forward + backward
        return (total if self.merge_mode == 'sum' else total / 2,)

    @property
    def states(self) -> Any:
        """The states kept by both layers where they are stateful, else None."""
        kept = self.forward_layer.states, self.backward_layer.states
        return (*kept[0], *kept[1]) if all(kept) else None

    def reset_state(self) -> None:
        """Set the states that stateful layers keep to zero."""
        if not self.stateful:
            raise AttributeError(f'{self.name!r} is not stateful: it has no states to reset.')
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """Keras's older name of `reset_state`."""
        self.reset_state()

    def _argument(self, name: str) -> Any:
        return self.forward_layer if name == 'layer' else super()._argument(name)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop('weights', None)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make it from `get_config()`."""
        return cls(
            **{k: deserialize_keras_object(v, custom_objects) if isinstance(v, dict) else v for k, v in config.items()}
        )


def _copy(layer: Layer, prefix: str, **changes: Any) -> Any:
    """A layer of the same config, without its state, its name behind a prefix."""
    config = serialize_keras_object(layer)
    config['config'] = {**config['config'], **changes, 'name': prefix + layer.name.removeprefix(prefix)}
    return deserialize_keras_object(config)


def _check_pair(forward: Any, backward: Any) -> None:
    if forward.go_backwards == backward.go_backwards:
        raise ArgumentError(
            'Expected the layers of Bidirectional to differ in go_backwards, received '
            f'{forward.go_backwards} for both. Pass a backward_layer that runs the other way.'
        )
    for attribute in ('stateful', 'return_sequences', 'return_state'):
        ours, theirs = getattr(forward, attribute), getattr(backward, attribute)
        if ours != theirs:
            raise ArgumentError(
                f'Expected both layers of Bidirectional to have the same {attribute}, received {ours} forwards and '
                f'{theirs} backwards.'
            )
