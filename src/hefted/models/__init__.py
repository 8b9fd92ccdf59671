"""Models."""

from __future__ import annotations

from typing import Any

from hefted.utils.garbage import uncollected

with uncollected(stays=True):
    from hefted.models.functional import Functional
    from hefted.models.model import Model
    from hefted.models.sequential import Sequential

__all__ = [
    'Functional', 'Model', 'Sequential',
    'bert', 'clone_model', 'load_model', 'model_from_json', 'save_model',  # pyright: ignore[reportUnsupportedDunderAll]
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # As in Keras, also here; what reads archives is imported when it is first asked for.
    if name == 'clone_model':
        from hefted.models import cloning

        return cloning.clone_model
    if name == 'model_from_json':
        from hefted.models.cloning import model_from_json

        return model_from_json
    if name == 'bert':
        from importlib import import_module

        return import_module('hefted.models.bert')
    if name not in ('load_model', 'save_model'):
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, __all__)
    from hefted import saving

    return getattr(saving, name)
