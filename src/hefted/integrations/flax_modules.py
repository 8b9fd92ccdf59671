"""A Flax NNX module trained by Hefted's engine."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from hefted.callbacks.history import History
from hefted.layers.foreign import FlaxLayer
from hefted.models.sequential import Sequential

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast

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
    model = _model_of(module, (optimizer, loss, metrics))
    try:
        return model.fit(x, y, **arguments)
    finally:
        model.layers[0].write_back()  # pyright: ignore[reportAttributeAccessIssue]


def forecast_of_module(
    module: Any,
    x: Any,
    y: Any,
    *,
    optimizer: Any = 'rmsprop',
    loss: Any = None,
    metrics: Any = None,
    **arguments: Any,
) -> Forecast:
    """What `fit_module` would take with the same arguments; see `Model.forecast`."""
    return _model_of(module, (optimizer, loss, metrics)).forecast(x, y, **arguments)


def _model_of(module: Any, told: tuple[Any, Any, Any]) -> Sequential:
    """A module as a compiled model; the same for the same module, optimizer, loss and metrics."""
    before = _known.get(module)
    if before is not None and before[0] == told:
        return before[1]
    optimizer, loss, metrics = told
    model = Sequential([FlaxLayer(module)], name=type(module).__name__.lower())
    model.compile(optimizer, loss, metrics=metrics)
    _known[module] = told, model
    return model
