"""A layer's dtypes, and the configuration that makes it again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from hefted import dtype_policies
from hefted.errors import NotInitializedError
from hefted.utils.serialization import serialize_keras_object


class Configured:
    """The part of `Layer` that knows its dtypes and its configuration."""

    name: str
    built: bool
    activity_regularizer: Any
    build: Callable[..., None]
    build_from_shape: Callable[[Any], None]
    _trainable: bool
    _path: str | None
    _dtype_policy: Any
    _build_shape: Any
    _build_shapes: Any

    def _check_super_called(self) -> None:
        """Say so where a subclass's constructor left out this class's."""
        if '_dtype_policy' not in self.__dict__:
            raise NotInitializedError(
                f'In layer {type(self).__name__!r}, you forgot to call `super().__init__()` as the first statement in '
                'the `__init__()` method. Add it: without it the layer has neither a name nor a dtype.'
            )

    # Dtypes and configuration

    @property
    def input_dtype(self) -> str:
        return self.compute_dtype

    @property
    def path(self) -> str:
        """Its name, and those of the layers around it, once its weights are made."""
        return self._path or self.name

    @property
    def dtype_policy(self) -> Any:
        """What it keeps weights in and computes in: a policy, or a map of them by path."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        if isinstance(self._dtype_policy, dtype_policies.DTypePolicyMap) and self._path:
            self._dtype_policy.pop(self._path, None)
            self._dtype_policy[self._path] = policy
        else:
            self._dtype_policy = policy

    @property
    def _policy(self) -> Any:
        """Its own policy: that of its path, once it has one, where it was given a map."""
        policy, path = self._dtype_policy, self._path
        return policy[path] if path and isinstance(policy, dtype_policies.DTypePolicyMap) else policy

    @property
    def compute_dtype(self) -> str:
        return self._policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._policy.variable_dtype

    @property
    def dtype(self) -> str:
        return self.variable_dtype

    def get_config(self) -> dict[str, Any]:
        """What it takes to make the layer again: name, trainable, dtype, and each argument of its constructor."""
        config = self.shared_config()
        for name in _own_arguments(type(self)):
            config[name] = serialize_keras_object(self._argument(name))
        return config

    def shared_config(self) -> dict[str, Any]:
        """The part of the config that every layer has."""
        config = {'name': self.name, 'trainable': self._trainable, 'dtype': serialize_keras_object(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config['activity_regularizer'] = serialize_keras_object(self.activity_regularizer)
        return config

    def _argument(self, name: str) -> Any:
        if name in self.__dict__:
            return self.__dict__[name]
        arguments = self.__dict__['_init_arguments']
        bound = inspect.signature(type(self).__init__).bind(self, *arguments[0], **arguments[1])
        bound.apply_defaults()
        return bound.arguments[name]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config()`."""
        from hefted.utils.serialization import deserialize_keras_object

        taken = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
        return cls(**taken)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that it was built for: enough to build it again."""
        if self._build_shape is not None:
            return {'input_shape': self._build_shape}
        return None if self._build_shapes is None else {'shapes_dict': self._build_shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shapes of `get_build_config`."""
        if self.built or not config:
            return
        if 'input_shape' in config:
            self.build_from_shape(_as_shapes(config['input_shape']))
        elif 'shapes_dict' in config:
            self.build(**{name: _as_shapes(shape) for name, shape in config['shapes_dict'].items()})
            self.built = True


def _as_shapes(shape: Any) -> Any:
    """Shapes as tuples, from a file's lists."""
    if isinstance(shape, dict):
        return {key: _as_shapes(each) for key, each in shape.items()}
    if isinstance(shape, (list, tuple)) and any(isinstance(size, (list, tuple, dict)) for size in shape):
        return [_as_shapes(each) for each in shape]
    return tuple(shape) if isinstance(shape, list) else shape


@cache
def _own_arguments(cls: type) -> tuple[str, ...]:
    base = {'self', 'name', 'trainable', 'dtype'}
    parameters = inspect.signature(cls.__init__).parameters.values()
    skip = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return tuple(p.name for p in parameters if p.name not in base and p.kind not in skip)
