"""What a training is: what must be the same for another process to go on from its checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hefted.data.source import Source
from hefted.distribution import hosts
from hefted.random import told_seed
from hefted.train.binding import Binding
from hefted.train.differing import DATA, NUMBERED, OF_EACH, without_values
from hefted.variables import Variable

if TYPE_CHECKING:
    from hefted.models.model import Model

_OBJECTIVE = ('loss', 'loss_weights', 'metrics', 'weighted_metrics')
_ROWS = re.compile(r'(?<= )\((\d+),')  # of an array's shape


def identity_of(
    model: Model, binding: Binding, source: Source, held_out: Source | None, **arguments: Any
) -> dict[str, Any]:
    """What a training is, by names that a person knows; made of strings, numbers and lists.

    Names of layers are left out, or numbers within their model: made-up ones count what the process had made before.

    Args:
        model: Compiled and built.
        binding: Its variables.
        source: What it is trained on.
        held_out: What it is validated on.
        **arguments: Of `fit`, that change what comes out.
    """
    compiled: Mapping[str, Any] = getattr(model, '_compile_arguments', None) or {}
    return {
        'layer': _layers(model),
        'variable': [f'{v.dtype} {v.shape}' for group in binding.groups.values() for v in group],
        'optimizer': _optimizer(model.optimizer),
        **{name: _line(compiled.get(name)) for name in _OBJECTIVE},
        **_data(source),
        **{f'validation {name}': value for name, value in (_data(held_out).items() if held_out else ())},
        **arguments,
        'seed': told_seed(),
    }


def identity_of_all(
    model: Model, binding: Binding, source: Source, held_out: Source | None, **arguments: Any
) -> dict[str, Any]:
    """The same of the processes that train together; they all ask.

    Where each brings rows of its own, these are told by the shapes of all, as one process that had all would tell them,
    and beside that process by process.

    Args:
        model: Compiled and built.
        binding: Its variables.
        source: What it is trained on.
        held_out: What it is validated on.
        **arguments: Of `fit`, that change what comes out.
    """
    told = identity_of(model, binding, source, held_out, **arguments)
    placing = source.layout.placing
    if placing is None or placing.hosts == 1:
        return told
    names = [name for name in (DATA, f'validation {DATA}') if name in told]
    each = hosts.gather([told[name] for name in names], 'the data of a training that is kept')
    return {
        **told,
        **{name: [_of_all(line, placing.hosts) for line in told[name]] for name in names},
        **{n: told[n] * placing.hosts for n in ('batch_size', 'validation batch_size') if n in told},
        **{f'{name}{OF_EACH}': [data[number] for data in each] for number, name in enumerate(names)},
    }


def _of_all(line: str, hosts: int) -> str:
    """The line of an array, with the rows of all and without its values; any other as it is."""
    return _ROWS.sub(lambda found: f'({int(found[1]) * hosts},', without_values(line), count=1)


def model_of(model: Model, trains: bool = False) -> dict[str, Any]:
    """What a model is by itself, as `identity_of` tells it.

    Args:
        model: A built one.
        trains: Whether that by which it is trained or judged belongs to it.
    """
    told = {'layer': _layers(model), 'variable': [f'{v.dtype} {v.shape}' for v in model.variables]}
    if not trains:
        return told
    compiled: Mapping[str, Any] = getattr(model, '_compile_arguments', None) or {}
    optimizer = {'optimizer': _optimizer(model.optimizer)}
    return told | optimizer | {name: _line(compiled.get(name)) for name in _OBJECTIVE}


def rate_of(model: Model) -> float | None:
    """The learning rate that a model's optimizer holds; None where it follows from the step."""
    rate = getattr(getattr(model, 'optimizer', None), '_learning_rate', None)
    return float(rate.numpy()) if isinstance(rate, Variable) else None


def _layers(model: Model) -> list[str]:
    return [_line(layer) for layer in getattr(model, 'layers', ())]


def _data(source: Source) -> dict[str, Any]:
    told = getattr(source, 'identity', None)  # a source of somebody else's need not say
    return {} if told is None else told()


def _optimizer(optimizer: Any) -> str:
    """Its class and config; not its learning rate where it has trained here: a callback may have changed it."""
    told = _told(optimizer)
    if isinstance(told, list) and int(np.asarray(getattr(optimizer, 'iterations', 0))):
        told = [told[0], {name: value for name, value in told[1].items() if name != 'learning_rate'}]
    return json.dumps(told)


def _line(value: Any) -> str:
    return json.dumps(_told(value), sort_keys=True)


def _told(value: Any) -> Any:
    """Something as plain data: objects by class and config, functions by name."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(str(np.float32(value)))  # 0.01, whether a variable held it or not
    if isinstance(value, Mapping):
        return {str(name): _told(part) for name, part in _numbered(value).items() if name != 'name'}
    if isinstance(value, (list, tuple)):
        return [_told(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if not isinstance(value, type) and callable(getattr(value, 'get_config', None)):
        try:
            return [type(value).__name__, _told(value.get_config())]
        except Exception:  # a user's own, which has never been asked: its class is what is known
            return [type(value).__name__, {}]
    return getattr(value, '__qualname__', type(value).__name__)


def _numbered(config: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The config of a model with its layers by number where others name them; any other as it is."""
    layers = config.get('layers')
    if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Mapping) for layer in layers):
        return config
    numbers = {layer.get('name'): f'{NUMBERED}{number}' for number, layer in enumerate(layers)}
    return {
        **config,
        **{name: _places(config[name], numbers) for name in ('input_layers', 'output_layers') if name in config},
        'layers': [
            {**layer, 'inbound_nodes': _places(layer['inbound_nodes'], numbers)} if 'inbound_nodes' in layer else layer
            for layer in layers
        ],
    }


def _places(structure: Any, numbers: Mapping[Any, str]) -> Any:
    """A structure in which outputs are told as [layer, call, number]."""
    match structure:
        case [str(name), int(call), int(number)] if name in numbers:
            return [numbers[name], call, number]
        case Mapping():
            return {key: _places(part, numbers) for key, part in structure.items()}
        case list() | tuple():
            return [_places(part, numbers) for part in structure]
        case _:
            return structure
