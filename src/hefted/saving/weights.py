"""Weights in HDF5, laid out as Keras 3 lays them out.

`layers/<class>[_<n>]/vars/<i>` for the layers of a model, `<attribute>/vars/<i>` for layers held in attributes,
`optimizer/vars/<i>` for the optimizer. Reading follows no links and takes no dataset whose shape is not the variable's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hefted.distribution import files, lead
from hefted.errors import ArchiveError, ArgumentError, MissingFileError, NotBuiltError, warn
from hefted.saving.hooks import load_own_variables, overrides, own_variables
from hefted.saving.places import Place, places
from hefted.variables import Variable

_MOST_GROWN, _ALWAYS = 16, 64 << 20  # bytes for a user's hook to a byte of the file, and besides


class MisfitError(ArchiveError):
    """A file is sound, but does not fit the model here: what `skip_mismatch` passes over."""


def save_weights(model: Any, filepath: str | Path, overwrite: bool = True, max_shard_size: float | None = None) -> None:
    """Save a model's weights to a file that ends in `.weights.h5` or `.safetensors`.

    Args:
        model: Built.
        filepath: Where.
        overwrite: Whether a file that is there is replaced.
        max_shard_size: Kept for Keras's sake; only None, for one file.

    Raises:
        ArgumentError: Another ending, or the file is there and `overwrite` is False.
        NotBuiltError: The model has no weights yet.
    """
    path = Path(filepath)
    if max_shard_size is not None:
        raise ArgumentError(f'Expected max_shard_size=None, received {max_shard_size}: weights are one file here.')
    if path.suffix == '.safetensors':
        from hefted.saving.safetensors import save_safetensors

        return save_safetensors(model, path, overwrite)
    if not path.name.endswith('.weights.h5'):
        raise ArgumentError(f'Expected filepath to end in .weights.h5 or .safetensors, received {str(path)!r}.')
    return write_aside(path, weights_bytes(model), overwrite)


def load_weights(
    model: Any,
    filepath: str | Path,
    skip_mismatch: bool = False,
    objects_to_skip: Sequence[Any] | None = None,
    by_name: bool | None = None,
) -> None:
    """Load weights from a `.weights.h5` or `.keras` file or an `OrbaxCheckpoint`, Keras's or ours, or `.safetensors`.

    A compiled model's optimizer gets its state too, if the file holds one of the same kind.

    Args:
        model: Built.
        filepath: Where.
        skip_mismatch: Whether layers that the file has nothing for, or something else, are left as they are, with a
            warning.
        objects_to_skip: Layers that are left as they are, of a `.weights.h5` file.
        by_name: Refused: of Keras's older format, which is not read.

    Raises:
        ArgumentError: Another ending, or an argument that this kind of file has no use for.
        ArchiveError: The file is not HDF5, or does not fit the model; the model is then as it was.
        MissingFileError: There is no such file.
        NotBuiltError: The model has no weights yet.
    """
    path = Path(filepath)
    if by_name is not None:
        raise ArgumentError(
            f'Expected by_name=None, received {by_name}: names are of the older .h5 format, which is not read. '
            'Write skip_mismatch=True to load the layers that fit.'
        )
    if objects_to_skip is not None and not path.name.endswith('.weights.h5'):
        raise ArgumentError(f'Expected a .weights.h5 file with objects_to_skip, received {str(path)!r}.')
    if path.is_dir():
        from hefted.saving import orbax

        if orbax.is_checkpoint(path):
            return orbax.load_weights(model, path, skip_mismatch)
    if path.suffix not in ('.keras', '.h5', '.hdf5', '.safetensors'):
        raise ArgumentError(
            f'File format not supported: filepath={path}. Weights are read from files that end in .weights.h5, .keras '
            'or .safetensors, and from folders of callbacks.OrbaxCheckpoint.'
        )
    require_file(path)
    if path.suffix == '.safetensors':
        from hefted.saving.safetensors import load_safetensors

        return load_safetensors(model, path, skip_mismatch)
    if path.suffix == '.keras':
        from hefted.saving.archive import read_members

        blob = read_members(path)['model.weights.h5']
    else:
        blob = path.read_bytes()
    if model.built and getattr(model, 'optimizer', None) is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return read_weights(model, blob, skip_mismatch, objects_to_skip or ())


def require_file(path: Path) -> None:
    """Raise Keras's kind of error, and Python's, where there is no file; one that all have saved is waited for."""
    files.settled(path)
    if not path.exists():
        raise MissingFileError(f'File not found: filepath={path}. Please ensure that it is there and can be read.')


def weights_bytes(model: Any) -> bytes:
    """The HDF5 file of a model's weights and its optimizer's."""
    import h5py

    if not model.built:
        raise NotBuiltError('The model has no weights to save yet. Build it, or call it on data, first.')
    buffer = io.BytesIO()
    with h5py.File(buffer, 'w') as file:
        for place in places(model):
            group = file.create_group(f'{place.path}/vars' if place.path else 'vars')
            group.attrs['name'] = place.name
            for key, value in _stored(place).items():
                _write(group, key, value)
    return buffer.getvalue()


def _stored(place: Place) -> Mapping[str, Any]:
    """A layer's arrays by their keys: the numbers of its variables, unless its class says otherwise."""
    if overrides(place.owner, 'save_own_variables'):
        return own_variables(place.owner)
    return {str(index): variable.numpy() for index, variable in enumerate(place.variables)}


