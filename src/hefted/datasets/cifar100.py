"""CIFAR-100: 60,000 colour images of 32 x 32 pixels, of 100 kinds of things in 20 groups."""

from __future__ import annotations

from typing import Any

from hefted.datasets.cifar import folder_of, read
from hefted.errors import unknown_name

_MD5 = '03b5dce01913d631647c71ecec9e9cb8'  # as its page has it
_LABELS = ('coarse', 'fine')  # in the order of a record


def load_data(label_mode: str = 'fine') -> Any:
    """Read CIFAR-100, from the folder that HEFTED_DATASETS names or the cache, after one download of 169 MB.

    Args:
        label_mode: 'fine' for the 100 kinds, 'coarse' for the 20 groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3) and
        (10000, 1); the channels first if `image_data_format()` says so.

    Raises:
        UnknownNameError: Another `label_mode`.
        DataError: A file is damaged, or cannot be downloaded, or is not what was expected.
    """
    if label_mode not in _LABELS:
        raise unknown_name('label_mode', label_mode, _LABELS)
    folder = folder_of('cifar-100-binary', 'cifar-100-binary.tar.gz', _MD5)
    which = _LABELS.index(label_mode)
    return read(folder, ['train.bin'], labels=2, which=which), read(folder, ['test.bin'], labels=2, which=which)
