"""A model's variables as nested dicts by their paths, for those who keep checkpoints of their own."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hefted.errors import unknown_name
from hefted.utils.nesting import flat, nested
from hefted.variables import Variable

if TYPE_CHECKING:
    from hefted.models.model import Model

_FORMATS = ('backend_tensor', 'numpy_array')


def _groups(model: Model) -> dict[str, list[Variable]]:
    return {
        'trainable_variables': model.trainable_variables,
        'non_trainable_variables': model.non_trainable_variables,
        'optimizer_variables': list(getattr(getattr(model, 'optimizer', None), 'variables', [])),
        'metrics_variables': model.metrics_variables,
    }


def get_state_tree(self: Model, value_format: str = 'backend_tensor') -> dict[str, Any]:
    """The values of all variables, nested by the parts of their paths.

    Args:
        value_format: 'backend_tensor' for arrays of the device, 'numpy_array' for copies on the host.

    Returns:
        Under 'trainable_variables', 'non_trainable_variables', 'optimizer_variables' and 'metrics_variables'.

    Raises:
        UnknownNameError: Another format.
        ArgumentError: Two variables have one path.
    """
    if value_format not in _FORMATS:
        raise unknown_name('value_format', value_format, _FORMATS)
    value_of = Variable.numpy if value_format == 'numpy_array' else operator.attrgetter('value')
    return {name: nested(variables, value_of) for name, variables in _groups(self).items()}


def set_state_tree(self: Model, state_tree: Mapping[str, Any]) -> None:
    """Set variables from what `get_state_tree` returned; what is not in it stays.

    Raises:
        UnknownNameError: A group, or a path in it, that the model does not have; nothing is set then.
    """
    groups = _groups(self)
    found: list[tuple[Variable, Any]] = []
    for name, tree in state_tree.items():
        if name not in groups:
            raise unknown_name('group of variables', name, groups)
        known = {v.path: v for v in groups[name]}
        for path, value in flat(tree):
            if path not in known:
                raise unknown_name(f'path in {name}', path, known)
            found.append((known[path], value))
    for variable, value in found:
        variable.assign(value)
