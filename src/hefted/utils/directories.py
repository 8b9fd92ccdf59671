"""Files in folders, a folder a class, as batches: what data sets of texts and of images from a directory share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, DataError, unknown_name
from hefted.utils.py_dataset import PyDataset

_MODES = ('int', 'categorical', 'binary', None)
_SUBSETS = ('training', 'validation', 'both', None)
_PAIR = 2


class FilesDataset(PyDataset):
    """Batches of what is read from files, with their labels.

    Args:
        read: The batch of some paths.
        files: The paths and labels.
        label_mode: How labels come: 'int', 'categorical', 'binary', or None for none.
        batch_size: Files in a batch; None gives them one by one.

    Attributes:
        class_names: The classes' names, by label; None without labels.
        file_paths: The files, in their order.
    """

    def __init__(
        self, read: Callable[[list[str]], Any], files: Files, label_mode: str | None, batch_size: int | None
    ) -> None:
        super().__init__()
        self.class_names, self.file_paths = files.class_names, files.paths
        self.batch_size = batch_size
        self._read = read
        self._labels = (
            None if files.labels is None else _encoded(files.labels, label_mode, len(files.class_names or ()))
        )

    def __len__(self) -> int:
        size = self.batch_size or 1
        return (len(self.file_paths) + size - 1) // size

    def __getitem__(self, index: int) -> Any:
        size = self.batch_size or 1
        rows = slice(index * size, (index + 1) * size)
        batch = self._read(self.file_paths[rows]), None if self._labels is None else self._labels[rows]
        x, y = batch if self.batch_size is not None else (batch[0][0], None if batch[1] is None else batch[1][0])
        return x if y is None else (x, y)


@dataclass(frozen=True)
class Files:
    """Paths in an order, their labels (None for none), and the classes' names."""

    paths: list[str]
    labels: Any
    class_names: list[str] | None

    def part(self, rows: slice) -> Files:
        """Some of them."""
        return replace(self, paths=self.paths[rows], labels=None if self.labels is None else self.labels[rows])


def dataset_of_files(
    read: Callable[[list[str]], Any],
    endings: tuple[str, ...],
    directory: str | os.PathLike[str],
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    format: str,
    verbose: bool,
) -> Any:
    """The data set of a folder's files, or two for `subset='both'`; the arguments are Keras's.

    Raises:
        ArgumentError: An argument is wrong, or two do not go together.
        DataError: There are no such files.
    """
    _check_labels(labels, label_mode, class_names)
    _check_split(validation_split, subset, shuffle, seed)
    if format not in ('tf', 'grain'):
        raise ArgumentError(f"Expected format to be 'tf' or 'grain' (both give a PyDataset), received {format!r}.")
    if labels is None or label_mode is None:
        labels = label_mode = None
    files = _found(Path(directory), endings, labels, class_names, follow_links)
    if verbose:
        classes = '' if files.class_names is None else f' belonging to {len(files.class_names)} classes'
        print(f'Found {len(files.paths)} files{classes}.')
    if label_mode == 'binary' and len(files.class_names or ()) != _PAIR:
        raise ArgumentError(f"Expected two classes for label_mode='binary', received {files.class_names}.")
    if shuffle:
        files = _shuffled(files, np.random.randint(10**6) if seed is None else seed)
    made: list[FilesDataset] = []
    for part in ('training', 'validation') if subset == 'both' else (subset,):
        chosen = files.part(_rows(part, len(files.paths), validation_split or 0))
        if not chosen.paths:
            kind = f'{part} files' if part else 'files'
            raise DataError(f'{directory}: expected {kind} with one of the endings {endings}, found none.')
        if verbose and part:
            print(f'Using {len(chosen.paths)} files for {part}.')
        made.append(FilesDataset(read, chosen, label_mode, batch_size))
    return made if subset == 'both' else made[0]


def _check_labels(labels: Any, label_mode: str | None, class_names: Sequence[str] | None) -> None:
    if isinstance(labels, str) and labels != 'inferred':
        raise ArgumentError(f"Expected labels to be 'inferred', None or a list of whole numbers, received {labels!r}.")
    if labels is not None and not isinstance(labels, (str, list, tuple)):
        raise ArgumentError(f"Expected labels to be 'inferred', None or a list, received a {type(labels).__name__}.")
    if class_names is not None and labels != 'inferred':
        raise ArgumentError("Expected class_names only with labels='inferred': they are names of folders.")
    if label_mode not in _MODES:
        raise unknown_name('label_mode', label_mode, [mode for mode in _MODES if mode])


def _check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if validation_split and not 0 < validation_split < 1:
        raise ArgumentError(f'Expected validation_split to be between 0 and 1, received {validation_split}.')
    if subset not in _SUBSETS:
        raise unknown_name('subset', subset, [one for one in _SUBSETS if one])
    if bool(validation_split) != bool(subset):
        raise ArgumentError(
            f'Expected validation_split and subset together, received {validation_split} and {subset!r}.'
        )
    if validation_split and shuffle and seed is None:
        raise ArgumentError('Expected a seed with validation_split and shuffle: else the two parts would overlap.')


def _found(
    directory: Path, endings: tuple[str, ...], labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> Files:
    if labels != 'inferred':
        paths = _below(directory, endings, follow_links)
        if labels is None:
            return Files(paths, None, None)
        if len(labels) != len(paths):
            raise ArgumentError(f'Expected a label for each of the {len(paths)} files, received {len(labels)}.')
        return Files(paths, np.asarray(labels), [str(label) for label in sorted(set(labels))])
    folders = sorted(one.name for one in directory.iterdir() if one.is_dir() and not one.name.startswith('.'))
    if class_names is not None and not set(class_names) <= set(folders):
        raise ArgumentError(f'Expected class_names to be names of folders of {folders}, received {list(class_names)}.')
    names = folders if class_names is None else list(class_names)
    by_class = [_below(directory / name, endings, follow_links) for name in names]
    numbers = np.repeat(np.arange(len(names), dtype='int32'), [len(paths) for paths in by_class])
    return Files([path for paths in by_class for path in paths], numbers, names)


def _below(directory: Path, endings: tuple[str, ...], follow_links: bool) -> list[str]:
    """The files of a folder and of those in it: folders in the order of their paths, files in that of their names."""
    walked = sorted(os.walk(directory, followlinks=follow_links), key=lambda entry: entry[0])
    return [
        str(Path(folder) / name)
        for folder, _, names in walked
        for name in sorted(names)
        if name.lower().endswith(endings)
    ]


def _shuffled(files: Files, seed: int) -> Files:
    order = np.arange(len(files.paths))
    np.random.RandomState(seed).shuffle(order)
    labels = None if files.labels is None else files.labels[order]
    return replace(files, paths=[files.paths[number] for number in order], labels=labels)


def _rows(part: str | None, count: int, fraction: float) -> slice:
    if part is None:
        return slice(None)
    first = count - int(fraction * count)
    return slice(first) if part == 'training' else slice(first, None)


def _encoded(labels: Any, label_mode: str | None, classes: int) -> Any:
    if label_mode == 'binary':
        return labels.astype('float32')[:, None]
    return np.eye(classes, dtype='float32')[labels] if label_mode == 'categorical' else labels.astype('int32')
