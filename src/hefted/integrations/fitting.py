"""`hefted.fit` and `hefted.foresee`: one call for a model of Hefted's, Keras's or Flax's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hefted.callbacks.history import History
from hefted.errors import ArgumentError
from hefted.layers.foreign import is_a
from hefted.models.model import Model

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast


def fit(model: Any, x: Any = None, y: Any = None, **arguments: Any) -> History:
    """Train a model, wherever it was built, by Hefted's engine: metered, and with `fit`'s arguments.

    Args:
        model: A compiled Keras 3 model (JAX back end), a Flax NNX module, or a compiled model of Hefted's. Its own
            variables hold the trained weights afterwards; Keras's optimizer and metrics too.
        x: As for `Model.fit`.
        y: The same.
        **arguments: The same, such as `batch_size`, `epochs`, `callbacks` (Keras's are taken as they are), `place`. A
            Flax module, which has nothing like `compile`, also takes `optimizer`, `loss` and `metrics`.

    Returns:
        `History`: metrics by epoch, `.footprint` and `.receipt()`.

    Raises:
        ArgumentError: Another kind of model, or Keras on another back end.

    Example:
        >>> from hefted import Sequential
        >>> from hefted.layers import Dense
        >>> model = Sequential([Dense(1, input_dim=3)])
        >>> model.compile('sgd', 'mse')
        >>> fit(model, np.ones((8, 3)), np.ones((8, 1)), verbose=0).epoch
        [0]
    """
    if is_a(model, 'flax.nnx', 'Module'):
        from hefted.integrations.flax_modules import fit_module

        return fit_module(model, x, y, **arguments)
    return _engine_of(model).fit(x, y, **arguments)


def foresee(model: Any, x: Any = None, y: Any = None, **arguments: Any) -> Forecast:
    """Tell what `hefted.fit` would take with the same arguments; nothing is trained.

    Args:
        model: As for `fit`.
        x: As for `Model.forecast`.
        y: The same.
        **arguments: The same, such as `epochs`, `on` and `place`; of a Flax module also `optimizer`, `loss`, `metrics`.

    Returns:
        The forecast.

    Raises:
        ArgumentError: Another kind of model, or Keras on another back end.

    Example:
        >>> from hefted import Sequential
        >>> from hefted.layers import Dense
        >>> model = Sequential([Dense(1, input_dim=3)])
        >>> model.compile('sgd', 'mse')
        >>> foresee(model, np.ones((8, 3)), np.ones((8, 1)), epochs=4).plan.steps
        4
    """
    if is_a(model, 'flax.nnx', 'Module'):
        from hefted.integrations.flax_modules import forecast_of_module

        return forecast_of_module(model, x, y, **arguments)
    return _engine_of(model).forecast(x, y, **arguments)


def _engine_of(model: Any) -> Model:
    if isinstance(model, Model):
        return model
    if is_a(model, 'keras', 'Model'):
        from hefted.integrations.keras_models import BorrowedModel

        return BorrowedModel.of(model)
    raise ArgumentError(
        f'Expected model to be a model of Hefted, Keras 3 or Flax NNX, received {type(model).__name__}. Anything else '
        'that is a pure step can be trained as a hefted.train.program.Program.'
    )
