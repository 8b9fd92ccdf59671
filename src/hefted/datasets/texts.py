"""Texts as lists of word numbers, in NumPy's archives of Python lists: read by a reader that knows lists alone."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hefted.errors import DataError

_MOST_BYTES = 1 << 28  # of one array, unpacked: several times Keras's largest


class _Lists:
    """What stands in for NumPy's array of objects: keeps the list that it is filled with, and runs nothing."""

    content: Any = None

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.content = state[-1] if isinstance(state, tuple) and state else None


class _Reader(pickle.Unpickler):
    """Reads lists and numbers; every class that the file may name is an inert one of ours."""

    def find_class(self, module: str, name: str) -> Any:
        core = ('numpy.core.multiarray', 'numpy._core.multiarray')
        if (module == 'numpy' and name in ('ndarray', 'dtype')) or (module in core and name == '_reconstruct'):
            return _Lists
        raise DataError(f'Expected a file of lists of numbers, found {module}.{name} in it: refused.')


def read_lists(path: Path, name: str) -> list[list[int]]:
    """The lists of numbers that an `.npz` file has under a name.

    Raises:
        DataError: There is something else, or the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := archive.getinfo(f'{name}.npy').file_size) > _MOST_BYTES:
                raise DataError(f'{path.name}: {name!r} would unpack to {size} bytes: refused.')
            content = io.BytesIO(archive.read(f'{name}.npy'))
        npy.read_magic(content)
        npy.read_array_header_1_0(content)
        lists = _Reader(content).load()
    except (OSError, LookupError, ValueError, EOFError, TypeError, AttributeError, OverflowError,
            pickle.UnpicklingError, zipfile.BadZipFile) as error:  # fmt: skip
        raise DataError(f'{path.name}: expected an .npz file with lists as {name!r}, received {error!r}.') from error
    found: Any = lists.content if isinstance(lists, _Lists) else None
    if type(found) is not list or {type(one) for one in cast('list[Any]', found)} - {list}:
        raise DataError(f'{path.name}: expected lists of numbers as {name!r}, received something else.')
    return cast('list[list[int]]', found)


def read_labels(path: Path, name: str) -> NDArray[Any]:
    """The numbers that an `.npz` file has under a name."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return content[name]
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise DataError(f'{path.name}: expected an .npz file with numbers as {name!r}, received {error}.') from error


def shifted(texts: list[list[int]], start_char: int | None, index_from: int) -> list[list[int]]:
    """Word numbers moved up by `index_from`, after a number for the text's begin."""
    before = [] if start_char is None else [start_char]
    return [before + [w + (index_from or 0) for w in text] for text in texts]


def limited(texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Rare words, and the most frequent, replaced by `oov_char`, or left out if that is None."""
    most = num_words or max(max(text) for text in texts)
    if oov_char is None:
        return [[w for w in text if skip_top <= w < most] for text in texts]
    return [[w if skip_top <= w < most else oov_char for w in text] for text in texts]


def ragged(texts: list[list[int]]) -> NDArray[Any]:
    """The lists as an array of objects."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def shorter(texts: list[list[int]], labels: NDArray[Any], maxlen: int | None) -> tuple[list[list[int]], NDArray[Any]]:
    """The texts with fewer words than `maxlen`, and their labels."""
    if not maxlen:
        return texts, labels
    kept = [i for i, text in enumerate(texts) if len(text) < maxlen]
    return [texts[i] for i in kept], labels[kept]
