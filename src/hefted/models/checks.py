"""What is wrong with the data or the arguments, said before anything is computed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hefted import config, dtypes, losses, tree
from hefted.data.arrays import Rows
from hefted.errors import ArgumentError, DataError, ShapeError
from hefted.models.steps import overrides

if TYPE_CHECKING:
    from hefted.models.model import Model

_PROBABILITIES = {
    'BinaryCrossentropy', 'BinaryFocalCrossentropy', 'CategoricalCrossentropy', 'CategoricalFocalCrossentropy',
    'binary_crossentropy', 'binary_focal_crossentropy', 'categorical_crossentropy', 'categorical_focal_crossentropy',
}  # fmt: skip
_CLASSES = {'SparseCategoricalCrossentropy', 'sparse_categorical_crossentropy'}
_OF_ANOTHER_SHAPE = {'CTC', 'ctc'}  # labels by their number, not by the outputs' times; the loss looks at them itself


def epochs(last: Any, first: Any) -> None:
    """Raise unless both are whole numbers and the last is not negative."""
    for name, value in (('epochs', last), ('initial_epoch', first)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise ArgumentError(f'Expected {name} to be a whole number of at least 0, received {value!r}.')


def steps(name: str, value: Any) -> None:
    """Raise unless it is None or a positive whole number."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
        raise ArgumentError(f'Expected {name} to be a positive whole number or None, received {value!r}.')


def of_fit(last: Any, first: Any, steps_per_epoch: Any, validation_steps: Any) -> int:
    """Raise unless the counts that `fit` takes are counts; the number of epochs, limited."""
    epochs(last, first)
    steps('steps_per_epoch', steps_per_epoch)
    steps('validation_steps', validation_steps)
    return limited_epochs(last)


def limited_epochs(epochs: int) -> int:
    """The number of epochs, at most `hefted.config.max_epochs()`."""
    most = config.max_epochs()
    if most is None or epochs <= most:
        return epochs
    warnings.warn(f'Limiting epochs to {most}, as hefted.config.set_max_epochs said.', stacklevel=4)
    return most


def limited_steps(steps: int | None, available: int | None) -> int | None:
    """The number of steps, at most `hefted.config.max_steps_per_epoch()`; None is all that are available."""
    most, wanted = config.max_steps_per_epoch(), steps or available
    if most is None or (wanted is not None and wanted <= most):
        return steps
    warnings.warn(f'Limiting steps to {most}, as hefted.config.set_max_steps_per_epoch said.', stacklevel=3)
    return most


