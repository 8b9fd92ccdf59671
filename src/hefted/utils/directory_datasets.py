"""Texts and images in folders, a folder a class, as data sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, unknown_name
from hefted.utils.directories import dataset_of_files
from hefted.utils.layout import standardize_data_format

_IMAGES = ('.bmp', '.gif', '.jpeg', '.jpg', '.png')
_COLOR_MODES = ('rgb', 'rgba', 'grayscale')
_INTERPOLATIONS = ('bilinear', 'nearest', 'bicubic', 'lanczos3', 'lanczos5')


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = 'inferred',
    label_mode: str | None = 'int',
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = 'tf',
    verbose: bool = True,
) -> Any:
    """The `.txt` files of a folder, a folder a class, as a PyDataset that reads them as they are needed.

    Args:
        directory: The folder.
        labels: 'inferred' from the folders in it, a list of whole numbers in the order of the files' paths, or None.
        label_mode: 'int' (batch,), 'categorical' (batch, classes), 'binary' (batch, 1), or None for no labels.
        class_names: The folders that are taken, in the labels' order; None takes all, by name.
        batch_size: None gives files one by one.
        max_length: Characters kept of a text; None keeps all.
        shuffle: Whether files are shuffled, once. (`fit` shuffles the order of batches in each epoch besides.)
        seed: Of that order; the same files are in the same part as with Keras.
        validation_split: The fraction that is kept for validation.
        subset: 'training', 'validation' or 'both', with `validation_split`.
        follow_links: Whether symbolic links to folders are followed.
        format: 'tf' or 'grain', which change nothing.
        verbose: Whether it says how many files there are.

    Returns:
        A PyDataset with `class_names` and `file_paths`, of texts of shape (batch,), or of pairs (texts, labels); a list
        of two for `subset='both'`.

    Raises:
        ArgumentError: An argument is wrong, or two do not go together.
        DataError: There are no such files.
    """

    def read(paths: list[str]) -> Any:
        texts = [Path(path).read_text('utf-8')[:max_length] for path in paths]
        return np.array(texts, dtype=object)

    return dataset_of_files(
        read, ('.txt',), directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, format, verbose,
    )  # fmt: skip


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = 'inferred',
    label_mode: str | None = 'int',
    class_names: Sequence[str] | None = None,
    color_mode: str = 'rgb',
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = 'bilinear',
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = 'tf',
    verbose: bool = True,
) -> Any:
    """The images of a folder, a folder a class, as a PyDataset that reads and resizes them as they are needed.

    Args:
        directory: The folder: of .bmp, .gif (their first picture), .jpeg, .jpg and .png files.
        labels: As for `text_dataset_from_directory`, and so are the arguments that are not named here.
        label_mode: As there.
        class_names: As there.
        color_mode: 'rgb', 'rgba' or 'grayscale': 3, 4 channels or 1.
        batch_size: As there.
        image_size: (height, width) in pixels, or one number for both. Each size of image in the folder costs one
            compilation.
        shuffle: As there.
        seed: As there.
        validation_split: As there.
        subset: As there.
        interpolation: 'bilinear', 'nearest', 'bicubic', 'lanczos3' or 'lanczos5'.
        follow_links: As there.
        crop_to_aspect_ratio: Whether the middle is cut out so that nothing is stretched.
        pad_to_aspect_ratio: Whether black is put around so that nothing is stretched.
        data_format: 'channels_last' or 'channels_first'; None is `config.image_data_format()`.
        format: As there.
        verbose: As there.

    Returns:
        A PyDataset with `class_names` and `file_paths`, of float32 images from 0 to 255 of shape (batch, height, width,
        channels), or of pairs (images, labels); a list of two for `subset='both'`.

    Raises:
        ArgumentError: An argument is wrong, or two do not go together.
        DataError: There are no such files.
        ImportError: Pillow is not installed.
    """
    if color_mode not in _COLOR_MODES:
        raise unknown_name('color_mode', color_mode, _COLOR_MODES)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ArgumentError(f'Expected image_size to be (height, width), received {image_size!r}.')
    interpolation = interpolation.lower()
    if interpolation not in _INTERPOLATIONS:
        raise unknown_name('interpolation', interpolation, _INTERPOLATIONS)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError('Expected crop_to_aspect_ratio or pad_to_aspect_ratio, received both. Leave one out.')
    layout = standardize_data_format(data_format)

    def read(paths: list[str]) -> Any:
        import jax

        from hefted.ops.image import resize
        from hefted.utils.images import img_to_array, load_img

        with jax.default_device(jax.devices('cpu')[0]):  # the accelerator has its own work
            return np.stack([
                np.asarray(resize(
                    img_to_array(load_img(path, color_mode), layout, 'float32'), size, interpolation,
                    crop_to_aspect_ratio=crop_to_aspect_ratio, pad_to_aspect_ratio=pad_to_aspect_ratio,
                    data_format=layout,
                ))
                for path in paths
            ])  # fmt: skip

    return dataset_of_files(
        read, _IMAGES, directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, format, verbose,
    )  # fmt: skip
