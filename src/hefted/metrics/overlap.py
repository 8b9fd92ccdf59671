"""Intersection over union of predicted and true classes, for segmentation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from hefted.errors import ArgumentError
from hefted.metrics.metric import Metric
from hefted.utils.arrays import as_array, epsilon
from hefted.variables import Array


class IoU(Metric):
    """The mean over classes of right / (predicted + true - right), from a confusion matrix.

    Args:
        num_classes: How many classes there are; labels outside count nowhere.
        target_class_ids: The classes whose mean it is.
        name: Made up if None.
        dtype: Of the matrix; int32 if None.
        ignore_class: A label whose elements count nowhere.
        sparse_y_true: Whether labels are class numbers; else scores along `axis`.
        sparse_y_pred: The same of predictions.
        axis: The classes' axis of what is not sparse.
    """

    arguments: tuple[str, ...] = ('target_class_ids', 'ignore_class', 'sparse_y_true', 'sparse_y_pred', 'axis')

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or 'int32', name)
        if max(target_class_ids) >= num_classes:
            raise ArgumentError(
                f'Expected target_class_ids below num_classes={num_classes}, received {list(target_class_ids)}.'
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable((num_classes, num_classes), dtype=self.dtype, name='total_confusion_matrix')

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = self._classes(y_true, self.sparse_y_true)
        y_pred = self._classes(y_pred, self.sparse_y_pred)
        weight = as_array(1 if sample_weight is None else sample_weight)
        if jnp.issubdtype(weight.dtype, jnp.floating) and 'int' in self.dtype:
            warnings.warn(
                f'Expected whole sample weights with dtype {self.dtype!r}, received floats, which are cut. '
                "Make the metric with dtype='float32'.",
                stacklevel=2,
            )
        weight = jnp.broadcast_to(as_array(weight.reshape(-1), self.dtype), y_true.shape)
        counted = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            counted = counted & (y_true != self.ignore_class)
        y_true, y_pred, weight = (jnp.where(counted, x, 0) for x in (y_true, y_pred, weight))
        self.total_cm.assign(as_array(self.total_cm).at[y_true, y_pred].add(weight))

    def _classes(self, values: Any, sparse: bool) -> Array:
        values = as_array(values) if sparse else as_array(values).argmax(axis=self.axis)
        return as_array(values, 'int32').reshape(-1)

    def result(self) -> Array:
        matrix, ids = self.total_cm.value, jnp.asarray(self.target_class_ids)
        right = jnp.diagonal(matrix)
        union = as_array((matrix.sum(axis=0) + matrix.sum(axis=1) - right)[ids], 'float32')
        present = union > 1e-9
        shares = jnp.where(present, as_array(right[ids], 'float32') / (union + epsilon()), 0.0)
        return shares.sum() / (present.sum() + epsilon())

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ('num_classes', *self.arguments)}
        return {**super().get_config(), **own}


class BinaryIoU(IoU):
    """`IoU` of predictions above a threshold and not; arguments as named there."""

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, as_array(y_pred, 'float32') >= self.threshold, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {'target_class_ids': self.target_class_ids, 'threshold': self.threshold}
        return {'name': self.name, 'dtype': self.dtype, **own}


class MeanIoU(IoU):
    """`IoU` over all classes."""

    arguments = ('ignore_class', 'sparse_y_true', 'sparse_y_pred', 'axis')

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """`IoU` of one-hot labels."""

    arguments = ('target_class_ids', 'ignore_class', 'sparse_y_pred', 'axis')

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels."""

    arguments = ('ignore_class', 'sparse_y_pred', 'axis')

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
