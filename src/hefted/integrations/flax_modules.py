"""A Flax NNX module trained by Hefted's engine."""

from __future__ import annotations

import weakref
from typing import Any

from hefted.callbacks.history import History
from hefted.layers.foreign import FlaxLayer
from hefted.models.sequential import Sequential

_known: weakref.WeakKeyDictionary[Any, tuple[Any, Sequential]] = weakref.WeakKeyDictionary()


def fit_module(
    module: Any,
    x: Any,
    y: Any,
    *,
    optimizer: Any = 'rmsprop',
    loss: Any = None,
    metrics: Any = None,
    **arguments: Any,
) -> History:
    """Train a module; afterwards it holds the trained values.

    Args:
        module: An `flax.nnx.Module` that is called with a batch of inputs.
        x: Inputs.
        y: Targets.
        optimizer: As for `Model.compile`; an Optax transformation too.
        loss: As for `Model.compile`.
        metrics: The same.
        **arguments: As for `Model.fit`.

    Returns:
        `History`.
    """
    told = (optimizer, loss, metrics)
    before = _known.get(module)
    if before is not None and before[0] == told:
        model = before[1]
    else:
        model = Sequential([FlaxLayer(module)], name=type(module).__name__.lower())
        model.compile(optimizer, loss, metrics=metrics)
        _known[module] = told, model
    try:
        return model.fit(x, y, **arguments)
    finally:
        model.layers[0].write_back()  # pyright: ignore[reportAttributeAccessIssue]
