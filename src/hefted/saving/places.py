"""Where Keras 3 keeps the variables of a model in an archive: by attributes and the layers that they lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hefted.layers.foreign import KerasLayer, borrowed_parts, borrowed_weights, is_a
from hefted.layers.layer import Layer
from hefted.utils.naming import snake_case
from hefted.variables import Variable

_NOT_SAVED = {
    '_init_arguments', '_input', '_stack', '_compile_arguments', '_compiled', '_objective', '_planned', 'history',
}  # fmt: skip


class Place(NamedTuple):
    """Where a layer's, or the optimizer's, variables lie in a file."""

    path: str
    name: str
    variables: list[Variable]
    owner: Any


def places(model: Any, left_out: Sequence[Any] = ()) -> Iterator[Place]:
    """Where Keras keeps the variables of every layer and the optimizer (and none of seed generators)."""
    yield from weights_places(model, left_out)
    optimizer = getattr(model, 'optimizer', None)
    if optimizer is not None and optimizer.built:
        yield Place('optimizer', optimizer.name, list(optimizer.variables), optimizer)


def weights_places(model: Any, left_out: Sequence[Any] = ()) -> Iterator[Place]:
    """Where Keras keeps the variables of a model's layers, but for some and those inside them."""
    for path, layer in _walk(model, '', {id(_inner(layer)) for layer in left_out}):
        own = layer._variables_here() if isinstance(layer, Layer) else borrowed_weights(layer)
        yield Place(path, layer.name, sorted(own, key=lambda v: not v.made_trainable), layer)


def layers_by_path(model: Any) -> dict[str, Any]:
    """A model's layers by the path that Keras gives them in archives."""
    return dict(_walk(model, '', set()))


def _walk(layer: Layer, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """A layer, then those that it holds, by attribute; each once, where first met."""
    layer = _inner(layer)
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path, layer
    prefix = f'{path}/' if path else ''
    for name, held in _attributes(layer):
        yield from _walk_held(held, prefix + name, seen)


def _inner(layer: Any) -> Any:
    """A layer of Keras's in the place of what holds it: its weights lie where Keras lays them."""
    return layer.theirs if isinstance(layer, KerasLayer) else layer


def _attributes(layer: Any) -> list[tuple[str, Any]]:
    """In Keras's order: a sequential or functional model's layers first, the others by name, private ones last."""
    if not isinstance(layer, Layer):
        return borrowed_parts(layer)
    own = {name: value for name, value in vars(layer).items() if name not in _NOT_SAVED} | _properties(layer)
    layers = getattr(layer, 'layers', None)
    if layers is not None and ('_stack' in vars(layer) or vars(layer).get('_graph') is not None):
        return [('layers', layers), *_by_name(own)]
    return _by_name(own if layers is None else {**own, 'layers': layers})


def _properties(layer: Layer) -> dict[str, Any]:
    """What a layer's own class tells of it by properties: a layer is kept under the first name that leads to it."""
    found: dict[str, Any] = {}
    for cls in type(layer).__mro__:
        if cls.__module__ == 'hefted.layers.layer' or cls.__module__.startswith('hefted.models.'):
            break
        for name in [name for name, value in vars(cls).items() if isinstance(value, property)]:
            try:
                found.setdefault(name, getattr(layer, name))
            except Exception:
                continue
    return found


def _by_name(attributes: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(attributes.items(), key=lambda item: (item[0].startswith('_'), item[0]))


def _walk_held(held: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if isinstance(held, Layer) or is_a(held, 'keras', 'Layer'):
        yield from _walk(held, path, seen)
    elif isinstance(held, (list, tuple, dict)):
        taken: Counter[str] = Counter()
        for item in held.values() if isinstance(held, dict) else held:
            nested = isinstance(item, (list, tuple, dict))
            base = 'container' if nested else snake_case(type(_inner(item)).__name__)
            if nested or isinstance(item, Layer) or is_a(item, 'keras', 'Layer'):
                yield from _walk_held(item, f'{path}/{base}_{taken[base]}' if taken[base] else f'{path}/{base}', seen)
                taken[base] += 1
