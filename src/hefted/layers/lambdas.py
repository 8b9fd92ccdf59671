"""`Lambda`: any function as a layer. A file never brings its code along."""

from __future__ import annotations

import codecs
import inspect
import marshal
from collections.abc import Callable, Mapping
from typing import Any

from hefted import tree
from hefted.errors import ArchiveError, ArgumentError
from hefted.layers.layer import Layer, map_shapes
from hefted.shape_tracing import trace_shapes
from hefted.symbolic import KerasTensor
from hefted.utils.serialization import deserialize_keras_object, serialize_keras_object


class Lambda(Layer):
    """A function of arrays as a layer.

    Give it a named function that is registered with `hefted.saving.register_keras_serializable`: a model with it can
    be loaded. One with a Python lambda can be saved, for Keras to read, but Hefted loads no code from a file.

    Args:
        function: Of the inputs; it may take `mask` and `training` too.
        output_shape: The shape without the batch axis, or a function of the input's shape; traced if None.
        mask: The output's mask, or a function of (inputs, mask) that makes it; None for no masking.
        arguments: Further keyword arguments for the function.

    Example:
        >>> Lambda(lambda x: x * 2)(np.ones((1, 2))).tolist()
        [[2.0, 2.0]]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f'Expected function of Lambda to be callable, received {function!r}.')
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        names = inspect.getfullargspec(function).args
        self._passes = [name for name in ('mask', 'training') if name in names]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        told = {'mask': mask, 'training': training}
        return self.function(inputs, **self.arguments, **{name: told[name] for name in self._passes})

    def compute_output_spec(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        if self._output_shape is None:
            return trace_shapes(self.call, (inputs,), {'mask': mask, 'training': training})
        shape = self.compute_output_shape(tree.map_structure(lambda x: x.shape, inputs))
        return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        if self._output_shape is not None:
            rows = tree.flatten(input_shape)[0]
            return map_shapes(lambda shape: (rows, *shape), self._output_shape)
        try:
            return super().compute_output_shape(input_shape)
        except Exception as error:
            raise NotImplementedError(
                f'The output shape of Lambda {self.name!r} could not be found by tracing its function for inputs of '
                f'shape {input_shape}: {error} Pass output_shape.'
            ) from error

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        config = self.shared_config() | {'function': _function_config(self.function)}
        config['arguments'] = serialize_keras_object(self.arguments)
        for name, value in (('output_shape', self._output_shape), ('mask', self.mask)):
            if value is not None:
                config[name] = _function_config(value) if callable(value) else serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        made = {name: _loaded(name, value) for name, value in config.items()}
        shape = made.get('output_shape')
        if isinstance(shape, list) and all(size is None or isinstance(size, int) for size in shape):
            made['output_shape'] = tuple(shape)
        return cls(**made)


def _loaded(name: str, value: Any) -> Any:
    """One entry of a config; a lambda's code is refused."""
    if isinstance(value, dict) and value.get('class_name') == '__lambda__':
        raise ArchiveError(
            f'The config of a Lambda layer holds its {name} as a Python lambda, and loading it would run code from the '
            'file. Write it as a named function, register it with @hefted.saving.register_keras_serializable() and '
            'save the model again.'
        )
    return deserialize_keras_object(value) if isinstance(value, (dict, list)) else value


def _function_config(function: Callable[..., Any]) -> Any:
    """As Keras writes it: a named function by its name, a lambda by its code (which Hefted never reads)."""
    if getattr(function, '__module__', None) == 'hefted.activations':
        name = function.__name__
        return {'module': 'keras.activations', 'class_name': 'function', 'config': name, 'registered_name': name}
    if getattr(function, '__name__', None) != '<lambda>':
        return serialize_keras_object(function)
    if not inspect.isfunction(function):
        raise ArgumentError(f'Expected a function that can be saved, received {function!r}.')
    code = codecs.encode(marshal.dumps(function.__code__), 'base64').decode('ascii')
    closure = None if function.__closure__ is None else [cell.cell_contents for cell in function.__closure__]
    inner = {'code': code, 'defaults': function.__defaults__, 'closure': closure}
    return {'class_name': '__lambda__', 'config': inner}
