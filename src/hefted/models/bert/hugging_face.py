"""BERT's weights from and to folders of Hugging Face's transformers: config.json and safetensors, which run no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hefted import activations, dtypes
from hefted.errors import ArchiveError, ArgumentError, NotBuiltError, unknown_name, warn
from hefted.models.bert.backbone import BertBackbone
from hefted.models.bert.configurations import check_config, config_of, read_config
from hefted.models.bert.files import Files, Found
from hefted.models.bert.model import BertModel
from hefted.models.bert.pooling_files import read_pooling, write_pooling
from hefted.models.bert.pretraining import BertMaskedLM, BertPretrainer
from hefted.models.bert.tasks import BertTextClassifier, BertTextEmbedder, BertTokenClassifier
from hefted.models.bert.tensor_names import Tensor, backbone_of, headed, modern, tensors_of
from hefted.models.bert.weights import undrawn
from hefted.saving.safetensors import write_tensors
from hefted.saving.weights import write_aside

_TASKS = ('backbone', 'masked_lm', 'pretraining', 'text_classifier', 'token_classifier', 'text_embedder')
_ARCHITECTURES = {
    'BertModel': 'backbone', 'BertForMaskedLM': 'masked_lm', 'BertForPreTraining': 'pretraining',
    'BertForSequenceClassification': 'text_classifier', 'BertForTokenClassification': 'token_classifier',
}  # fmt: skip
_DECODER, _BIAS = 'cls.predictions.decoder', 'cls.predictions.bias'


def from_hugging_face(path: str | Path, task: str | None = None, **changes: Any) -> Any:
    """Make a model from a folder of transformers, with the folder's weights.

    Args:
        path: A folder with `config.json` and `model.safetensors` (one file or several with an index), or such a file
            beside its `config.json`.
        task: 'backbone', 'masked_lm', 'pretraining', 'text_classifier', 'token_classifier' or 'text_embedder'; what
            the folder's `config.json` says if None. 'backbone' and 'text_embedder' leave a file's heads out.
            'text_embedder' pools as the folder's files of sentence-transformers say, `modules.json` and
            `1_Pooling/config.json`, or as `BertTextEmbedder` does if there are none; without them being asked for, a
            folder of an embedder gives the backbone.
        **changes: Arguments of `BertBackbone` that are to be others, such as `dtype` and `dropout`, which is the
            attention's as well if `attention_dropout` is not given.

    Returns:
        The model. A backbone has a pooler where the file has one. A classifier gives logits, as transformers' do: the
        file does not say an activation.

    What `config.json` says beside the sizes, such as `id2label`, stays with the model until `to_hugging_face` writes
    it. A `.keras` archive does not hold it, nor does a clone.

    Raises:
        ArchiveError: Tensors are missing, unexpected, or of a wrong shape or type.
        ArgumentError: A pickled file, which could run code; a BERT of another kind; or, for 'text_embedder', pooling
            or modules that are not computed here.
        MissingFileError: There is no such folder or file.
        UnknownNameError: A task of another name.

    Example:
        >>> import tempfile
        >>> model = BertMaskedLM(BertBackbone(50, 1, 2, 8, 32, pooler=False))
        >>> model.build()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     to_hugging_face(model, folder)
        ...     from_hugging_face(folder).count_params() == model.count_params()
        True
    """
    files = Files(Path(path))
    config = files.config()
    sizes = read_config(config)
    task = _task(task, config)
    if task in ('masked_lm', 'pretraining') and not config.get('tie_word_embeddings', True):
        raise ArgumentError(
            'Expected tie_word_embeddings in config.json to be True, received False: the decoder of masked tokens is '
            "the token embedding here. Load task='backbone' to take the encoder alone."
        )
    found = files.tensors()
    if 'dropout' in changes:
        sizes['attention_dropout'] = None
    with undrawn():
        backbone = BertBackbone(**(sizes | {'pooler': 'pooler.dense.weight' in found} | changes))
        model = _model(task, backbone, found, files.folder, config)
        model.build()
    _load(model, found, heads_wanted=headed(model))
    _keep(config, model, backbone)
    return model


def load_hugging_face(model: Any, path: str | Path) -> None:
    """Load a folder's weights into a model that is there: all that the model has, heads too.

    Args:
        model: A BERT of `hefted.models.bert`; it is built if it is not.
        path: As for `from_hugging_face`. No `config.json` is needed; one that is there must be of such a model.

    Raises:
        ArchiveError: Tensors are missing, unexpected, or of a wrong shape or type, or `config.json` has another number
            of heads, activation or epsilon; nothing is loaded then.
        ArgumentError: A pickled file, or another kind of model.
        MissingFileError: There is no such folder or file.

    Example:
        >>> import tempfile
        >>> one, other = (BertBackbone(50, 1, 2, 8, 32) for _ in range(2))
        >>> one.build()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     to_hugging_face(one, folder)
        ...     load_hugging_face(other, folder)
        >>> all((a == b).all() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
        True
    """
    if not isinstance(_require_bert(model), BertModel):
        return
    files = Files(Path(path))
    found = files.tensors()
    config = files.config() if files.has_config() else {}
    if config:
        check_config(model, config)
    if not model.built:
        model.build()
    _load(model, found, heads_wanted=headed(model))
    if config:
        _keep(config, model, backbone_of(model))


def to_hugging_face(model: Any, folder: str | Path, overwrite: bool = True) -> None:
    """Write a model's weights and sizes as transformers reads them: `config.json` and `model.safetensors`.

    Args:
        model: A BERT of `hefted.models.bert`, built.
        folder: Where; made if it is not there.
        overwrite: Whether files that are there are replaced.

    How a `BertTextEmbedder` pools goes to `modules.json` and `1_Pooling/config.json`, as sentence-transformers has
    them, but for 'pooler', for which it has no name. What the `config.json` said that the model was read with, such as
    `id2label`, is written again, unless the model came by a `.keras` archive or is a clone.

    An activation of a classifier, such as softmax, is not written: classifiers of transformers give logits. A warning
    says so, and how to have it again.

    Raises:
        ArgumentError: Another kind of model, or files that are there.
        NotBuiltError: The model has no weights yet.

    Example:
        >>> import tempfile
        >>> model = BertTextEmbedder(BertBackbone(50, 1, 2, 8, 32), pooling='max', normalize=False)
        >>> model.build()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     to_hugging_face(model, folder)
        ...     again = from_hugging_face(folder, task='text_embedder')
        >>> again.pooling, again.normalize
        ('max', False)
    """
    _require_bert(model)
    if not model.built:
        raise NotBuiltError('The model has no weights yet. Build it, or call it on data, first.')
    where, config = Path(folder), config_of(model)
    where.mkdir(parents=True, exist_ok=True)
    tensors = {tensor.name: tensor.written() for tensor in tensors_of(model)}
    write_tensors(where / 'model.safetensors', tensors, 'pt', overwrite)
    write_aside(where / 'config.json', json.dumps(config, indent=2).encode(), overwrite)
    if isinstance(model, BertTextEmbedder):
        write_pooling(model, where, overwrite)
    if isinstance(model, (BertTextClassifier, BertTokenClassifier)) and model.activation is not activations.linear:
        kind, name = type(model).__name__, getattr(model.activation, '__name__', repr(model.activation))
        warn(
            f'The activation of this {kind}, {name}, is not written: classifiers of transformers give logits, and so '
            f'does from_hugging_face. To have it again, make a {kind} with activation={name!r} and read the folder '
            f'with load_hugging_face(model, folder); in transformers, take the {name} of the logits.'
        )


def _keep(config: dict[str, Any], *models: BertModel) -> None:
    """Have models know what they were read with."""
    for model in models:
        model.config_read = json.dumps(config)


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


def _model(task: str, backbone: BertBackbone, found: dict[str, Found], folder: Path, config: Mapping[str, Any]) -> Any:
    if task == 'backbone':
        return backbone
    if task == 'masked_lm':
        return BertMaskedLM(backbone)
    if task == 'pretraining':
        return BertPretrainer(backbone)
    if task == 'text_embedder':
        return BertTextEmbedder(backbone, **read_pooling(folder))
    if 'classifier.weight' not in found:
        raise ArchiveError(
            f"Expected the tensor 'classifier.weight' for task={task!r}, found none: the file holds no classifier. "
            "Load task='backbone' and give it to BertTextClassifier or BertTokenClassifier."
        )
    kind = BertTextClassifier if task == 'text_classifier' else BertTokenClassifier
    own = config.get('classifier_dropout')
    share = backbone.dropout if own is None else own
    return kind(backbone, found['classifier.weight'].entry.shape[0], dropout=share)


def _load(model: Any, found: dict[str, Found], heads_wanted: bool) -> None:
    """Check all, then set all."""
    wanted = {modern(tensor.name): tensor for tensor in tensors_of(model)}
    if _BIAS not in found and _DECODER + '.bias' in found:  # they are one, and files have either or both
        found = {**found, _BIAS: found[_DECODER + '.bias']}
    wrong = _differences(wanted, found, heads_wanted, backbone_of(model).pooler is not None)
    if wrong:
        more = f' and {len(wrong) - 8} more' if len(wrong) > 8 else ''
        raise ArchiveError(
            f'The file does not fit {type(model).__name__}; nothing was loaded: {"; ".join(wrong[:8])}{more}. Check '
            'that config.json, or the sizes that the model was made with, are those of the file.'
        )
    if _BIAS in wanted:
        _check_tied(found, 'embeddings.word_embeddings.weight', _DECODER + '.weight')
        _check_tied(found, _BIAS, _DECODER + '.bias')
    for name, tensor in wanted.items():
        tensor.variable.assign(tensor.read(found[name].value()).astype(dtypes.on_device(tensor.variable.dtype)))


def _differences(wanted: dict[str, Tensor], found: dict[str, Found], heads_wanted: bool, pooler: bool) -> list[str]:
    """What is missing, not expected, or of another shape or type."""
    wrong = [f'{tensor.name} {list(tensor.shape)} is missing' for name, tensor in wanted.items() if name not in found]
    for name, there in found.items():
        if name in wanted:
            wrong += _misfit(wanted[name], there)
        elif not _left_out(name, heads_wanted, pooler):
            wrong.append(f'{there.name} {list(there.entry.shape)} is not expected')
    return wrong


def _misfit(tensor: Tensor, there: Found) -> list[str]:
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


def _check_tied(found: dict[str, Found], one: str, other: str) -> None:
    """Refuse a decoder's tensor that is not the one that it is tied to."""
    if other not in found:
        return
    first, second = found[one], found[other]
    if second.entry.shape != first.entry.shape or not np.array_equal(first.value(), second.value()):
        raise ArchiveError(
            f'Expected {second.name!r} to equal {first.name!r}, as BERT ties them, received another; nothing was '
            "loaded. Load task='backbone' to take the encoder alone."
        )