def read_weights(model: Any, blob: bytes, skip_mismatch: bool = False, left_out: Sequence[Any] = ()) -> None:
    """Set a model's weights, and its optimizer's state, from an HDF5 file; nothing is set unless everything fits.

    Args:
        model: Built.
        blob: The file.
        skip_mismatch: Whether what does not fit is passed over, with a warning.
        left_out: Layers that are passed over, silently.
    """
    if not model.built:
        raise NotBuiltError('The model has no weights to load into yet. Build it, or call it on data, first.')
    found, given, misfits = _found_in(blob, places(model, left_out), skip_mismatch)
    before = [(v, v.held) for v in model.variables] if given else []  # arrays never change: these are no copies
    for variable, value in found:
        variable.assign(value)
    for place, store in given:
        try:
            load_own_variables(place.owner, store)
        except ArchiveError as error:
            if not skip_mismatch:
                for variable, value in before:
                    variable.hold(value)
                raise
            misfits[place.name] = error
    warn_of_misfits(misfits)


def warn_of_misfits(misfits: Mapping[str, Exception]) -> None:
    """Say what `skip_mismatch` passed over."""
    if misfits:
        told = '; '.join(f'{name!r}: {error}' for name, error in misfits.items())
        warn(f'A total of {len(misfits)} objects could not be loaded, and are as they were. {told}')


Found = tuple[list[tuple[Variable, Any]], list[tuple[Place, dict[str, Any]]], dict[str, Exception]]


def _found_in(blob: bytes, places: Iterator[Place], skip_mismatch: bool) -> Found:
    """What a file holds: values of variables, all there is for users' hooks, and what does not fit by its name."""
    import h5py

    found: list[tuple[Variable, Any]] = []
    given: list[tuple[Place, dict[str, Any]]] = []
    misfits: dict[str, Exception] = {}
    room = _MOST_GROWN * len(blob) + _ALWAYS
    try:
        with h5py.File(io.BytesIO(blob), 'r') as file:
            for place in places:
                try:
                    if overrides(place.owner, 'load_own_variables'):
                        given.append((place, _everything(file, place, room)))
                        room -= sum(value.nbytes for value in given[-1][1].values())
                    elif place.path != 'optimizer' or _fits(file, place):
                        found += _values(file, place)
                except MisfitError as error:
                    if not skip_mismatch:
                        raise
                    misfits[place.name] = error
    except OSError as error:
        raise ArchiveError(f'The file does not hold weights that can be read (HDF5 says: {error}).') from error
    return found, given, misfits


def _values(file: Any, place: Place) -> list[tuple[Variable, Any]]:
    prefix = f'{place.path}/vars'.lstrip('/')
    values = [
        (variable, _read(file, f'{prefix}/{index}', place.name, variable))
        for index, variable in enumerate(place.variables)
    ]
    stored = _node(file, prefix) if values else None
    if stored is not None and len(stored) != len(values):
        raise MisfitError(
            f'Layer {place.name!r} expected {len(values)} variables, but the file holds {len(stored)} for it, at '
            f'{prefix}. It was saved from a model of another architecture.'
        )
    return values


