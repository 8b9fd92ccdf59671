"""Objects to config dicts and back, in Keras's own form, so that archives go both ways.

A built-in writes the module that Keras calls it by ('keras.losses'); a user's class writes its own module and
its registered name. Reading finds built-ins in the rooms listed here and users' classes in the registry: a
config never makes Hefted import a module that the config names.
"""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from hefted.errors import ArchiveError, ArgumentError, NotSavableError, not_savable
from hefted.operation import FunctionCall
from hefted.symbolic import KerasTensor
from hefted.utils import operations

T = TypeVar('T')

# Where Keras says that our rooms' members live. The longest match wins.
_ROOMS = {
    'hefted.activations': 'keras.activations',
    'hefted.constraints': 'keras.constraints',
    'hefted.dtype_policies': 'keras',
    'hefted.initializers': 'keras.initializers',
    'hefted.layers': 'keras.layers',
    'hefted.losses': 'keras.losses',
    'hefted.metrics': 'keras.metrics',
    'hefted.models': 'keras',
    'hefted.models.bert': 'hefted.models.bert',  # Keras has none
    'hefted.optimizers': 'keras.optimizers',
    'hefted.optimizers.schedules': 'keras.optimizers.schedules',
    'hefted.random': 'keras.random',
    'hefted.regularizers': 'keras.regularizers',
}
_PACKAGES = {keras: hefted for hefted, keras in _ROOMS.items()} | {
    'keras': 'hefted.models',
    'keras.models': 'hefted.models',
    'keras.src.models.sequential': 'hefted.models',
    'keras.src.models.functional': 'hefted.models',
    'keras.utils': 'hefted.models.feature_space',
    'keras.src.layers.preprocessing.feature_space': 'hefted.models.feature_space',
}
_FUNCTION_ROOMS = ('keras.activations', 'keras.losses', 'keras.metrics')
_NOT_MEMBERS = frozenset({'get', 'serialize', 'deserialize'})

_built_in_names: dict[Any, tuple[str, str]] = {}  # classes that say themselves what Keras calls module and class
_built_ins: dict[str, Any] = {}
_registered: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}
_scopes: list[Mapping[str, Any]] = []


_fallback: Callable[[dict[str, Any]], Any] | None = None


def set_fallback(read: Callable[[dict[str, Any]], Any]) -> None:
    """Let somebody else try a config that names nothing of ours: `read(config) -> object`, or None."""
    global _fallback
    _fallback = read


# The registry of users' classes and functions


def register_keras_serializable(package: str = 'Custom', name: str | None = None) -> Callable[[T], T]:
    """Decorator: archives may hold this class or function, and reading one finds it.

    Args:
        package: A prefix that keeps two projects' names apart.
        name: The class's own name if None.

    Raises:
        ArgumentError: A class without `get_config`.

    Example:
        >>> @register_keras_serializable('zoo')
        ... def softer(x):
        ...     return x / 2
        >>> get_registered_object('zoo>softer') is softer
        True
    """

    def register(target: T) -> T:
        if inspect.isclass(target) and not hasattr(target, 'get_config'):
            raise ArgumentError(f'Expected {target.__name__} to have a get_config method before it is registered.')
        full_name = f'{package}>{name or target.__name__}'  # pyright: ignore[reportAttributeAccessIssue]
        _registered[full_name] = target
        _registered_names[target] = full_name
        return target

    return register


def register_builtin(cls: T, module: str, name: str | None = None) -> T:
    """Say that one of our own classes is Keras's class of that name (or of `name`) in `module` ('keras.layers')."""
    name = name or str(cls.__name__)  # pyright: ignore[reportAttributeAccessIssue]
    _built_in_names[cls] = module, name
    _built_ins[f'{module}.{name}'] = cls
    return cls


def get_registered_name(target: Any) -> str:
    """The name that a class or function is registered by, or its own."""
    return _registered_names.get(target) or str(target.__name__)


