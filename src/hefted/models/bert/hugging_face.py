"""BERT's weights from and to folders of Hugging Face's transformers: config.json and safetensors, which run no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hefted import dtypes
from hefted.errors import ArchiveError, ArgumentError, MissingFileError, NotBuiltError, unknown_name
from hefted.models.bert.backbone import BertBackbone
from hefted.models.bert.configurations import config_of, read_config
from hefted.models.bert.model import BertModel
from hefted.models.bert.pretraining import BertMaskedLM, BertPretrainer
from hefted.models.bert.tasks import BertTextClassifier, BertTextEmbedder, BertTokenClassifier
from hefted.models.bert.tensor_names import Tensor, backbone_of, headed, modern, tensors_of
from hefted.models.bert.weights import undrawn
from hefted.saving.safetensors import Entry, entries_of, read_tensors, write_tensors
from hefted.saving.weights import write_aside

_TASKS = ('backbone', 'masked_lm', 'pretraining', 'text_classifier', 'token_classifier', 'text_embedder')
_ARCHITECTURES = {
    'BertModel': 'backbone', 'BertForMaskedLM': 'masked_lm', 'BertForPreTraining': 'pretraining',
    'BertForSequenceClassification': 'text_classifier', 'BertForTokenClassification': 'token_classifier',
}  # fmt: skip
_PICKLED = ('.bin', '.pt', '.pth', '.ckpt', '.pkl')
_DECODER = 'cls.predictions.decoder'


class _Found(NamedTuple):
    """A tensor of the files: where, by which name, and of what type and shape."""

    path: Path
    name: str
    entry: Entry


def from_hugging_face(path: str | Path, task: str | None = None, **changes: Any) -> Any:
    """Make a model from a folder of transformers, with the folder's weights.

    Args:
        path: A folder with `config.json` and `model.safetensors` (one file or several with an index), or such a file
            beside its `config.json`.
        task: 'backbone', 'masked_lm', 'pretraining', 'text_classifier', 'token_classifier' or 'text_embedder'; what
            the folder's `config.json` says if None. 'backbone' and 'text_embedder' leave a file's heads out.
        **changes: Arguments of `BertBackbone` that are to be others, such as `dropout` and `dtype`.

    Returns:
        The model. A backbone has a pooler where the file has one.

    Raises:
        ArchiveError: Tensors are missing, unexpected, or of a wrong shape or type.
        ArgumentError: A pickled file, which could run code; or a BERT of another kind.
        MissingFileError: There is no such folder or file.
        UnknownNameError: A task of another name.
    """
    files = _Files(Path(path))
    config = files.config()
    task = _task(task, config)
    found = files.tensors()
    with undrawn():
        backbone = BertBackbone(**(read_config(config) | {'pooler': 'pooler.dense.weight' in found} | changes))
        model = _model(task, backbone, found, files.folder)
        model.build()
    _load(model, found, heads_wanted=headed(model))
    return model


def load_hugging_face(model: Any, path: str | Path) -> None:
    """Load a folder's weights into a model that is there: all that the model has, heads too.

    Args:
        model: A BERT of `hefted.models.bert`; it is built if it is not.
        path: As for `from_hugging_face`; no `config.json` is needed.

    Raises:
        ArchiveError: Tensors are missing, unexpected, or of a wrong shape or type; nothing is loaded then.
        ArgumentError: A pickled file, or another kind of model.
        MissingFileError: There is no such folder or file.
    """
    if not isinstance(_require_bert(model), BertModel):
        return
    found = _Files(Path(path)).tensors()
    if not model.built:
        model.build()
    _load(model, found, heads_wanted=headed(model))


def to_hugging_face(model: Any, folder: str | Path, overwrite: bool = True) -> None:
    """Write a model's weights and sizes as transformers reads them: `config.json` and `model.safetensors`.

    Args:
        model: A BERT of `hefted.models.bert`, built.
        folder: Where; made if it is not there.
        overwrite: Whether files that are there are replaced.

    Raises:
        ArgumentError: Another kind of model, or files that are there.
        NotBuiltError: The model has no weights yet.
    """
    _require_bert(model)
    if not model.built:
        raise NotBuiltError('The model has no weights yet. Build it, or call it on data, first.')
    where, config = Path(folder), config_of(model)
    where.mkdir(parents=True, exist_ok=True)
    tensors = {tensor.name: tensor.written() for tensor in tensors_of(model)}
    write_tensors(where / 'model.safetensors', tensors, 'pt', overwrite)
    write_aside(where / 'config.json', json.dumps(config, indent=2).encode(), overwrite)


def _require_bert(model: Any) -> Any:
    if not isinstance(model, BertModel):
        raise ArgumentError(
            f'Expected model to be a BERT of hefted.models.bert, received {type(model).__name__}: its tensors have no '
            "names in transformers. save_weights('….safetensors') writes any model."
        )
    return model


def _task(task: str | None, config: dict[str, Any]) -> str:
    if task is None:
        named = (config.get('architectures') or ['BertModel'])[0]
        if named not in _ARCHITECTURES:
            raise ArgumentError(
                f"Expected one of {', '.join(_ARCHITECTURES)} in config.json, received {named!r}. Say task='backbone' "
                'to take the encoder alone.'
            )
        return _ARCHITECTURES[named]
    if task not in _TASKS:
        raise unknown_name('task', task, _TASKS)
    return task


def _model(task: str, backbone: BertBackbone, found: dict[str, _Found], folder: Path) -> Any:
    if task == 'backbone':
        return backbone
    if task == 'masked_lm':
        return BertMaskedLM(backbone)
    if task == 'pretraining':
        return BertPretrainer(backbone)
    if task == 'text_embedder':
        return BertTextEmbedder(backbone, **_pooling(folder))
    if 'classifier.weight' not in found:
        raise ArchiveError(
            f"Expected the tensor 'classifier.weight' for task={task!r}, found none: the file holds no classifier. "
            "Load task='backbone' and give it to BertTextClassifier or BertTokenClassifier."
        )
    kind = BertTextClassifier if task == 'text_classifier' else BertTokenClassifier
    return kind(backbone, found['classifier.weight'].entry.shape[0])


def _pooling(folder: Path) -> dict[str, Any]:
    """How sentence-transformers pools, where its files say so."""
    path = folder / '1_Pooling' / 'config.json'
    if not path.is_file():
        return {}
    said = _json(path)
    kinds = {'mean_tokens': 'mean', 'cls_token': 'cls', 'max_tokens': 'max'}
    chosen = [kind for name, kind in kinds.items() if said.get(f'pooling_mode_{name}')]
    if len(chosen) != 1:
        raise ArgumentError(
            f'Expected one of mean, cls and max in {path.name!r} of 1_Pooling, received {said!r}. Make a '
            'BertTextEmbedder from the backbone and pool as you need.'
        )
    modules = folder / 'modules.json'
    normalizes = not modules.is_file() or 'Normalize' in modules.read_text('utf-8')
    return {'pooling': chosen[0], 'normalize': normalizes}


class _Files:
    """A folder, or a file in one.

    Args:
        path: Of either.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix in _PICKLED:
            raise _pickled(path)
        if not path.exists():
            raise MissingFileError(f'Expected a folder or a safetensors file, received {str(path)!r}: it is not there.')
        self.folder = path if path.is_dir() else path.parent
        self.files = self._in_folder() if path.is_dir() else [path]

    def _in_folder(self) -> list[Path]:
        whole, index = self.folder / 'model.safetensors', self.folder / 'model.safetensors.index.json'
        if whole.is_file():
            return [whole]
        if index.is_file():
            return [self.folder / _plain(name) for name in sorted({*_json(index).get('weight_map', {}).values()})]
        for other in sorted(self.folder.iterdir()):
            if other.suffix in _PICKLED:
                raise _pickled(other)
        raise MissingFileError(f'Expected model.safetensors in {str(self.folder)!r}: it is not there.')

    def config(self) -> dict[str, Any]:
        path = self.folder / 'config.json'
        if not path.is_file():
            raise MissingFileError(
                f'Expected config.json in {str(self.folder)!r}, beside the weights: it says how large the model is. '
                'Without one, make the model yourself and use load_hugging_face.'
            )
        return _json(path)

    def tensors(self) -> dict[str, _Found]:
        """By their names of today, without prefix."""
        return {
            modern(name): _Found(path, name, entry) for path in self.files for name, entry in entries_of(path).items()
        }


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text('utf-8'))
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f'{str(path)!r} is no JSON: {error}.') from error
    if not isinstance(told, dict):
        raise ArchiveError(f'Expected an object in {str(path)!r}, received {type(told).__name__}.')
    return told