def _everything(file: Any, place: Place, room: int) -> dict[str, Any]:
    """All that a file holds for a layer whose class reads it itself, within so many bytes."""
    import h5py

    prefix = f'{place.path}/vars'.lstrip('/')
    group = _node(file, prefix)
    store: dict[str, Any] = {}
    keys: list[str] = [str(key) for key in group] if isinstance(group, h5py.Group) else []
    for key in keys:
        path = f'{prefix}/{key}'
        dataset = _node(file, path)
        _require_numbers(dataset, path)
        room -= dataset.size * dataset.dtype.itemsize
        if room < 0:
            raise ArchiveError(f'The file says that more numbers are at {path} than it accounts for: refused.')
        store[key] = _numbers(dataset)
    return store


def _fits(file: Any, place: Place) -> bool:
    """Whether a file holds the state of such an optimizer: another's is left where it is, and said, as Keras does."""
    stored = file.get(f'{place.path}/vars')
    count = len(stored) if hasattr(stored, 'keys') else 0
    if count not in (0, len(place.variables)):
        warn(
            f'Expected {len(place.variables)} variables for optimizer {place.name!r}, found {count} in the file; its '
            'state is not loaded. The file is of another kind of optimizer, of one that has not trained yet, or other '
            'layers were frozen: compile the model as it was.'
        )
    return count == len(place.variables)


def _write(group: Any, name: str, value: np.ndarray[Any, Any]) -> None:
    if value.dtype.name == 'bfloat16':  # HDF5 has no such type; Keras keeps its bits as void
        group.create_dataset(name, data=value.view(np.dtype('V2')))
        group[name].attrs['dtype'] = 'bfloat16'
    else:
        group.create_dataset(name, data=value)


def _read(file: Any, path: str, name: str, variable: Variable) -> Any:
    node = _node(file, path)
    if node is None:
        raise MisfitError(
            f'The file has no weights for {variable.path!r} (layer {name!r}, looked for at {path}). '
            'It was saved from a model of another architecture.'
        )
    _require_numbers(node, path)
    if node.shape != variable.shape:
        raise MisfitError(f'Expected shape {variable.shape} for {variable.path!r}, received {node.shape} at {path}.')
    return _numbers(node)


def _node(file: Any, path: str) -> Any:
    """What is at a path, or None; no link is followed on the way."""
    import h5py

    node = file
    for part in path.split('/'):
        if not isinstance(node, h5py.Group) or part not in node:
            return None
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            raise ArchiveError(f'The file holds a link at {path}, which is never followed.')
        node = node[part]
    return node


def _require_numbers(node: Any, path: str) -> None:
    import h5py

    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual or node.shape is None:
        raise ArchiveError(f'Expected plain numbers at {path}, received something else, or data outside the file.')
    if node.dtype.kind not in 'biuf' and not (node.dtype.str == '|V2' and node.attrs.get('dtype') == 'bfloat16'):
        raise ArchiveError(f'Expected numbers at {path}, received {node.dtype}.')


def _numbers(node: Any) -> np.ndarray[Any, Any]:
    value = np.asarray(node[()])
    if node.attrs.get('dtype') == 'bfloat16':
        import ml_dtypes

        return value.view(ml_dtypes.bfloat16)
    return value


def write_aside(path: Path, blob: bytes, overwrite: bool) -> None:
    """Write a file whole or not at all: aside first, then renamed; of several processes, the first alone."""
    import os

    if not lead.first():
        return files.written(path)
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
    return files.written(path)


def _why_not_written(path: Path, error: OSError) -> str:
    folder = path.parent
    if path.is_dir():
        remedy = 'It is a folder: name a file, or remove it first'
    elif not folder.is_dir():
        remedy = f'{str(folder)!r} is {"no folder" if folder.exists() else "not there: make that folder first"}'
    else:
        remedy = f'See to {str(folder)!r}, or name a file in another folder'
    return f'The model cannot be saved to this filepath ({error.strerror}). {remedy}'
