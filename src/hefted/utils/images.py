"""Images as arrays and as files. Pillow draws and reads them; it is imported when the first one is."""

from __future__ import annotations

import importlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hefted.dtypes import floatx
from hefted.errors import ShapeError, unknown_name
from hefted.utils.layout import standardize_data_format

_INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'hamming', 'box', 'lanczos')
# By color_mode: the mode of Pillow's, and the modes that are left as they are.
_MODES = {'grayscale': ('L', ('L', 'I;16', 'I')), 'rgb': ('RGB', ('RGB',)), 'rgba': ('RGBA', ('RGBA',))}
_RANK = 3


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """A Pillow image of an array.

    Args:
        x: (height, width, channels) with 1, 3 or 4 channels, or the channels first.
        data_format: 'channels_last' or 'channels_first'; None is `config.image_data_format()`.
        scale: Whether the least number becomes 0 and the greatest 255; otherwise numbers are taken as they are.
        dtype: What is computed in; None is `config.floatx()`.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ShapeError: The array is no image.
        ImportError: Pillow is not installed.
    """
    layout = standardize_data_format(data_format)
    pixels = np.asarray(x, dtype or floatx())
    if pixels.ndim != _RANK:
        raise ShapeError(f'Expected x to have 3 axes, as one image has, received shape {pixels.shape}.')
    if layout == 'channels_first':
        pixels = pixels.transpose(1, 2, 0)
    channels = pixels.shape[-1]
    if channels not in (1, 3, 4):
        raise ShapeError(f'Expected x to have 1, 3 or 4 channels ({layout}), received {channels}.')
    if scale:
        pixels = pixels - pixels.min()
        pixels = pixels / (pixels.max() or 1) * 255
    if channels == 1:
        pixels = pixels[..., 0]
        if pixels.max() > 255:
            return _pillow().fromarray(pixels.astype('int32'))
    return _pillow().fromarray(pixels.astype('uint8'))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray[Any, Any]:
    """The array of an image.

    Args:
        img: A Pillow image, or an array of 2 or 3 axes.
        data_format: 'channels_last' or 'channels_first'; None is `config.image_data_format()`.
        dtype: Of the result; None is `config.floatx()`.

    Returns:
        (height, width, channels), or the channels first.

    Raises:
        ShapeError: It has neither 2 nor 3 axes.

    Example:
        >>> img_to_array(np.zeros((2, 5))).shape
        (2, 5, 1)
    """
    layout = standardize_data_format(data_format)
    pixels = np.asarray(img, dtype or floatx())
    if pixels.ndim == _RANK - 1:
        pixels = pixels[..., None]
    if pixels.ndim != _RANK:
        raise ShapeError(f'Expected img to have 2 or 3 axes, received shape {pixels.shape}.')
    return pixels if layout == 'channels_last' else pixels.transpose(2, 0, 1)


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Write an array to an image file.

    Args:
        path: A path, or an open file.
        x: As for `array_to_img`.
        data_format: As for `array_to_img`.
        file_format: Such as 'png'; None goes by the path's ending.
        scale: As for `array_to_img`.
        **kwargs: What Pillow's `save` takes besides.
    """
    if file_format is None and isinstance(path, (str, Path)):
        file_format = Path(path).suffix[1:]
    name = (file_format or '').lower()
    name = 'jpeg' if name == 'jpg' else name
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == 'RGBA' and name == 'jpeg':
        warnings.warn('A JPEG file has no transparency: the image is written as RGB.', stacklevel=2)
        image = image.convert('RGB')
    image.save(path, format=name or None, **kwargs)


def load_img(
    path: Any,
    color_mode: str = 'rgb',
    target_size: tuple[int, int] | None = None,
    interpolation: str = 'nearest',
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image of a file.

    Args:
        path: A path, or an `io.BytesIO`.
        color_mode: 'grayscale', 'rgb' or 'rgba'.
        target_size: (height, width) in pixels; None leaves it as it is.
        interpolation: 'nearest', 'bilinear', 'bicubic', 'hamming', 'box' or 'lanczos'.
        keep_aspect_ratio: Whether the middle is cut out so that nothing is stretched.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ArgumentError: A word is not one of these.
        TypeError: `path` is neither.
        ImportError: Pillow is not installed.
    """
    if color_mode not in _MODES:
        raise unknown_name('color_mode', color_mode, _MODES)
    if isinstance(path, (str, bytes, Path)):
        path = io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    elif not isinstance(path, io.BytesIO):
        raise TypeError(f'Expected path to be a path or an io.BytesIO, received a {type(path).__name__}.')
    image = _pillow().open(path)
    mode, fine = _MODES[color_mode]
    if image.mode not in fine:
        image = image.convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if interpolation not in _INTERPOLATIONS:
        raise unknown_name('interpolation', interpolation, _INTERPOLATIONS)
    size, box = (target_size[1], target_size[0]), None
    if keep_aspect_ratio:
        box = _middle(image.size, size)
    return image.resize(size, getattr(_pillow().Resampling, interpolation.upper()), box=box)


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box in the middle with the proportions of the target: left, top, right, bottom."""
    (width, height), (to_width, to_height) = size, target
    kept_height = min(height, width * to_height // to_width)
    kept_width = min(width, height * to_width // to_height)
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    return left, top, left + kept_width, top + kept_height


def _pillow() -> Any:
    try:
        return importlib.import_module('PIL.Image')
    except ImportError as error:
        raise ImportError("Images need Pillow, which is not installed: pip install 'hefted[images]'.") from error
