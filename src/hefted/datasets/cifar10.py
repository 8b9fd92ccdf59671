"""CIFAR-10: 60,000 colour images of 32 x 32 pixels, of 10 kinds of things."""

from __future__ import annotations

from typing import Any

from hefted.datasets.cifar import folder_of, read

_MD5 = 'c32a1d4ab5d03f1284b67883e8d87530'  # as its page has it


def load_data() -> Any:
    """Read CIFAR-10, from the folder that HEFTED_DATASETS names or the cache, after one download of 170 MB.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3) and
        (10000, 1); the channels first if `image_data_format()` says so.

    Raises:
        DataError: A file is damaged, or cannot be downloaded, or is not what was expected.
    """
    folder = folder_of('cifar-10-batches-bin', 'cifar-10-binary.tar.gz', _MD5)
    train = read(folder, [f'data_batch_{i}.bin' for i in range(1, 6)], labels=1, which=0)
    return train, read(folder, ['test_batch.bin'], labels=1, which=0)
