"""Fashion-MNIST: 70,000 grey images of clothes, of 28 x 28 pixels and 10 kinds.

Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", 2017.
"""

from __future__ import annotations

from typing import Any

from hefted import settings
from hefted.datasets.fetching import KERAS_S, fetch
from hefted.datasets.idx import read_idx
from hefted.errors import DataError

_FILES = (
    'train-images-idx3-ubyte.gz',
    'train-labels-idx1-ubyte.gz',
    't10k-images-idx3-ubyte.gz',
    't10k-labels-idx1-ubyte.gz',
)


def load_data(*, address: str = KERAS_S) -> Any:
    """Read Fashion-MNIST, from `fashion-mnist` in the folder of HEFTED_DATASETS or the cache, after one download.

    Args:
        address: Where a download comes from.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 of shapes (60000, 28, 28), (60000,), (10000, 28, 28) and (10000,).

    Raises:
        DataError: A file is damaged, or cannot be downloaded.
    """
    given = settings.datasets_folder()
    if given is not None and all((given / 'fashion-mnist' / name).is_file() for name in _FILES):
        paths = [given / 'fashion-mnist' / name for name in _FILES]
    else:
        paths = [fetch(n, address + n, cache_subdir='datasets/fashion-mnist') for n in _FILES]
    x_train, y_train, x_test, y_test = (read_idx(path) for path in paths)
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise DataError(
                f'Fashion-MNIST: expected n images and n labels, received {images.shape} and {labels.shape}. Delete '
                'the files, and get them again.'
            )
    return (x_train, y_train), (x_test, y_test)
