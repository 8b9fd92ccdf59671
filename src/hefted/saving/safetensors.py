"""Weights in the safetensors format: a header of JSON, then plain numbers; written and read here.

A weight's name is where Keras keeps it and what it is called (`layers/dense_1/kernel`), so that another model of the
same architecture has the same names. The optimizer's state is not among them.
"""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from hefted.errors import ArchiveError, NotBuiltError
from hefted.saving.places import weights_places
from hefted.saving.weights import MisfitError, require_file, warn_of_misfits, write_aside
from hefted.variables import Variable

_MOST_HEADER = 100_000_000  # the format's own limit
_TYPES: dict[str, Any] = {
    'F64': np.float64, 'F32': np.float32, 'F16': np.float16, 'BF16': ml_dtypes.bfloat16,
    'F8_E4M3': ml_dtypes.float8_e4m3fn, 'F8_E5M2': ml_dtypes.float8_e5m2,
    'I64': np.int64, 'I32': np.int32, 'I16': np.int16, 'I8': np.int8,
    'U64': np.uint64, 'U32': np.uint32, 'U16': np.uint16, 'U8': np.uint8, 'BOOL': np.bool_,
}  # fmt: skip
_NAMES = {np.dtype(dtype).name: name for name, dtype in _TYPES.items()}


class Entry(NamedTuple):
    """One tensor of a file: its type and shape, and where its bytes begin and end."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def save_safetensors(model: Any, filepath: str | Path, overwrite: bool = True) -> None:
    """Save a model's weights to a `.safetensors` file.

    Args:
        model: Built.
        filepath: Where.
        overwrite: Whether a file that is there is replaced.

    Raises:
        ArgumentError: The file is there and `overwrite` is False.
        NotBuiltError: The model has no weights yet.
    """
    write_tensors(filepath, {name: variable.numpy() for name, variable in _named(model).items()}, 'hefted', overwrite)


def write_tensors(
    filepath: str | Path, tensors: Mapping[str, np.ndarray[Any, Any]], form: str, overwrite: bool = True
) -> None:
    """Write arrays to a `.safetensors` file.

    Args:
        filepath: Where.
        tensors: By name.
        form: Which program's conventions the names and layouts follow: 'hefted', 'pt' for PyTorch's.
        overwrite: Whether a file that is there is replaced.

    Raises:
        ArgumentError: The file is there and `overwrite` is False.
    """
    header: dict[str, Any] = {'__metadata__': {'format': form}}
    body = io.BytesIO()
    # Wide types first: then every tensor lies at a multiple of its item's size.
    for name, value in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        begin = body.tell()
        body.write(np.ascontiguousarray(value, value.dtype.newbyteorder('<')).tobytes())
        dtype = _NAMES[value.dtype.name]
        header[name] = {'dtype': dtype, 'shape': list(value.shape), 'data_offsets': [begin, body.tell()]}
    told = json.dumps(header).encode()
    told += b' ' * (-len(told) % 8)
    write_aside(Path(filepath), len(told).to_bytes(8, 'little') + told + body.getvalue(), overwrite)


def entries_of(path: Path) -> dict[str, Entry]:
    """The tensors of a file, by name, checked against its size; none is read.

    Raises:
        ArchiveError: The file is damaged, or none of the format.
        MissingFileError: There is no such file.
    """
    require_file(path)
    with path.open('rb') as file:
        return _header(file, path.stat().st_size)[0]


def read_tensors(path: Path, names: Iterable[str]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Tensors of a file, one at a time.

    Raises:
        ArchiveError: The file is damaged, or none of the format.
    """
    with path.open('rb') as file:
        entries, start = _header(file, path.stat().st_size)
        for name in names:
            yield name, _read(file, start, entries[name])


