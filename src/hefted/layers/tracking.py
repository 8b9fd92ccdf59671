"""What a layer holds: weights, metrics and other layers, found in its attributes."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hefted.errors import ArchiveError, NotBuiltError, ShapeError, warn
from hefted.metrics.metric import Metric
from hefted.random import SeedGenerator
from hefted.utils.holding import held
from hefted.variables import Variable

if TYPE_CHECKING:
    from hefted.layers.layer import Layer

# Attributes that hold no part of a layer: what `compile` was given, compiled programs, calls.
_BOOKKEEPING = frozenset({
    '_init_arguments', '_inbound_nodes', '_outbound_nodes', '_compile_arguments', '_compiled', '_objective', '_planned',
    '_switches', '_eager_losses', '_own_weights', 'history',
})  # fmt: skip


class _Walks(threading.local):
    """What was found while nothing changes, by what was looked for and where."""

    known: dict[tuple[str, int], list[Any]] | None = None


_walks = _Walks()


@contextmanager
def unchanging() -> Generator[None, None, None]:
    """Inside, no layer comes or goes: what a layer holds is looked for once. For this thread."""
    before, _walks.known = _walks.known, {}
    try:
        yield
    finally:
        _walks.known = before


class Tracked:
    """The part of `Layer` that knows what it holds."""

    name: str
    built: bool
    _trainable: bool
    _own_weights: list[Variable]

    def _sublayers(self) -> Iterator[Layer]:
        """Layers held in attributes, lists, tuples and dicts, in the order of their assignment."""
        seen = {id(self)}
        parts = [v for name, v in self.__dict__.items() if name not in _BOOKKEEPING]
        for layer in held(Tracked, parts):
            if id(layer) not in seen:
                seen.add(id(layer))
                yield cast('Layer', layer)

    def flatten_layers(self) -> Iterator[Layer]:
        """This layer and all inside it, each once."""
        return _found('layers', self, self._walk)

    def _walk(self) -> Iterator[Layer]:
        seen: set[int] = set()
        pending: list[Any] = [self]
        while pending:
            layer = pending.pop(0)
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                pending[:0] = list(layer._sublayers())

    def _variables_here(self) -> Iterator[Variable]:
        found = {id(v): v for v in self._own_weights}
        added = len(found)
        for name, value in list(self.__dict__.items()):
            if name not in _BOOKKEEPING:
                found.update((id(v), v) for v in held(Variable, value))
        # Without variables that were only assigned the order is that of `add_weight`; else of all as they were made.
        yield from found.values() if len(found) == added else sorted(found.values(), key=lambda v: v.number)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.flatten_layers():
            layer._switch(bool(value))

    def _switch(self, value: bool) -> None:
        self._trainable = value
        for variable in self._variables_here():
            variable.trainable = value and variable.made_trainable

    def _freeze_parts_too(self) -> None:
        """At a constructor's end: what is told to be frozen is so with all inside it."""
        if not self._trainable:
            self.trainable = False

    def _frozen_parts(self) -> list[str] | None:
        """Which of this layer ('') and those inside it are frozen, by path; None where its own switch tells all."""
        parts = dict(self._parts('', set()))
        frozen = [path for path, layer in parts.items() if not layer._trainable]
        return frozen if frozen and len(parts) > 1 else None

    def _freeze_as(self, frozen: Any) -> None:
        """Set the switches to what `_frozen_parts` told of a layer that was made and built alike."""
        if not isinstance(frozen, list) or not all(isinstance(path, str) for path in cast('list[Any]', frozen)):
            raise ArchiveError(
                f"Expected 'frozen_parts' of layer {self.name!r} to be a list of paths, received {frozen!r}."
            )
        parts, wanted = dict(self._parts('', set())), set(cast('list[str]', frozen))
        for path, layer in parts.items():
            if layer._trainable == (path in wanted):
                layer._switch(path not in wanted)
        if unknown := sorted(wanted - parts.keys()):
            warn(
                f'Expected the frozen parts {", ".join(unknown)} in layer {self.name!r}, which has none of that name '
                'yet. Set their `trainable` to False, and compile again, before you train it.'
            )

    def _parts(self, path: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
        """This layer and all inside it, each by the attributes that lead to it first."""
        seen.add(id(self))
        yield path, cast('Layer', self)
        names: dict[int, str] = {}
        for name, value in self.__dict__.items():
            if name not in _BOOKKEEPING:
                for number, layer in enumerate(held(Tracked, value)):
                    names.setdefault(id(layer), name if layer is value else f'{name}/{number}')
        for number, layer in enumerate(self._sublayers()):
            if id(layer) not in seen:
                name = names.get(id(layer), str(number))  # a functional model's are in its graph alone
                yield from layer._parts(f'{path}/{name}' if path else name, seen)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that optimizers update, each once."""
        found: dict[int, Variable] = {}
        if not self._trainable:
            return []
        for layer in self.flatten_layers():
            if layer._trainable:
                found.update((id(v), v) for v in layer._variables_here() if v.trainable)
        return list(found.values())

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All other variables: frozen weights, statistics, the states of seed generators."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def variables(self) -> list[Variable]:
        """Every variable: of each layer its weights, then what is carried from step to step, in Keras's order."""
        found: dict[int, Variable] = {}
        for layer in self.flatten_layers():
            own = sorted(layer._variables_here(), key=lambda v: not v.made_trainable)
            found.update((id(v), v) for v in (*own, *layer._carried()) if id(v) not in found)
        return list(found.values())

    def _carried(self) -> Iterator[Variable]:
        """What goes from step to step beside the weights, and into no archive: the states of seed generators."""
        for name, value in list(self.__dict__.items()):
            if name not in _BOOKKEEPING:
                for generator in held(SeedGenerator, value):
                    yield generator.state

    @property
    def weights(self) -> list[Variable]:
        """Weights and statistics, layer by layer, trainable before not within a layer."""
        found: dict[int, Variable] = {}
        for layer in self.flatten_layers():
            own = sorted(layer._variables_here(), key=lambda v: not v.made_trainable)
            found.update((id(v), v) for v in own if id(v) not in found)
        return list(found.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of the weights on the host."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `weights`.

        Raises:
            ShapeError: The number of arrays, or a shape, does not fit; nothing is set then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ShapeError(
                f'Expected {len(own)} arrays for layer {self.name!r}, received {len(weights)}. '
                f'Its weights are {[v.path for v in own]}.'
            )
        for variable, value in zip(own, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ShapeError(
                    f'Expected an array of shape {variable.shape} for {variable.path!r}, received {np.shape(value)}.'
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of weights' elements."""
        if not self.built:
            raise NotBuiltError(f'Layer {self.name!r} has no weights yet: call it, or build it with a shape.')
        return sum(math.prod(v.shape) for v in self.weights)

    # What its files hold

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own variables into a store, by their numbers; a subclass may put other arrays there.

        Args:
            store: A dict of arrays, to be filled.
        """
        for index, variable in enumerate(self._own_in_order()):
            store[str(index)] = variable

    def load_own_variables(self, store: Any) -> None:
        """Take the layer's own variables from a store that `save_own_variables` filled.

        Raises:
            ShapeError: The number of arrays, or a shape, does not fit.
        """
        own = self._own_in_order()
        if len(store.keys()) != len(own):
            raise ShapeError(
                f'Layer {self.name!r} expected {len(own)} variables, but received {len(store.keys())} variables during '
                f'loading. Expected: {[v.name for v in own]}'
            )
        for index, variable in enumerate(own):
            variable.assign(store[str(index)])

    def _own_in_order(self) -> list[Variable]:
        return sorted(self._variables_here(), key=lambda v: not v.made_trainable)

    # Metrics

    @property
    def metrics(self) -> list[Metric]:
        """The metrics held in attributes, of layers inside too."""
        return list(self._metrics_held())

    def _metrics_held(self) -> Iterator[Metric]:
        return _found('metrics', self, self._look_for_metrics)

    def _look_for_metrics(self) -> Iterator[Metric]:
        seen: set[int] = set()
        for layer in self.flatten_layers():
            parts = [value for name, value in layer.__dict__.items() if name not in _BOOKKEEPING]
            for metric in held(Metric, parts):
                if id(metric) not in seen:
                    seen.add(id(metric))
                    yield metric

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of its metrics."""
        return [v for metric in self.metrics for v in metric.variables]


def _found(what: str, where: Any, look: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    known = _walks.known
    if known is None:
        return look()
    key = what, id(where)
    if key not in known:
        known[key] = list(look())
    return iter(known[key])
