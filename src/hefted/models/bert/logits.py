"""Whether a loss takes a head's outputs for what they are: logits, where the loss does not say so, train astray."""

from __future__ import annotations

from typing import Any

from hefted import losses, tree
from hefted.errors import warn

_CHOSEN_LATE = ('crossentropy', 'ce')  # by the data; never of logits


def warn_of_logits(model: Any, loss: Any) -> None:
    """Say so where a cross-entropy of `compile` would take a model's logits for probabilities.

    Args:
        model: One that gives logits.
        loss: What `compile` was given: a name, a function or an object, or a list or dict of such.
    """
    each = tree.flatten(loss) if isinstance(loss, (dict, list, tuple)) else [loss]
    names = dict.fromkeys(name for name in map(_of_probabilities, each) if name is not None)
    if not names:
        return
    remedy = ' and '.join(dict.fromkeys(f'{_class_of(name)}(from_logits=True)' for name in names))
    ending = ''
    if hasattr(model, 'activation'):  # others are always of logits
        activations = dict.fromkeys('sigmoid' if name.startswith('binary') else 'softmax' for name in names)
        ending = f', or make the model with activation={" or ".join(map(repr, activations))}'
    warn(
        f'{type(model).__name__} gives logits, and {" and ".join(names)} takes them for probabilities, so that '
        f'training may go astray. Compile with {remedy} of hefted.losses{ending}.'
    )


def _of_probabilities(loss: Any) -> str | None:
    """The name of a cross-entropy of ours that takes probabilities; None for anything else."""
    if isinstance(loss, str) and loss.lower() in _CHOSEN_LATE:
        return 'crossentropy'
    found = losses.get(loss)
    function = getattr(found, 'fn', found)
    name = getattr(function, '__name__', '')
    ours = losses.is_builtin(function) and name.endswith('crossentropy')
    return name if ours and not getattr(found, 'from_logits', False) else None


def _class_of(name: str) -> str:
    name = 'sparse_categorical_crossentropy' if name == 'crossentropy' else name
    return ''.join(word.capitalize() for word in name.split('_'))
