"""A whole Keras 3 model trained by Hefted's engine: its own pure steps, many in one dispatch.

Keras on JAX has a pure `train_step(state, data)`; that is all the engine needs. The variables stay Keras's: what the
loop drains is theirs at once, so Keras's callbacks, `model.save` and the user see the state of each hook.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from hefted.errors import NotCompiledError
from hefted.layers.foreign import BorrowedVariable
from hefted.models.model import Model
from hefted.models.objective import Objective
from hefted.utils.passages import require_jax
from hefted.variables import Variable, current_scope

_known: weakref.WeakKeyDictionary[Any, BorrowedModel] = weakref.WeakKeyDictionary()


class _Optimizer:
    """What the engine asks of an optimizer: its variables, and what it does at the end."""

    built = True

    def __init__(self, model: BorrowedModel) -> None:
        self.theirs = model.theirs.optimizer
        self.variables = model._ours(self.theirs.variables)

    def finalize_variable_values(self, trainable_variables: Sequence[Any]) -> None:
        """Keras's own: averaged weights take the place of the last ones, where it averages."""
        self.theirs.finalize_variable_values([v.theirs for v in trainable_variables])


class BorrowedModel(Model):
    """A compiled Keras model, as the engine sees it.

    Args:
        theirs: The Keras model.
    """

    def __init__(self, theirs: Any) -> None:
        super().__init__(name=theirs.name)
        self.theirs = theirs
        self.built = True
        self._handles: dict[int, BorrowedVariable] = {}
        self._objective = Objective([], [])

    @classmethod
    def of(cls, theirs: Any) -> BorrowedModel:
        """The same for the same model, so that a second fit compiles nothing.

        Raises:
            ArgumentError: Keras runs on another back end than JAX.
        """
        require_jax()
        if theirs not in _known:
            _known[theirs] = cls(theirs)
        return _known[theirs]

    # Keras's variables, as ours

    def _ours(self, variables: Sequence[Any]) -> list[Variable]:
        return [self._handles.setdefault(id(v), BorrowedVariable(v)) for v in variables]

    @property
    def trainable_variables(self) -> list[Variable]:
        return self._ours(self.theirs.trainable_variables)

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return self._ours(self.theirs.non_trainable_variables)

    @property
    def metrics_variables(self) -> list[Variable]:
        return self._ours(self.theirs.metrics_variables)

    @property
    def variables(self) -> list[Variable]:
        return self._ours(self.theirs.variables)

    # What the engine asks

    def require_compiled(self, method: str) -> dict[str, Any]:
        if not self.theirs.compiled:
            raise NotCompiledError(f'You must call `compile()` of the Keras model before calling `{method}()`.')
        return {}

    def warn_of_switches(self) -> None:
        """Keras says so itself."""

    def builds_from_data(self) -> bool:
        """Whether Keras would look at a batch to build what is not built."""
        parts = self.theirs._compile_metrics, self.theirs._compile_loss
        waits = any(part is not None and not part.built for part in parts)
        return waits or not all(layer.built for layer in self.theirs._flatten_layers())

    def prepare(self, x: Any, y: Any, batch_size: int, method: str) -> None:
        """Let Keras build what is not built yet, for a batch of this shape."""
        del method
        batch = _map(lambda a: a[:batch_size], x), _map(lambda a: a[:batch_size], y)
        self.theirs._symbolic_build(data_batch=batch)
        self.optimizer = _Optimizer(self)
        switches = tuple(v.trainable for v in self.theirs.variables)
        if switches != getattr(self, '_switches_then', switches) or self.theirs._compile_config is not self._told:
            self._compiled = {}  # Keras was compiled anew, or froze a layer
        self._switches_then, self._told = switches, self.theirs._compile_config

    _told: Any = None

    @property
    def stop_training(self) -> bool:
        return bool(self.theirs.stop_training)

    @stop_training.setter
    def stop_training(self, value: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self.theirs.stop_training = value

    @property
    def face(self) -> Any:
        """What callbacks are given as the model."""
        return self.theirs

    run_eagerly = False

    def train_step(self, state: Any, data: Any) -> Any:
        return self.theirs.train_step(state, data)

    def test_step(self, state: Any, data: Any) -> Any:
        return self.theirs.test_step(state, data)

    def reset_metrics(self) -> None:
        """Set Keras's metrics back, in a step of ours or outside."""
        scope = current_scope()
        if scope is None:
            self.theirs.reset_metrics()
            return
        variables = self.metrics_variables
        with sys.modules['keras'].StatelessScope(
            state_mapping=[(v.theirs, scope.get(v)) for v in variables]  # pyright: ignore[reportAttributeAccessIssue]
        ) as theirs:
            self.theirs.reset_metrics()
        for variable in variables:
            value = theirs.get_current_value(variable.theirs)  # pyright: ignore[reportAttributeAccessIssue]
            scope.set(variable, jnp.asarray(value, variable.dtype))


def _map(function: Any, structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _map(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_map(function, value) for value in structure)
    return None if structure is None else function(structure)