def _plain(name: Any) -> str:
    if not isinstance(name, str) or Path(name).name != name or not name.endswith('.safetensors'):
        raise ArchiveError(f'Expected names of safetensors files in the index, received {name!r}.')
    return name


def _pickled(path: Path) -> ArgumentError:
    return ArgumentError(
        f'Expected a safetensors file, received {str(path)!r}: a pickled file can run any code when it is read. Where '
        "you trust it, write it anew with transformers: AutoModel.from_pretrained('…').save_pretrained('…')."
    )


def _load(model: Any, found: dict[str, _Found], heads_wanted: bool) -> None:
    """Check all, then set all."""
    wanted = {modern(tensor.name): tensor for tensor in tensors_of(model)}
    wrong = _differences(wanted, found, heads_wanted, backbone_of(model).pooler is not None)
    if wrong:
        more = f' and {len(wrong) - 8} more' if len(wrong) > 8 else ''
        raise ArchiveError(
            f'The file does not fit {type(model).__name__}; nothing was loaded: {"; ".join(wrong[:8])}{more}. Check '
            'that config.json, or the sizes that the model was made with, are those of the file.'
        )
    if _DECODER + '.weight' in found:
        _check_tied(found)
    for name, tensor in wanted.items():
        tensor.variable.assign(tensor.read(_value(found[name])).astype(dtypes.on_device(tensor.variable.dtype)))


