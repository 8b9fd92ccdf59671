"""Blocks by Keras's names: variables' values lent, paths begun, a device chosen.

with StatelessScope(state_mapping=[(v, value) for v, value in zip(model.variables, values)]) as scope:
loss = loss_function(model(x), y)           # a pure function of `values`, inside jax.jit as well
values = [scope.get_current_value(v) for v in model.variables]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax

from hefted.errors import ArgumentError, ShapeError
from hefted.utils import naming
from hefted.variables import Array, Assigned, Variable

__all__ = ['StatelessScope', 'SymbolicScope', 'device', 'name_scope']


class StatelessScope(Assigned):
    """Within the block variables have the values given, and what is assigned stays in the scope.

    Args:
        state_mapping: Pairs of a variable and the value that it has in the block.
        collect_losses: Whether `losses` lists what `add_loss` added.
        initialize_variables: Taken for Keras's sake: variables have their first value when they are made.

    Raises:
        ArgumentError: A key is not a Variable.
        ShapeError: A value is not of its variable's shape.

    Example:
        >>> v = Variable([1.0, 2.0])
        >>> with StatelessScope(state_mapping=[(v, np.array([3.0, 4.0]))]) as scope:
        ...     _ = v.assign_add(np.ones(2))
        >>> scope.get_current_value(v).tolist(), v.numpy().tolist()
        ([4.0, 5.0], [1.0, 2.0])
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        super().__init__()
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ArgumentError(
                    f'Expected state_mapping to be pairs of a Variable and its value, received {variable!r} as a key.'
                )
            array = jax.numpy.asarray(value.raw if isinstance(value, Variable) else value, variable.dtype)
            if array.shape != variable.shape:
                raise ShapeError(
                    f'Expected a value of shape {variable.shape} for {variable.path!r} in state_mapping, received '
                    f'{array.shape}.'
                )
            self.set(variable, array)

    @property
    def losses(self) -> list[Array]:
        """What `add_loss` added in the block, where `collect_losses` asks for it."""
        return [loss for _, loss in self.added] if self.collect_losses else []

    def add_loss(self, loss: Array) -> None:
        self.added.append((None, loss))

    def add_update(self, update: tuple[Variable, Array]) -> None:
        """Give a variable (first of the pair) a value (second) in this scope."""
        self.set(*update)

    def get_current_value(self, variable: Variable) -> Array | None:
        """The value in this scope; None where none was given or assigned."""
        return self.get(variable) if any(variable is other for other in self.assigned) else None


class SymbolicScope:
    """The stage at which Keras traces shapes. Here nothing depends on it: the block runs as it would without."""

    def __enter__(self) -> SymbolicScope:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class name_scope(naming.name_scope):
    """Within the block, variables' paths begin with `name`.

    Args:
        name: One part of a path.
        caller: Who opens it.
        deduplicate: Whether the innermost scope is not opened twice by one caller.
        override_parent: Not taken: a path begins where it is.

    Raises:
        ArgumentError: A name with a slash, or `override_parent`.

    Example:
        >>> with name_scope('encoder'):
        ...     Variable(0.0, name='gain').path
        'encoder/gain'
    """

    def __init__(
        self, name: str, caller: object = None, deduplicate: bool = True, override_parent: str | None = None
    ) -> None:
        if not isinstance(name, str) or '/' in name:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f'Expected name to be a string without a slash, received {name!r}. Nest two scopes.')
        if override_parent is not None:
            raise ArgumentError(f'Expected no override_parent, received {override_parent!r}. Open the scope outside.')
        super().__init__(name, caller if deduplicate else None)

    def __enter__(self) -> Any:
        super().__enter__()
        return self


def device(device_name: Any) -> Any:
    """Within the block, arrays are made and programs run on a device.

    Args:
        device_name: 'cpu:0', 'gpu:1', 'gpu' (the first of its kind), or a `jax.Device`.

    Raises:
        ArgumentError: No such device is here.

    Example:
        >>> with device('cpu:0'):
        ...     jax.numpy.ones(2).devices()
        {CpuDevice(id=0)}
    """
    if not isinstance(device_name, str):
        if not isinstance(device_name, jax.Device):
            raise ArgumentError(f"Expected device_name to be such as 'cpu:0' or 'gpu:1', received {device_name!r}.")
        return jax.default_device(device_name)
    kind, _, number = device_name.lower().partition(':')
    try:
        found = jax.devices(kind)
        chosen = found[int(number or 0)]
    except (RuntimeError, ValueError, IndexError) as error:
        here = [f'{d.platform}:{i}' for i, d in enumerate(jax.devices())]
        raise ArgumentError(f'Expected device_name to be one of {here}, received {device_name!r}.') from error
    return jax.default_device(chosen)
