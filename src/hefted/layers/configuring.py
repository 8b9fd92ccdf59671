"""A layer's dtypes, and the configuration that makes it again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from hefted import dtype_policies
from hefted.errors import ArgumentError, NotInitializedError, NotSavableError, not_savable
from hefted.symbolic import standardize_shape
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
    _freeze_as: Callable[[Any], None]
    _frozen_parts: Callable[[], list[str] | None]
    trainable: Any

    #: Whether the config names what is frozen inside: not those of Keras's layers, which Keras is to read.
    _config_tells_frozen: ClassVar[bool] = False

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
        """What it takes to make the layer again: name, trainable, dtype, and each argument of its constructor.

        Raises:
            NotSavableError: An argument that cannot be written, of a class that does not say itself how it is.
        """
        config = self.shared_config()
        if _written_as_called(type(self)):
            return config | self._given_arguments()
        for name in _told_arguments(type(self)):
            config[name] = serialize_keras_object(self._argument(name))
        if tells_frozen(type(self)) and (frozen := self._frozen_parts()) is not None:
            config['frozen_parts'] = frozen
        return config

    def _frozen_beside_config(self) -> list[str] | None:
        """What is frozen inside, as archives keep it where the config does not tell it."""
        return None if tells_frozen(type(self)) else self._frozen_parts()

    def _given_arguments(self) -> dict[str, Any]:
        """What the constructor of a user's class was called with: what it made of it is its own affair."""
        cls = type(self)
        known = _own_arguments(_our_class(cls))
        config: dict[str, Any] = {}
        for name, value, kind in _bound(self):
            if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
                raise _wrong_argument(self, name, 'cannot be given by its name', value)
            passed_on = kind is inspect.Parameter.VAR_KEYWORD and name in known and hasattr(self, name)
            try:
                config[name] = _without_shapes(serialize_keras_object(getattr(self, name) if passed_on else value))
            except (ArgumentError, TypeError, NotImplementedError) as error:
                raise _wrong_argument(self, name, 'cannot be written to a file', value) from error
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
        bound = {given: value for given, value, _ in _bound(self)}
        if name not in bound and hasattr(self, name):
            return getattr(self, name)
        return bound[name] if name in bound else _defaults(_our_class(type(self)))[name]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config()`."""
        from hefted.utils.serialization import deserialize_keras_object

        if tells_frozen(cls) and 'frozen_parts' in config:
            layer = cls.from_config({name: value for name, value in config.items() if name != 'frozen_parts'})
            layer._freeze_as(config['frozen_parts'])
            return layer
        read = (dict, list) if _written_as_called(cls) else dict
        taken = {k: deserialize_keras_object(v) if isinstance(v, read) else v for k, v in config.items()}
        if not _written_as_called(cls) or _takes_any(cls):
            return cls(**taken)
        # A constructor may take no name, and decide by itself what it does not ask for.
        known = _own_parameters(cls)
        left = {name: taken.pop(name) for name in list(taken) if name not in known}
        layer = cls(**taken)
        layer.name = left.get('name') or layer.name
        if left.get('trainable') is False:
            layer.trainable = False
        return layer

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


_SHARED = ('name', 'trainable', 'dtype')
_NOT_ARGUMENTS = frozenset({*_SHARED, 'input_dim', 'input_shape', 'batch_shape'})  # of the model that it begins


@cache
def _own_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The parameters of a constructor without the first, whatever that is called."""
    return dict([*inspect.signature(cls.__init__).parameters.items()][1:])


@cache
def _own_arguments(cls: type) -> tuple[str, ...]:
    skip = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return tuple(p.name for p in _own_parameters(cls).values() if p.name not in _SHARED and p.kind not in skip)


def _defaults(cls: type) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in _own_parameters(cls).items()}


@cache
def _takes_any(cls: type) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in _own_parameters(cls).values())


@cache
def _our_class(cls: type) -> type:
    """The nearest class of Hefted's that it is, or is made from."""
    return next((each for each in cls.__mro__ if each.__module__.partition('.')[0] == 'hefted'), cls)


def tells_frozen(cls: type[Configured]) -> bool:
    """Whether configs of this class name what is frozen inside: a user's class may read its config in another way."""
    return cls._config_tells_frozen and cls is _our_class(cls)


@cache
def _written_as_called(cls: type) -> bool:
    """Whether it is a user's class with a constructor of its own that leaves its config to us."""
    ours: Any = _our_class(cls)
    return cls.__init__ is not ours.__init__ and getattr(cls, 'get_config', None) is getattr(ours, 'get_config', None)


@cache
def _told_arguments(cls: type) -> tuple[str, ...]:
    """The arguments that attributes tell: of a user's class that says the rest itself, those of ours that it is."""
    ours: Any = _our_class(cls)
    plain = ours.__module__ in ('hefted.layers.layer', 'hefted.models.model')
    return () if plain and cls.__init__ is not ours.__init__ else _own_arguments(ours)


def _bound(layer: Any) -> list[tuple[str, Any, Any]]:
    """The arguments that a layer was made with, and their kinds; those given by `**kwargs` by their own names."""
    args, kwargs = layer.__dict__['_init_arguments']
    bound = inspect.signature(type(layer).__init__).bind(layer, *args, **kwargs)
    bound.apply_defaults()
    found: list[tuple[str, Any, Any]] = []
    for name, parameter in _own_parameters(type(layer)).items():
        value = bound.arguments[name]
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found += [(each, given, parameter.kind) for each, given in value.items() if each not in _NOT_ARGUMENTS]
        elif name not in _SHARED and not (parameter.kind is inspect.Parameter.VAR_POSITIONAL and not value):
            found.append((name, value, parameter.kind))
    return found


def _without_shapes(config: Any) -> Any:
    """Layers among arguments are built by who takes them: built before, they would have their weights twice.

    Who takes them tells what is frozen inside, too, once that is there.
    """
    if isinstance(config, (list, tuple)):
        return [_without_shapes(each) for each in config]
    if not isinstance(config, dict):
        return config
    beside = ('build_config', 'frozen_parts') if 'class_name' in config else ()
    return {k: _without_shapes(v) for k, v in config.items() if k not in beside}


def _wrong_argument(layer: Any, argument: str, why: str, value: Any) -> NotSavableError:
    return not_savable(
        layer,
        f'its argument {argument!r} {why}, received {value!r} ({type(value).__name__}). Say in get_config what makes '
        'it again, of numbers, strings, lists and dicts:\n\n'
        f'    class {type(layer).__name__}(…):\n'
        f'        def get_config(self):\n'
        f"            return {{**super().get_config(), '{argument}': …}}",
    )


def checked_name(name: Any) -> str:
    """A layer's name; ArgumentError if it could not be part of a path."""
    if not isinstance(name, str) or '/' in name:  # names are parts of paths
        raise ArgumentError(
            f"Argument `name` must be a string and cannot contain character `/`, received {name!r}. Write '_' there."
        )
    return name


def declared_batch_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The shape, with the batch axis, that a layer's constructor was told of its inputs; taken out of the arguments."""
    if (shape := kwargs.pop('batch_shape', None)) is not None:
        return standardize_shape(shape)
    if (shape := kwargs.pop('input_shape', None)) is not None:
        return (None, *standardize_shape(shape))
    if (size := kwargs.pop('input_dim', None)) is not None:
        return (None, *standardize_shape((size,)))
    return None
