"""CIFAR's binary version: records of labels and 3 x 32 x 32 bytes, plane by plane; nothing in it is run.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted import settings
from hefted.datasets.fetching import fetch
from hefted.errors import DataError
from hefted.utils.layout import image_data_format

ADDRESS = 'https://www.cs.toronto.edu/~kriz/'
_PIXELS = 3 * 32 * 32


def folder_of(name: str, archive: str, digest: str | None, address: str = ADDRESS) -> Path:
    """The folder of the files: in that of HEFTED_DATASETS, or in the cache after one download."""
    given = settings.datasets_folder()
    if given is not None and (given / name).is_dir():
        return given / name
    return fetch(archive.partition('.')[0], address + archive, file_hash=digest, extract=True) / name


def read(folder: Path, files: Sequence[str], labels: int, which: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images and labels of some files.

    Args:
        folder: Where they are.
        files: Their names, in order.
        labels: How many bytes of labels a record begins with.
        which: Which of these is the label.

    Returns:
        uint8 of shapes (n, 32, 32, 3), or with the channels first if these are, and (n, 1).

    Raises:
        DataError: A file is missing, or is not made of whole records.
    """
    parts: list[NDArray[Any]] = []
    for name in files:
        try:
            content = np.fromfile(folder / name, np.uint8)
        except OSError as error:
            raise DataError(
                f'{name} cannot be read in {folder.name}: {error}. Delete the folder, and try again.'
            ) from error
        if not len(content) or len(content) % (labels + _PIXELS):
            raise DataError(
                f'{name}: expected records of {labels + _PIXELS} bytes, received {len(content)} bytes. Delete the '
                'folder, and try again.'
            )
        parts.append(content.reshape(-1, labels + _PIXELS))
    records = np.concatenate(parts)
    images = records[:, labels:].reshape(-1, 3, 32, 32)
    if image_data_format() == 'channels_last':
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, which : which + 1].copy()
