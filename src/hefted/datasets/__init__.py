"""Data sets: one that ships, `breast_cancer`, and those of Keras's, read from a folder or downloaded once."""

from __future__ import annotations

import importlib
from typing import Any

from hefted.datasets import breast_cancer, mnist

_LATE = ('boston_housing', 'california_housing', 'cifar10', 'cifar100', 'fashion_mnist', 'imdb', 'reuters')

__all__ = ['breast_cancer', 'mnist']
__all__ += _LATE  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, __all__)
    return importlib.import_module(f'{__name__}.{name}')


def __dir__() -> list[str]:
    return sorted(__all__)