def get_registered_object(name: str | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The class or function of a registered name: the innermost scope, the registry, then `custom_objects`; or None."""
    if name is None:
        return None
    for known in (*reversed(_scopes), _registered, custom_objects or {}):
        if name in known:
            return known[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The registry itself, by registered name."""
    return _registered


class custom_object_scope:
    """Within the block, configs may also name these objects.

    Args:
        custom_objects: Name to class or function.
    """

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        self.custom_objects = custom_objects

    def __enter__(self) -> custom_object_scope:
        _scopes.append(self.custom_objects)
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.pop()


# Writing


def public_module(module: str) -> str | None:
    """The module that Keras calls one of ours by; None for a module that is not a room's."""
    room = module
    while room and room not in _ROOMS:
        room = room.rpartition('.')[0]
    return _ROOMS.get(room)


def serialize_keras_object(obj: Any) -> Any:
    """The config of an object, made of dicts, lists, strings, numbers and None only.

    Raises:
        NotSavableError: A lambda, or an object without `get_config`.

    Example:
        >>> from hefted.initializers import Zeros
        >>> serialize_keras_object(Zeros())
        {'module': 'keras.initializers', 'class_name': 'Zeros', 'config': {}, 'registered_name': None}
    """
    if obj is None or isinstance(obj, (str, int, float)):
        return obj
    if isinstance(obj, (list, tuple)):
        return type(obj)([serialize_keras_object(x) for x in obj])  # pyright: ignore[reportUnknownVariableType]
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, np.generic) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    if isinstance(obj, (np.ndarray, jax.Array)):
        kind = '__numpy__' if isinstance(obj, np.ndarray) else '__tensor__'
        return {'class_name': kind, 'config': {'value': np.asarray(obj).tolist(), 'dtype': obj.dtype.name}}
    if isinstance(obj, slice):
        parts = {'start': obj.start, 'stop': obj.stop, 'step': obj.step}
        return {'class_name': '__slice__', 'config': {k: serialize_keras_object(v) for k, v in parts.items()}}
    if obj is ...:
        return {'class_name': '__ellipsis__', 'config': {}}
    if isinstance(obj, bytes):
        return {'class_name': '__bytes__', 'config': {'value': obj.decode('utf-8')}}
    if isinstance(obj, KerasTensor):
        told = obj.history and [obj.history.operation.name, *obj.history[1:]]
        return {
            'class_name': '__keras_tensor__',
            'config': {'shape': list(obj.shape), 'dtype': obj.dtype, 'keras_history': told},
        }
    if isinstance(obj, FunctionCall):
        return operations.config_of(obj)
    if hasattr(type(obj), 'serialized'):  # what is not ours says itself how it is written
        return obj.serialized()
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType, type)) or not hasattr(obj, 'get_config'):
        return _function_config(obj)
    return _instance_config(obj)


def _function_config(function: Any) -> dict[str, Any] | str | None:
    """Keras's form of a function; built-in activations are their names."""
    name = getattr(function, '__name__', None)
    if getattr(function, '__module__', None) == 'hefted.activations':
        return name
    if name is None or name == '<lambda>':
        what = 'a lambda' if name else f'{function!r}'
        raise NotSavableError(
            f'Expected an object that can be saved, received {what}. Write a named function or a class with '
            'get_config, and decorate it with @hefted.saving.register_keras_serializable().'
        )
    return {
        'module': 'builtins', 'class_name': 'function',
        'config': get_registered_name(function), 'registered_name': 'function',
    }  # fmt: skip


