"""A model's files as Hugging Face's transformers keeps them: config.json, and safetensors, one or several."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hefted.distribution.files import settled
from hefted.errors import ArchiveError, ArgumentError, MissingFileError
from hefted.models.bert.tensor_names import modern
from hefted.saving.safetensors import Entry, entries_of, read_tensors

_WRITTEN = ('model.safetensors', 'config.json', '1_Pooling/config.json', 'modules.json')
_PICKLED = ('.bin', '.pt', '.pth', '.ckpt', '.pkl')


class Found(NamedTuple):
    """A tensor of the files: where, by which name, and of what type and shape."""

    path: Path
    name: str
    entry: Entry

    def value(self) -> np.ndarray[Any, Any]:
        """Its numbers, which are read now."""
        ((_, value),) = read_tensors(self.path, [self.name])
        return value


class Files:
    """A folder, or a file in one.

    Args:
        path: Of either.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix in _PICKLED:
            raise _pickled(path)
        for name in ('', *_WRITTEN):  # by all processes a moment ago, perhaps
            settled(path / name)
        if not path.exists():
            raise MissingFileError(
                f'Expected a folder or a safetensors file, received {str(path)!r}: it is not there. Nothing is '
                "downloaded here: fetch a model with 'hf download NAME --local-dir FOLDER' first."
            )
        self.folder = path if path.is_dir() else path.parent
        self.files = self._in_folder() if path.is_dir() else [path]

    def _in_folder(self) -> list[Path]:
        whole, index = self.folder / 'model.safetensors', self.folder / 'model.safetensors.index.json'
        if whole.is_file():
            return [whole]
        if index.is_file():
            return [self.folder / name for name in _listed(index)]
        for other in sorted(self.folder.iterdir()):
            if other.suffix in _PICKLED:
                raise _pickled(other)
        raise MissingFileError(
            f'Expected model.safetensors in {str(self.folder)!r}: it is not there. Fetch it, or write it with '
            "transformers: AutoModel.from_pretrained('…').save_pretrained('…')."
        )

    def config(self) -> dict[str, Any]:
        """What config.json says.

        Raises:
            MissingFileError: There is none.
        """
        if not self.has_config():
            raise MissingFileError(
                f'Expected config.json in {str(self.folder)!r}, beside the weights: it says how large the model is. '
                'Without one, make the model yourself and use load_hugging_face.'
            )
        return json_of(self.folder / 'config.json')

    def has_config(self) -> bool:
        """Whether a config.json is beside the weights."""
        return (self.folder / 'config.json').is_file()

    def tensors(self) -> dict[str, Found]:
        """By their names of today, without prefix.

        Raises:
            ArchiveError: A file is damaged, or two tensors have one name.
        """
        tensors: dict[str, Found] = {}
        for found in self._each():
            first = tensors.setdefault(modern(found.name), found)
            if first is not found:
                raise ArchiveError(
                    f'Expected each tensor once, received {first.name!r} of {first.path.name!r} and {found.name!r} of '
                    f'{found.path.name!r}, which are one. Leave out one of them.'
                )
        return tensors

    def _each(self) -> Iterator[Found]:
        for path in self.files:
            try:
                yield from (Found(path, name, entry) for name, entry in entries_of(path).items())
            except ArchiveError as error:
                raise ArchiveError(f'{str(path)!r}: {error} Nothing was loaded: fetch the file anew.') from error


def json_of(path: Path) -> dict[str, Any]:
    return _json(path, dict, 'an object')


def list_of(path: Path) -> list[Any]:
    return _json(path, list, 'a list')


def _json(path: Path, kind: type, called: str) -> Any:
    try:
        told = json.loads(path.read_text('utf-8'))
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f'{str(path)!r} is no JSON: {error}.') from error
    if not isinstance(told, kind):
        raise ArchiveError(f'Expected {called} in {str(path)!r}, received {type(told).__name__}.')
    return told


def _listed(index: Path) -> list[str]:
    """The files of an index."""
    places = json_of(index).get('weight_map')
    if not isinstance(places, dict) or not places:
        raise ArchiveError(
            f"Expected 'weight_map' in {str(index)!r} to say which file each tensor is in, received {places!r:.60}. "
            'Fetch the index anew.'
        )
    return sorted({_plain(name) for name in places.values()})


def _plain(name: Any) -> str:
    if not isinstance(name, str) or Path(name).name != name or not name.endswith('.safetensors'):
        raise ArchiveError(f'Expected names of safetensors files in the index, received {name!r}.')
    return name


def _pickled(path: Path) -> ArgumentError:
    return ArgumentError(
        f'Expected a safetensors file, received {str(path)!r}: a pickled file can run any code when it is read. Where '
        "you trust it, write it anew with transformers: AutoModel.from_pretrained('…').save_pretrained('…')."
    )
