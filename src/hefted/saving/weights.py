"""Weights in HDF5, laid out as Keras 3 lays them out.

`layers/<class>[_<n>]/vars/<i>` for the layers of a model, `<attribute>/vars/<i>` for layers held in attributes,
`optimizer/vars/<i>` for the optimizer. Reading follows no links and takes no dataset whose shape is not the variable's.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hefted.errors import ArchiveError, ArgumentError, NotBuiltError, warn
from hefted.layers.foreign import KerasLayer, borrowed_parts, borrowed_weights, is_a
from hefted.layers.layer import Layer
from hefted.utils.naming import snake_case
from hefted.variables import Variable

Place = tuple[str, str, list[Variable]]  # path, name, variables
_NOT_SAVED = {
    '_init_arguments', '_input', '_stack', '_compile_arguments', '_compiled', '_objective', '_planned', 'history',
}  # fmt: skip


def save_weights(model: Any, filepath: str | Path, overwrite: bool = True) -> None:
    """Save a model's weights to a file that ends in `.weights.h5` or `.safetensors`.

    Raises:
        ArgumentError: Another ending, or the file is there and `overwrite` is False.
        NotBuiltError: The model has no weights yet.
    """
    path = Path(filepath)
    if path.suffix == '.safetensors':
        from hefted.saving.safetensors import save_safetensors

        return save_safetensors(model, path, overwrite)
    if not path.name.endswith('.weights.h5'):
        raise ArgumentError(f'Expected filepath to end in .weights.h5 or .safetensors, received {str(path)!r}.')
    return write_aside(path, weights_bytes(model), overwrite)


def load_weights(model: Any, filepath: str | Path) -> None:
    """Load weights from a `.weights.h5` file or a `.keras` file, Keras's or ours, or a `.safetensors` file.

    A compiled model's optimizer gets its state too, if the file holds one of the same kind.

    Raises:
        ArchiveError: The file is not HDF5, or does not fit the model; the model is then as it was.
        NotBuiltError: The model has no weights yet.
    """
    path = Path(filepath)
    if path.suffix == '.safetensors':
        from hefted.saving.safetensors import load_safetensors

        return load_safetensors(model, path)
    if path.suffix == '.keras':
        from hefted.saving.archive import read_members

        blob = read_members(path)['model.weights.h5']
    else:
        blob = path.read_bytes()
    if model.built and getattr(model, 'optimizer', None) is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return read_weights(model, blob)


def weights_bytes(model: Any) -> bytes:
    """The HDF5 file of a model's weights and its optimizer's."""
    import h5py

    if not model.built:
        raise NotBuiltError('The model has no weights to save yet. Build it, or call it on data, first.')
    buffer = io.BytesIO()
    with h5py.File(buffer, 'w') as file:
        for path, name, variables in _places(model):
            group = file.create_group(f'{path}/vars' if path else 'vars')
            group.attrs['name'] = name
            for index, variable in enumerate(variables):
                _write(group, str(index), variable)
    return buffer.getvalue()


def read_weights(model: Any, blob: bytes) -> None:
    """Set a model's weights, and its optimizer's state, from an HDF5 file; nothing is set unless everything fits."""
    import h5py

    if not model.built:
        raise NotBuiltError('The model has no weights to load into yet. Build it, or call it on data, first.')
    found: list[tuple[Variable, Any]] = []
    try:
        with h5py.File(io.BytesIO(blob), 'r') as file:
            for path, name, variables in _places(model):
                if path == 'optimizer' and not _fits(file, path, name, variables):
                    continue
                for index, variable in enumerate(variables):
                    found.append((variable, _read(file, f'{path}/vars/{index}'.lstrip('/'), name, variable)))
    except OSError as error:
        raise ArchiveError(f'The file does not hold weights that can be read (HDF5 says: {error}).') from error
    for variable, value in found:
        variable.assign(value)


def _fits(file: Any, path: str, name: str, variables: list[Variable]) -> bool:
    """Whether a file holds the state of such an optimizer: another's is left where it is, and said, as Keras does."""
    stored = file.get(f'{path}/vars')
    count = len(stored) if hasattr(stored, 'keys') else 0
    if count not in (0, len(variables)):
        warn(
            f'Expected {len(variables)} variables for optimizer {name!r}, found {count} in the file; its state is not '
            'loaded. The file is of another kind of optimizer, of one that has not trained yet, or other layers were '
            'frozen: compile the model as it was.'
        )
    return count == len(variables)


def _places(model: Any) -> Iterator[Place]:
    """Where Keras keeps the variables of every layer and the optimizer (and none of seed generators)."""
    yield from weights_places(model)
    optimizer = getattr(model, 'optimizer', None)
    if optimizer is not None and optimizer.built:
        yield 'optimizer', optimizer.name, list(optimizer.variables)


def weights_places(model: Any) -> Iterator[Place]:
    """Where Keras keeps the variables of a model's layers."""
    for path, layer in _walk(model, '', set()):
        own = layer._variables_here() if isinstance(layer, Layer) else borrowed_weights(layer)
        yield path, layer.name, sorted(own, key=lambda v: not v.made_trainable)


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


def _write(group: Any, name: str, variable: Variable) -> None:
    value = variable.numpy()
    if value.dtype.name == 'bfloat16':  # HDF5 has no such type; Keras keeps its bits as void
        group.create_dataset(name, data=value.view(np.dtype('V2')))
        group[name].attrs['dtype'] = 'bfloat16'
    else:
        group.create_dataset(name, data=value)


def _read(file: Any, path: str, name: str, variable: Variable) -> Any:
    import h5py

    node = file
    for part in path.split('/'):
        if not isinstance(node, h5py.Group) or part not in node:
            raise ArchiveError(
                f'The file has no weights for {variable.path!r} (layer {name!r}, looked for at {path}). '
                'It was saved from a model of another architecture.'
            )
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            raise ArchiveError(f'The file holds a link at {path}, which is never followed.')
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise ArchiveError(f'Expected plain numbers at {path}, received data kept outside the file.')
    if node.shape != variable.shape:
        raise ArchiveError(f'Expected shape {variable.shape} for {variable.path!r}, received {node.shape} at {path}.')
    if node.dtype.kind not in 'biuf' and not (node.dtype.str == '|V2' and node.attrs.get('dtype') == 'bfloat16'):
        raise ArchiveError(f'Expected numbers for {variable.path!r}, received {node.dtype} at {path}.')
    value = node[()]
    if node.attrs.get('dtype') == 'bfloat16':
        import ml_dtypes

        return np.asarray(value).view(ml_dtypes.bfloat16)
    return value


def write_aside(path: Path, blob: bytes, overwrite: bool) -> None:
    """Write a file whole or not at all: aside first, then renamed."""
    import os

    if path.exists() and not overwrite:
        raise ArgumentError(f'Expected overwrite=True for {str(path)!r}, which is there already.')
    aside = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with aside.open('wb') as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise OSError(error.errno, _why_not_written(path, error), str(path)) from error  # of the same class
    finally:
        with suppress(OSError):  # the folder may not be there, or be a file
            aside.unlink(missing_ok=True)


def _why_not_written(path: Path, error: OSError) -> str:
    folder = path.parent
    if path.is_dir():
        remedy = 'It is a folder: name a file, or remove it first'
    elif not folder.is_dir():
        remedy = f'{str(folder)!r} is {"no folder" if folder.exists() else "not there: make that folder first"}'
    else:
        remedy = f'See to {str(folder)!r}, or name a file in another folder'
    return f'The model cannot be saved to this filepath ({error.strerror}). {remedy}'