def _instance_config(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    public, name = _built_in_names.get(cls) or (public_module(cls.__module__), cls.__name__)
    public = None if cls in _registered_names else public
    own = None if cls.__module__ == '__main__' else cls.__module__
    config: dict[str, Any] = {
        'module': public or own,
        'class_name': name,
        'config': _own_config(obj),
        'registered_name': None if public else get_registered_name(cls),
    }
    frozen = getattr(obj, '_frozen_beside_config', lambda: None)()
    if frozen is not None:
        config['frozen_parts'] = frozen  # Keras's readers pass over what they do not know
    for part in ('build_config', 'compile_config'):
        getter = getattr(obj, f'get_{part}', None)
        value = getter() if getter else None
        if value is not None:
            config[part] = serialize_keras_object(value)
    return config


def _own_config(obj: Any) -> Any:
    try:
        return serialize_keras_object(obj.get_config())
    except NotSavableError as error:
        if error.owner is not None or not hasattr(obj, 'name'):  # what is inside has said who it is
            raise
        raise not_savable(obj, str(error)) from error


# Reading


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The object that a config describes.

    Args:
        config: What `serialize_keras_object` returned, Keras's or ours.
        custom_objects: Users' classes and functions by registered name.

    Raises:
        ArchiveError: A name that is neither built in nor registered, a lambda, or a malformed config.
    """
    if config is None or isinstance(config, (str, int, float)):
        return config
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(x, custom_objects) for x in config]
    if not isinstance(config, dict):
        raise ArchiveError(f'Expected a config of dicts, lists and plain values, received {type(config).__name__}.')
    if 'class_name' not in config or 'config' not in config:
        return {key: deserialize_keras_object(value, custom_objects) for key, value in config.items()}
    name, inner = config['class_name'], config['config']
    if isinstance(name, str) and name in _SPECIAL:
        return _SPECIAL[name](inner)
    if name == '__lambda__':
        raise ArchiveError(
            'The file holds a Python lambda, which would run code from the file. Write it as a named function, '
            'register it with @hefted.saving.register_keras_serializable() and save the model again.'
        )
    if (function := operations.find(config.get('module'), name)) is not None:
        return operations.from_config(function, deserialize_keras_object(inner, custom_objects))
    if name == 'function':
        return _find(config, inner, inner, custom_objects)
    try:
        found = _find(config, name, config.get('registered_name') or name, custom_objects)
    except ArchiveError:
        if _fallback is not None and (made := _fallback(config)) is not None:
            return made
        raise
    return _instance(found, config, custom_objects) if inspect.isclass(found) else found


class Stored(NamedTuple):
    """A symbolic tensor in a file: which call of which layer or function made it."""

    operation: str
    node_index: int
    tensor_index: int


def _history(config: Any) -> tuple[str, int, int]:
    match config.get('keras_history') if isinstance(config, dict) else None:
        case [str(name), int(node), int(tensor)]:
            return name, node, tensor
        case _:
            raise ArchiveError(f'Expected a tensor with the call that made it, received {config!r}.')


def _array(inner: Any) -> Any:
    return np.array(inner['value'], dtype=inner['dtype'])


# What is no class and no function, by the name that Keras gives it.
_SPECIAL: dict[str, Callable[[Any], Any]] = {
    '__numpy__': _array,
    '__tensor__': _array,
    '__slice__': lambda inner: slice(*(deserialize_keras_object(inner[part]) for part in ('start', 'stop', 'step'))),
    '__ellipsis__': lambda _: ...,
    '__bytes__': lambda inner: str(inner['value']).encode('utf-8'),
    '__keras_tensor__': lambda inner: Stored(*_history(inner)),
}


def _find(config: dict[str, Any], name: Any, registered: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """The class or function of a config; never by importing what the config names."""
    if not isinstance(name, str):
        raise ArchiveError(f'Expected the name of a class or function to be a string, received {name!r}.')
    found = get_registered_object(registered, custom_objects)
    if found is not None:
        return found
    module = config.get('module')
    modules = _FUNCTION_ROOMS if module == 'builtins' else (module,)
    for known in modules:
        found = _built_in(known, name)
        if found is not None:
            return found
    raise ArchiveError(
        f'Unknown class or function {name!r} (module {module!r}) in the file. Decorate it with '
        "@hefted.saving.register_keras_serializable(), or pass custom_objects={" + f'{registered!r}: …' + '}.'
    )  # fmt: skip


def _built_in(module: str | None, name: str) -> Any:
    explicit = _built_ins.get(f'{module}.{name}')
    if explicit is not None:
        return explicit
    package = 'hefted.dtype_policies' if 'DTypePolicy' in name else _PACKAGES.get(module or '')
    if package is None or name.startswith('_') or name in _NOT_MEMBERS:
        return None
    found = getattr(importlib.import_module(package), name, None)
    is_member = inspect.isclass(found) and hasattr(found, 'get_config')
    if not is_member and not (inspect.isfunction(found) and module in _FUNCTION_ROOMS):
        return None
    # What a room itself imported (from another room, from JAX) is no member of it.
    return found if (found.__module__ + '.').startswith(package + '.') else None


def _instance(cls: Any, config: dict[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    if not isinstance(config['config'], dict):
        raise ArchiveError(f'Expected the config of {cls.__name__} to be a dict, received {config["config"]!r}.')
    with custom_object_scope(custom_objects or {}):
        try:
            instance = getattr(cls, 'from_config', lambda inner: cls(**inner))(dict(config['config']))
        except TypeError as error:
            raise ArchiveError(
                f'{cls.__name__} cannot be made from its config {config["config"]!r}: {error}'
            ) from error
        if config.get('build_config') and not getattr(instance, 'built', True):
            instance.build_from_config(config['build_config'])
        if 'frozen_parts' in config and hasattr(instance, '_freeze_as'):
            instance._freeze_as(config['frozen_parts'])  # before an optimizer is made for what is trained
        if config.get('compile_config') and hasattr(instance, 'compile_from_config'):
            instance.compile_from_config(config['compile_config'])
    return instance
