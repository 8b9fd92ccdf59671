"""`Config`: named values that are read as attributes or by key, and can be frozen."""

from __future__ import annotations

import difflib
import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from hefted.errors import ArgumentError


class Config:
    """Named values, read and set as attributes or by key, until it is frozen.

    Args:
        **kwargs: The values.

    Raises:
        ArgumentError: A value of a frozen one is set or deleted.
        AttributeError: No such value.

    Example:
        >>> config = Config(rate=0.1)
        >>> config.epochs = 3
        >>> config['rate'], config.epochs, sorted(config)
        (0.1, 3, ['epochs', 'rate'])
    """

    # Names that are the object's own, not values; None until the constructor is through.
    __attrs__: set[str] | None = None

    def __init__(self, **kwargs: Any) -> None:
        self._config: dict[str, Any] = kwargs
        self._frozen = False
        self.__attrs__ = set(dir(self))

    @property
    def frozen(self) -> bool:
        """Whether values can no longer be changed."""
        return self._frozen

    def freeze(self) -> None:
        """From now on no value can be set or deleted."""
        self._frozen = True

    def unfreeze(self) -> None:
        """From now on they can again."""
        self._frozen = False

    def as_dict(self) -> dict[str, Any]:
        """A dict of the values."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> KeysView[str]:
        return self._config.keys()

    def values(self) -> ValuesView[Any]:
        return self._config.values()

    def items(self) -> ItemsView[str, Any]:
        return self._config.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """The value of a name, or `value` where there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Take a value out: `pop(name)` or `pop(name, default)`."""
        return self._unfrozen().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values, as a dict's `update` does."""
        self._unfrozen().update(*args, **kwargs)

    def _unfrozen(self) -> dict[str, Any]:
        if self._frozen:
            raise ArgumentError('Expected a config that can be changed, received a frozen one. Call unfreeze() first.')
        return self._config

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__attrs__ is None or name in self.__attrs__:
            object.__setattr__(self, name, value)
        else:
            self._unfrozen()[name] = value

    def __getattr__(self, name: str) -> Any:  # called only for what is not the object's own
        values = self.__dict__.get('_config', {})
        if name in values:
            return values[name]
        near = difflib.get_close_matches(name, values, n=1, cutoff=0.7)
        raise AttributeError(f'Unknown attribute: {name!r}.' + (f' Did you mean {near[0]!r}?' if near else ''))

    def __setitem__(self, key: str, item: Any) -> None:
        self._unfrozen()[key] = item

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __delitem__(self, key: str) -> None:
        del self._unfrozen()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __contains__(self, item: object) -> bool:
        return item in self._config

    def __repr__(self) -> str:
        return f'<Config {self._config}>'
