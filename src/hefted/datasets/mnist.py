"""MNIST: 70,000 handwritten digits of 28 x 28 grey pixels, as `keras.datasets.mnist` gives them.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hefted import settings
from hefted.datasets.idx import read_idx
from hefted.errors import ArgumentError, DataError

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

ADDRESS = 'https://storage.googleapis.com/cvdf-datasets/mnist/'
# SHA-256 of what is inside each file: a file that was packed anew holds the same digits.
_FILES = {
    'train-images-idx3-ubyte.gz': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    'train-labels-idx1-ubyte.gz': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    't10k-images-idx3-ubyte.gz': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    't10k-labels-idx1-ubyte.gz': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
}


def load_data(path: str | os.PathLike[str] | None = None, *, address: str = ADDRESS) -> tuple[Split, Split]:
    """Read MNIST from a folder, or from the cache after one download.

    Args:
        path: The folder with MNIST's four `.gz` files, or one whose `mnist` folder has them. Without it, the
            folder that HEFTED_DATASETS names; without that, Hefted's cache, filled by one download of 11 MB.
        address: Where a download comes from; whatever comes must have the known SHA-256.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 of shapes (60000, 28, 28), (60000,), (10000, 28, 28)
        and (10000,).

    Raises:
        ArgumentError: If the folder named does not hold the files.
        DataError: If a file is damaged, or cannot be downloaded, or is not what was expected.

    Example::

        (x_train, y_train), (x_test, y_test) = load_data()
    """
    folder = _given(path) or _cached(address)
    arrays = [read_idx(folder / name) for name in _FILES]
    train, test = (arrays[0], arrays[1]), (arrays[2], arrays[3])
    for images, labels in (train, test):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise DataError(
                'MNIST: expected images of shape (n, rows, columns) and n labels, received '
                f'{images.shape} and {labels.shape}. Delete the files, and get them again.'
            )
    return train, test


def _given(path: str | os.PathLike[str] | None) -> Path | None:
    """The folder that the user named, in the call or in the settings."""
    named = Path(path) if path is not None else settings.datasets_folder()
    if named is None:
        return None
    for folder in (named, named / 'mnist'):
        if all((folder / name).is_file() for name in _FILES):
            return folder
    argument = 'path' if path is not None else 'HEFTED_DATASETS'
    raise ArgumentError(
        f'{argument}: expected a folder with {", ".join(_FILES)}, or one whose mnist/ has them, '
        f'received {str(named)!r}. Leave it out to download them.'
    )


def _cached(address: str) -> Path:
    folder = settings.cache_folder() / 'datasets' / 'mnist'
    for name, digest in _FILES.items():
        if not (folder / name).is_file():
            from hefted.datasets.download import download

            download(address.rstrip('/') + '/' + name, folder / name, digest)
    return folder
