"""The base of metrics: variables that updates add to, and a result read off them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hefted import dtypes, initializers
from hefted.errors import ShapeError
from hefted.utils.holding import held
from hefted.utils.naming import auto_name, name_scope
from hefted.variables import Array, Variable, bind


class Metric:
    """The base: subclass it with `add_variable` in the constructor, `update_state` and `result`.

    Args:
        dtype: What it computes in; `floatx()` if None.
        name: Made up from the class if None.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.value = self.add_variable((), 'zeros', name='value')
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value.assign(np.maximum(self.value.numpy(), np.max(y_pred)))
        ...     def result(self):
        ...         return self.value.value
        >>> float(Largest()(None, np.array([1.0, 4.0])))
        4.0
    """

    #: Whether a row with a sample weight of 0 is exactly as if it were not there (a short batch is then masked).
    weights_rows: bool = False

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self._variables: list[Variable] = []
        self.name = name or auto_name(type(self).__name__)
        self.dtype: str = dtypes.standardize(getattr(dtype, 'compute_dtype', dtype))

    # What subclasses give

    def build(self, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> None:
        """Make what variables depend on the data's shapes; call it before binding the variables of a step."""

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch."""
        raise NotImplementedError(f'{type(self).__name__} must define update_state.')

    def result(self) -> Any:
        """The value so far: a scalar, or a dict of them."""
        raise NotImplementedError(f'{type(self).__name__} must define result.')

    # Variables

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = 'zeros',
        dtype: Any = None,
        aggregation: str = 'sum',
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the metric's state."""
        with name_scope(self.name.replace('/', '>')):
            variable = Variable(
                initializers.get(initializer), shape, dtype, trainable=False, aggregation=aggregation, name=name
            )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = 'zeros', dtype: Any = None, name: str | None = None
    ) -> Variable:
        """The same under its older name."""
        return self.add_variable(shape, 'zeros' if initializer is None else initializer, dtype, name=name)

    def _counters(self, shape: Sequence[int], *names: str, dtype: Any = None) -> list[Variable]:
        return [self.add_variable(shape, 'zeros', dtype, name=name) for name in names]

    @property
    def variables(self) -> list[Variable]:
        """The state: its own variables, then those of metrics inside it; in attributes, lists, tuples and dicts."""
        parts = list(self.__dict__.values())
        found = {id(v): v for v in (*self._variables, *held(Variable, parts))}
        found.update((id(v), v) for metric in held(Metric, parts) for v in metric.variables)
        return list(found.values())

    def reset_state(self) -> None:
        """Start counting again."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    # The pure forms

    def stateless_update_state(self, metric_variables: Sequence[Array], *args: Any, **kwargs: Any) -> list[Array]:
        """The state after a batch."""
        variables = self._matching(metric_variables)
        with bind(variables, metric_variables) as scope:
            self.update_state(*args, **kwargs)
            return scope.values(variables)

    def stateless_result(self, metric_variables: Sequence[Array]) -> Any:
        """The value of a state."""
        with bind(self._matching(metric_variables), metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Array]:
        """The state at the start."""
        variables = self.variables
        with bind(variables, [v.held for v in variables]) as scope:
            self.reset_state()
            return scope.values(variables)

    def _matching(self, values: Sequence[Array]) -> list[Variable]:
        variables = self.variables
        if len(values) != len(variables):
            raise ShapeError(f'Expected {len(variables)} variables for metric {self.name!r}, received {len(values)}.')
        return variables

    def get_config(self) -> dict[str, Any]:
        return {'name': self.name, 'dtype': self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} name={self.name}>'