def load_safetensors(model: Any, filepath: str | Path, skip_mismatch: bool = False) -> None:
    """Load weights from a `.safetensors` file with the names that `save_safetensors` gives.

    Args:
        model: Built.
        filepath: Where.
        skip_mismatch: Whether layers that the file has nothing for, or something else, are left as they are, with a
            warning.

    Raises:
        ArchiveError: The file is damaged, or its names and shapes are not the model's; nothing is set then.
        NotBuiltError: The model has no weights yet.
    """
    weights = _named(model)
    path = Path(filepath)
    require_file(path)
    with path.open('rb') as file:
        entries, start = _header(file, path.stat().st_size)
        if skip_mismatch:
            entries = _fitting(weights, entries)
        else:
            _require_same(weights, entries, path)
        values = {name: _read(file, start, entry) for name, entry in entries.items()}
    for name, value in values.items():
        weights[name].assign(value)


def _named(model: Any) -> dict[str, Variable]:
    if not model.built:
        raise NotBuiltError('The model has no weights yet. Build it, or call it on data, first.')
    found: dict[str, Variable] = {}
    for place in weights_places(model):
        taken: Counter[str] = Counter()
        for variable in place.variables:
            last = f'{variable.name}_{taken[variable.name]}' if taken[variable.name] else variable.name
            taken[variable.name] += 1
            found[f'{place.path}/{last}'.lstrip('/')] = variable
    return found


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Entry], int]:
    """What a file says it holds, checked against its size, and where the numbers begin."""
    length = int.from_bytes(file.read(8), 'little')
    if not 2 <= length <= min(_MOST_HEADER, size - 8):
        raise ArchiveError(f'Expected a safetensors file, received {size} bytes with a header of {length}.')
    try:
        told = json.loads(file.read(length))
        told.pop('__metadata__', None)
        entries = {name: _entry(name, entry) for name, entry in told.items()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f'The header of the safetensors file cannot be read: {error!r}.') from error
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        if entry.begin != at:
            raise ArchiveError(f'Expected {name!r} to begin at byte {at} of the safetensors file, not {entry.begin}.')
        at = entry.end
    if 8 + length + at != size:
        raise ArchiveError(f'Expected {8 + length + at} bytes in the safetensors file, received {size}.')
    return entries, 8 + length


def _entry(name: str, told: Any) -> Entry:
    dtype, shape, (begin, end) = np.dtype(_TYPES[told['dtype']]), tuple(told['shape']), told['data_offsets']
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ArchiveError(f'Expected whole numbers for {name!r} in the safetensors file, received {told!r}.')
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ArchiveError(f'{name!r} does not fill its place in the safetensors file: {told!r}.')
    return Entry(dtype, shape, begin, end)


def _fitting(weights: dict[str, Variable], entries: dict[str, Entry]) -> dict[str, Entry]:
    """The entries of the layers that fit whole; the others are told."""
    misfits = {_layer_of(name): MisfitError(wrong) for name, wrong in _differences(weights, entries).items()}
    warn_of_misfits(misfits)
    return {name: entry for name, entry in entries.items() if _layer_of(name) not in misfits}


def _layer_of(name: str) -> str:
    return name.rpartition('/')[0]


def _require_same(weights: dict[str, Variable], entries: dict[str, Entry], path: Path) -> None:
    """One error for all that does not fit."""
    if wrong := [*_differences(weights, entries).values()]:
        more = f' and {len(wrong) - 8} more' if len(wrong) > 8 else ''
        raise ArchiveError(f'{str(path)!r} does not fit the model; nothing was set: {"; ".join(wrong[:8])}{more}.')


def _differences(weights: dict[str, Variable], entries: dict[str, Entry]) -> dict[str, str]:
    """What does not fit, by the names of the weights."""
    wrong = {name: f'{name} is missing' for name in weights if name not in entries}
    wrong |= {name: f'{name} is not in the model' for name in entries if name not in weights}
    return wrong | {
        name: f'{name} has shape {entries[name].shape}, expected {variable.shape}'
        for name, variable in weights.items()
        if name in entries and entries[name].shape != variable.shape
    }


def _read(file: BinaryIO, start: int, entry: Entry) -> Any:
    file.seek(start + entry.begin)
    return np.frombuffer(file.read(entry.end - entry.begin), entry.dtype.newbyteorder('<')).reshape(entry.shape)
