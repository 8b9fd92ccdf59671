"""The best of one rate among the thresholds at which another is high enough."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from hefted.errors import ArgumentError
from hefted.metrics.confusion import COUNTS, Confusion
from hefted.metrics.metric import Metric
from hefted.utils.arrays import divide_no_nan
from hefted.variables import Array

# Each rate is a count over itself and another.
_RATES = {
    'sensitivity': ('true_positives', 'false_negatives'),
    'recall': ('true_positives', 'false_negatives'),
    'specificity': ('true_negatives', 'false_positives'),
    'precision': ('true_positives', 'false_positives'),
}


class _BestAt(Metric):
    """The largest `wanted` rate where the `constrained` one is at least `value`; 0 where it never is."""

    weights_rows = True
    wanted: ClassVar[str]
    constrained: ClassVar[str]

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        if not 0 <= value <= 1:
            raise ArgumentError(f'Expected {self.constrained} between 0 and 1, received {value!r}.')
        if num_thresholds <= 0:
            raise ArgumentError(f'Expected num_thresholds above 0, received {num_thresholds!r}.')
        super().__init__(dtype, name)
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        last = num_thresholds - 1
        self.thresholds = [i / last for i in range(num_thresholds)] if last else [0.5]
        self._held: dict[str, Any] = dict(zip(COUNTS, self._counters((num_thresholds,), *COUNTS), strict=True))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        confusion = Confusion(y_true, y_pred, self.thresholds, sample_weight, class_id=self.class_id)
        for name, held in self._held.items():
            held.assign_add(getattr(confusion, name))

    def result(self) -> Array:
        wanted, constrained = self._rate(self.wanted), self._rate(self.constrained)
        return jnp.where(constrained >= self.value, wanted, 0.0).max()

    def _rate(self, rate: str) -> Array:
        right, other = (self._held[name].value for name in _RATES[rate])
        return divide_no_nan(right, right + other)

    def get_config(self) -> dict[str, Any]:
        own = {'num_thresholds': self.num_thresholds, self.constrained: self.value, 'class_id': self.class_id}
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(_BestAt):
    """The best sensitivity (true positives among labels of 1) at a specificity of at least so much.

    Args:
        specificity: True negatives among labels of 0, in [0, 1].
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: The only column that counts.
        name: Made up if None.
        dtype: See `Metric`.

    Example:
        >>> metric = SensitivityAtSpecificity(0.5)
        >>> float(metric(np.array([0, 0, 0, 1, 1]), np.array([0.0, 0.3, 0.8, 0.3, 0.8])))
        0.5
    """

    wanted, constrained = 'sensitivity', 'specificity'

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestAt):
    """The best specificity at a sensitivity of at least so much; arguments as for `SensitivityAtSpecificity`."""

    wanted, constrained = 'specificity', 'sensitivity'

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestAt):
    """The best precision at a recall of at least so much; arguments as for `SensitivityAtSpecificity`."""

    wanted, constrained = 'precision', 'recall'

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestAt):
    """The best recall at a precision of at least so much; arguments as for `SensitivityAtSpecificity`."""

    wanted, constrained = 'recall', 'precision'

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
