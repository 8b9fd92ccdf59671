"""A room's members by name: what `losses.get('mse')`, `from hefted.losses import Huber` and archives look up.

Each room lists its names once; a file is imported when the first of its names is asked for, so that a
program which uses one optimizer does not pay for the other ten.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hefted.errors import ArgumentError, no_attribute, unknown_name
from hefted.utils import serialization
from hefted.utils.naming import snake_case


class Room:
    """The members of one package, and how strings, dicts, classes and instances name them.

    Args:
        package: The package's name ('hefted.losses').
        noun: What a member is called in an error ('loss').
        members: File to its public names, separated by spaces; '' is the package itself.
        aliases: Further names, to the member they stand for.
        spell: How else a class's name may be written as a string.
        instantiate: Whether `get` makes an instance of a class.
    """

    def __init__(
        self,
        package: str,
        noun: str,
        members: Mapping[str, str],
        aliases: Mapping[str, str] | None = None,
        spell: Callable[[str], str] | None = snake_case,
        instantiate: bool = True,
    ) -> None:
        self.package, self.noun, self.instantiate = package, noun, instantiate
        self._homes = {name: home for home, names in members.items() for name in names.split()}
        classes = [name for name in self._homes if name[0].isupper()]
        self.aliases: dict[str, str] = {spell(name): name for name in classes} if spell else {}
        self.aliases |= aliases or {}
        self._lower = spell is str.lower

    def load(self, name: str) -> Any:
        """The member of that very name; KeyError where there is none."""
        home = self._homes[name]
        module = importlib.import_module(f'{self.package}.{home}' if home else self.package)
        return getattr(module, name)

    def find(self, name: str) -> Any:
        """The member that a string names, or None."""
        key = name.lower() if self._lower else name
        member = self.aliases.get(key, name)
        return self.load(member) if member in self._homes else None

    def names(self) -> Iterable[str]:
        """Every name that `find` knows."""
        return {*self._homes, *self.aliases}

    def members(self) -> Iterable[str]:
        """The public names alone, without other spellings: what `import *` gives."""
        return self._homes

    def attribute(self, name: str) -> Any:
        """The package's `__getattr__`: a member (whose own name goes first) or an alias."""
        found = self.load(name) if name in self._homes else self.find(name)
        if found is None:
            raise no_attribute(self.package, name, self.names())
        return found

    def get(self, identifier: Any) -> Any:
        """The member that an identifier stands for: a string, a dict, a class, an instance or a function.

        Raises:
            UnknownNameError: A string that names nothing here; the message has the nearest names.
            ArgumentError: Anything else that cannot be called.
        """
        if isinstance(identifier, dict):
            found = self.deserialize(identifier)
        elif isinstance(identifier, str):
            found = serialization.get_registered_object(identifier) or self.find(identifier)
            if found is None:
                raise unknown_name(self.noun, identifier, self.names())
        else:
            found = identifier
        if self.instantiate and inspect.isclass(found):
            return found()
        if not callable(found) and not hasattr(found, 'get_config'):
            raise ArgumentError(
                f'Expected {self.noun} to be a name, a config, an instance or a callable, received {identifier!r}.'
            )
        return found

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object of a config or a name, as `serialize` wrote it."""
        if isinstance(config, str):
            found = serialization.get_registered_object(config, custom_objects) or self.find(config)
            if found is None:
                raise unknown_name(self.noun, config, self.names())
            return found
        if 'module' not in config:  # Keras's older files name the class alone
            found = self.find(config.get('class_name', ''))
            config = {**config, 'module': serialization.public_module(self.package)}
            if found is not None:
                config['class_name'] = found.__name__
        return serialization.deserialize_keras_object(config, custom_objects)