def _differences(wanted: dict[str, Tensor], found: dict[str, _Found], heads_wanted: bool, pooler: bool) -> list[str]:
    """What is missing, not expected, or of another shape or type."""
    wrong = [f'{tensor.name} {list(tensor.shape)} is missing' for name, tensor in wanted.items() if name not in found]
    for name, there in found.items():
        if name in wanted:
            wrong += _misfit(wanted[name], there)
        elif not _left_out(name, heads_wanted, pooler):
            wrong.append(f'{there.name} {list(there.entry.shape)} is not expected')
    return wrong


def _misfit(tensor: Tensor, there: _Found) -> list[str]:
    wrong: list[str] = []
    if there.entry.shape != tensor.shape:
        wrong.append(f'{there.name} has shape {list(there.entry.shape)}, expected {list(tensor.shape)}')
    if not dtypes.is_float(there.entry.dtype.name):
        wrong.append(f'{there.name} has dtype {there.entry.dtype.name}, expected a floating one')
    return wrong


def _left_out(name: str, heads_wanted: bool, pooler: bool) -> bool:
    """Whether a tensor is one that the model may do without: a buffer, the tied decoder, a head not asked for."""
    if name == 'embeddings.position_ids' or name.startswith(_DECODER):
        return True
    if name.startswith('pooler.'):
        return not pooler
    return name.startswith(('cls.', 'classifier.')) and (not heads_wanted or name.startswith('cls.seq_relationship'))


def _check_tied(found: dict[str, _Found]) -> None:
    """Refuse a decoder that is not the token embedding."""
    table, decoder = found['embeddings.word_embeddings.weight'], found[_DECODER + '.weight']
    if decoder.entry.shape != table.entry.shape or not np.array_equal(_value(table), _value(decoder)):
        raise ArchiveError(
            f'Expected {decoder.name!r} to equal {table.name!r}, as BERT ties them, received another; nothing was '
            "loaded. Load task='backbone' to take the encoder alone."
        )


def _value(found: _Found) -> np.ndarray[Any, Any]:
    ((_, value),) = read_tensors(found.path, [found.name])
    return value
