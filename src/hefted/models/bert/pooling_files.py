"""How a text's vector is made of its tokens', in the files of sentence-transformers: modules.json and Pooling's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hefted.errors import ArchiveError, ArgumentError, MissingFileError, warn
from hefted.models.bert.files import json_of, list_of
from hefted.models.bert.tasks import BertTextEmbedder
from hefted.saving.weights import write_aside

_MODES = {'mean': 'mean_tokens', 'cls': 'cls_token', 'max': 'max_tokens'}
_LONG = {long: mode for mode, long in _MODES.items()}
# Read by every release; newer ones write longer module names, and `pooling_mode` with a mode's name.
_TYPE = 'sentence_transformers.models.'
_FOLDER = '1_Pooling'


def read_pooling(folder: Path) -> dict[str, Any]:
    """The arguments of `BertTextEmbedder` that a folder's files say; none where it has no such files.

    Raises:
        ArchiveError: A file is damaged.
        ArgumentError: What they say is not computed here: other pooling, several at once, or further modules.
        MissingFileError: Pooling's file is not there.
    """
    places = _modules(folder)
    normalizes = {} if places is None else {'normalize': 'Normalize' in places}
    path = folder / (places or {}).get('Pooling', _FOLDER) / 'config.json'
    if path.is_file():
        return {'pooling': _mode(path), **normalizes}
    if places is not None:
        raise MissingFileError(
            f'Expected {str(path)!r}, which says how tokens are pooled: it is not there. Fetch it anew, or load '
            "task='backbone' and pool with BertTextEmbedder(backbone, …)."
        )
    return {}


def _modules(folder: Path) -> dict[str, str] | None:
    """The kinds of modules, and the folder of each; None where no file says them."""
    path = folder / 'modules.json'
    if not path.is_file():
        return None
    places: dict[str, str] = {}
    for module in list_of(path):
        kind = str(module.get('type')).rpartition('.')[2] if isinstance(module, dict) else ''
        if kind not in ('Transformer', 'Pooling', 'Normalize'):
            raise ArgumentError(
                f'Expected modules of Transformer, Pooling and Normalize in {str(path)!r}, received {module!r:.120}, '
                "which is not computed here. Load task='backbone', pool with BertTextEmbedder(backbone, …), and add "
                'what follows.'
            )
        place = str(module.get('path', ''))
        if Path(place).is_absolute() or '..' in Path(place).parts:
            raise ArchiveError(f'Expected folders beside {str(path)!r} as paths of modules, received {place!r}.')
        places[kind] = place
    return places


def _mode(path: Path) -> str:
    said = json_of(path)
    told = said.get('pooling_mode')
    if told is None:
        told = [key.removeprefix('pooling_mode_') for key, on in said.items() if key.startswith('pooling_mode_') and on]
    names = told or ['mean_tokens']  # which is what nothing said stands for there
    modes = [_LONG.get(name, name) for name in ([names] if isinstance(names, str) else names)]
    if len(modes) != 1 or modes[0] not in _MODES:
        raise ArgumentError(
            f'Expected one of mean, cls and max in {str(path)!r}, received {said!r}. Make a BertTextEmbedder from the '
            'backbone and pool as you need.'
        )
    return modes[0]


def write_pooling(model: BertTextEmbedder, folder: Path, overwrite: bool) -> None:
    """Write how a model pools, as sentence-transformers reads it."""
    if model.pooling not in _MODES:
        warn(
            f'How this BertTextEmbedder pools is not written: sentence-transformers has no pooling={model.pooling!r}, '
            'and what is read back would pool in another way. After reading, say it again: BertTextEmbedder('
            f"from_hugging_face(folder, task='backbone'), {model.pooling!r}, normalize={model.normalize})."
        )
        return
    modules = [('Transformer', ''), ('Pooling', _FOLDER)] + [('Normalize', '2_Normalize')] * model.normalize
    listed = [
        {'idx': index, 'name': str(index), 'path': place, 'type': _TYPE + kind}
        for index, (kind, place) in enumerate(modules)
    ]
    said = {'word_embedding_dimension': model.backbone.hidden_dim}
    said |= {f'pooling_mode_{long}': mode == model.pooling for mode, long in _MODES.items()}
    for place in (_FOLDER, '2_Normalize')[: len(modules) - 1]:  # the second is empty, and there it is looked for
        (folder / place).mkdir(exist_ok=True)
    write_aside(folder / _FOLDER / 'config.json', json.dumps(said, indent=2).encode(), overwrite)
    write_aside(folder / 'modules.json', json.dumps(listed, indent=2).encode(), overwrite)
