"""Where a data set's file is: named by the user, in the folder of HEFTED_DATASETS, or in the cache after a download."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted import settings
from hefted.errors import ArgumentError, DataError

KERAS_S = 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/'


def fetch(name: str, origin: str, **told: Any) -> Path:
    """`utils.get_file`, imported when something is downloaded: its bar comes with JAX, which reading does without."""
    from hefted.utils.downloads import get_file

    return Path(get_file(name, origin, **told))


def file_of(path: str | os.PathLike[str], origin: str, digest: str | None) -> Path:
    """The file of a data set.

    Args:
        path: Its name in the cache, or a file elsewhere, with its folder.
        origin: Where it is downloaded from if it is not there.
        digest: SHA-256 or MD5 of a download.

    Raises:
        ArgumentError: A file with a folder that is not there.
        DataError: It cannot be downloaded, or is not what was expected.
    """
    named = Path(path)
    if named.parent != Path():
        if not named.exists():
            raise ArgumentError(f'path: expected a file that is there, received {str(path)!r}. Leave it out.')
        return named
    folder = settings.datasets_folder()
    if folder is not None and (folder / named).exists():
        return folder / named
    return fetch(str(named), origin, file_hash=digest)


def table_of(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """`x` and `y` of an `.npz` file.

    Raises:
        DataError: The file is damaged, or holds Python objects.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            x, y = content['x'], content['y']
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise DataError(f'{path.name}: expected an .npz file of numbers, with x and y, received {error}.') from error
    if len(x) != len(y):
        raise DataError(f'{path.name}: expected as many rows of x as of y, received {len(x)} and {len(y)}.')
    return x, y


def order_of(rows: int, seed: int) -> NDArray[Any]:
    """The order of rows that a seed gives, as Keras's."""
    indices = np.arange(rows)
    np.random.RandomState(seed).shuffle(indices)
    return indices


def check_split(test_split: float) -> None:
    """Raise unless it is from 0 to below 1."""
    if not 0 <= test_split < 1:
        raise ArgumentError(f'Expected test_split to be from 0 to below 1, received {test_split!r}.')


def split(x: NDArray[Any], y: NDArray[Any], test_split: float, seed: int) -> Any:
    """`(x_train, y_train), (x_test, y_test)`, the rows in the order of a seed."""
    order = order_of(len(x), seed)
    x, y = x[order], y[order]
    edge = int(len(x) * (1 - test_split))
    return (x[:edge], y[:edge]), (x[edge:], y[edge:])