def validation_data(given: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight), of x alone, (x,), (x, y) or (x, y, sample_weight)."""
    if not isinstance(given, (tuple, list)):
        return given, None, None
    if len(given) not in (1, 2, 3):
        raise ArgumentError(
            'Expected validation_data to be (x, y), (x, y, sample_weight) or what gives batches, '
            f'received {type(given).__name__} of {len(given)}.'
        )
    x, y, weight = (*given, None, None)[:3]
    return x, y, weight


def validates(frequency: Any) -> Callable[[int], bool]:
    """Whether an epoch (from 0) is validated, for `validation_freq`."""
    if isinstance(frequency, Iterable):
        chosen = set(frequency)
        return lambda epoch: epoch + 1 in chosen
    steps('validation_freq', frequency)
    return lambda epoch: (epoch + 1) % frequency == 0


def targets(model: Model, rows: Rows, argument: str = 'y', size: int | None = None) -> None:
    """Raise where targets do not fit the outputs, or are outside what the loss can take."""
    objective = model.objective
    if not objective.losses or overrides(model, 'train_step', 'compute_loss'):
        return
    if rows.y is None:
        raise ArgumentError(f'Expected {argument} for the loss that compile was given, received None.')
    import jax

    probe = tree.map_structure(lambda a: jax.ShapeDtypeStruct((size or rows.count, *a.shape[1:]), a.dtype), rows.x)
    try:
        outputs = tree.flatten(model.compute_outputs(probe))
    except ShapeError as error:
        raise ShapeError(str(error) if argument == 'y' else f'In {argument.removeprefix("y of ")}: {error}') from error
    y, weights = objective.targets(rows.y), objective.weights(rows.weight, len(outputs))
    for number, loss, _, _ in objective.losses:
        _target(loss, y[number], outputs[number].shape, argument)
        if weights[number] is not None and getattr(loss, 'rows_independent', False):
            _weights(weights[number], outputs[number].shape)


def _weights(weight: Any, output: tuple[int, ...]) -> None:
    """Sample weights are one for each row, or one for each value of a loss, which has no last axis."""
    found, most = tuple(weight.shape[1:]), tuple(output[1:-1])
    while found and found[-1] == 1:
        found = found[:-1]
    if any(a not in (1, b) for a, b in zip(found, most, strict=False)) or len(found) > len(most):
        wanted = ' or '.join(str((weight.shape[0], *shape)) for shape in dict.fromkeys([(), most]))
        raise ShapeError(
            f'Expected sample_weight of shape {wanted}, received {tuple(weight.shape)}. Give one weight for each row.'
        )


def _target(loss: losses.Loss, y: Any, output: tuple[int, ...], argument: str) -> None:
    name = _name(loss)
    if name in _CLASSES:
        _classes(loss, y, output, argument)
    elif name not in _OF_ANOTHER_SHAPE and (name in _PROBABILITIES or getattr(loss, 'rows_independent', False)):
        _same_shape(name, y, output, argument)
        if name in _PROBABILITIES:
            _within(name, y, argument)


def _name(loss: Any) -> str:
    """The class of a built-in loss, or the function that it wraps."""
    function = getattr(loss, 'fn', None)
    return getattr(function, '__name__', type(loss).__name__)


_NOT_TO_COUNT = (
    ' Where {0} marks what is not to count, pass the loss ignore_class={0}; metrics count it as wrong all the same. '
    "For both, put 0 there with a sample_weight of 0, and compile with reduction='mean_with_sample_weight' of the loss "
    'and weighted_metrics (see the example of hefted.models.bert.BertTokenClassifier).'
)


def _classes(loss: Any, y: Any, output: tuple[int, ...], argument: str) -> None:
    count = output[-1]
    shape = y.shape[1:-1] if y.ndim == len(output) and y.shape[-1] == 1 else y.shape[1:]
    if shape != tuple(output[1:-1]):
        raise ShapeError(
            f'Expected {argument} of classes with shape {(None, *output[1:-1])}, received {(None, *y.shape[1:])}. '
            'For one-hot targets use categorical_crossentropy.'
        )
    ignored = getattr(loss, 'ignore_class', None)
    low, high = _range(y, argument)
    if dtypes.is_float(y.dtype) and (part := y[np.floor(y) != y]).size:
        raise DataError(
            f'Expected {argument} to hold classes, which are whole numbers, received {float(part[0]):g}. Number the '
            'classes from 0, or choose a loss for numbers, such as mse.'
        )
    if ignored is None and not (low >= 0 and high < count):
        raise DataError(
            f'Expected {argument} to hold classes from 0 to {count - 1} for an output of {count} values, '
            f'received values from {low:g} to {high:g}. Number the classes from 0, or widen the last layer.'
            + (_NOT_TO_COUNT.format(f'{low:g}') if low < 0 else '')
        )


def _same_shape(name: str, y: Any, output: tuple[int, ...], argument: str) -> None:
    """Targets must have the output's shape; a last axis of 1 may be missing on either side."""
    wanted, found = tuple(output[1:]), tuple(y.shape[1:])
    if wanted in (found, (*found, 1)) or (*wanted, 1) == found:
        return
    if 'categorical' in name.lower():
        hint = 'For targets that are classes use sparse_categorical_crossentropy.'
    elif wanted[:-1] == found[:-1] and found:
        hint = f'Make the last layer {found[-1]} wide, or the last axis of {argument} {wanted[-1]}.'
    else:
        hint = f'Reshape {argument}, or change the last layer (Flatten takes axes away).'
    raise ShapeError(
        f'Expected {argument} of shape {(None, *wanted)} as the output, received {(None, *found)} (loss {name}). {hint}'
    )


def _within(name: str, y: Any, argument: str) -> None:
    low, high = _range(y, argument)
    if not (low >= 0 and high <= 1):
        raise DataError(
            f'Expected {argument} between 0 and 1 for {name}, received values from {low:g} to {high:g}. '
            'Map the labels to 0 and 1 (for -1 and 1: (y + 1) / 2).'
        )


def _range(y: Any, argument: str) -> tuple[float, float]:
    """The least and the greatest label; raise where one is NaN."""
    low, high = float(y.min()), float(y.max())
    if math.isnan(low):  # NumPy's least is NaN where anything is
        values = np.asarray(y)
        raise DataError(
            f'Expected {argument} without NaN, received NaN in {np.isnan(values).sum():,} of {values.size:,} '
            'values. Drop or fill those rows.'
        )
    return low, high
