"""BERT (Devlin et al. 2019): the encoder in its published shapes, its heads, and weights from and to Hugging Face.

    from hefted.models import bert

    model = bert.BertTextClassifier(bert.base(), num_classes=2)
    backbone = bert.from_hugging_face('folder')          # config.json and model.safetensors

Names are those of KerasHub where it has them.
"""

from __future__ import annotations

import importlib
from typing import Any

# Every public name and the file that it comes from: making a model imports nothing that it does not need.
_PUBLIC = {
    'BertBackbone': 'backbone',
    'BertConfig': 'published',
    'BertEmbeddings': 'embeddings',
    'BertMaskedLM': 'pretraining',
    'BertPretrainer': 'pretraining',
    'BertTextClassifier': 'tasks',
    'BertTextEmbedder': 'tasks',
    'BertTokenClassifier': 'tasks',
    'MaskedLMHead': 'pretraining',
    'PUBLISHED': 'published',
    'SelfAttention': 'attention',
    'TransformerEncoder': 'encoder',
    'base': 'backbone',
    'from_hugging_face': 'hugging_face',
    'large': 'backbone',
    'load_hugging_face': 'hugging_face',
    'preset': 'backbone',
    'to_hugging_face': 'hugging_face',
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, __all__)
    found = getattr(importlib.import_module(f'{__name__}.{_PUBLIC[name]}'), name)
    globals()[name] = found
    return found
