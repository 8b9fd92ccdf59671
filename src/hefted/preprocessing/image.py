"""`keras.preprocessing.image`'s names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, ShapeError
from hefted.ops.image import resize
from hefted.utils.images import array_to_img, img_to_array, load_img, save_img
from hefted.utils.layout import standardize_data_format

__all__ = ['array_to_img', 'img_to_array', 'load_img', 'save_img', 'smart_resize']


def smart_resize(
    x: Any, size: Sequence[int], interpolation: str = 'bilinear', data_format: str = 'channels_last'
) -> Any:
    """Images in another size, cut to its proportions at the middle first, so that nothing is distorted.

    Args:
        x: (height, width, channels), a batch of these, or with the channels first.
        size: Height and width.
        interpolation: As `ops.image.resize` takes it.
        data_format: 'channels_last' or 'channels_first'.

    Returns:
        NumPy's array for one of NumPy's, else an array of the device.

    Raises:
        ArgumentError: `size` is not two positive numbers.
        ShapeError: `x` has neither 3 nor 4 axes.

    Example:
        >>> smart_resize(np.ones((6, 8, 3)), (3, 3)).shape
        (3, 3, 3)
    """
    if len(size) != 2 or min(size) < 1:
        raise ArgumentError(f'Expected size to be (height, width), both above 0, received {size!r}.')
    if np.ndim(x) not in (3, 4):
        raise ShapeError(f'Expected an image or a batch of images, of 3 or 4 axes, received shape {np.shape(x)}.')
    last = standardize_data_format(data_format) == 'channels_last'
    axes = (-3, -2) if last else (-2, -1)
    height, width = (np.shape(x)[axis] for axis in axes)
    kept = (
        max(min(height, int(width * size[0] / size[1])), 1),
        max(min(width, int(height * size[1] / size[0])), 1),
    )
    cut = [slice(None)] * np.ndim(x)
    for axis, whole, part in zip(axes, (height, width), kept, strict=True):
        start = (whole - part) // 2
        cut[axis] = slice(start, start + part)
    resized = resize(x[tuple(cut)], tuple(size), interpolation=interpolation, data_format=data_format)
    return np.array(resized) if isinstance(x, np.ndarray) else resized
