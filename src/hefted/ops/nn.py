"""Neural networks: activations, convolutions, pooling, normalization, losses."""

from __future__ import annotations

from typing import Any

from hefted.ops import _NN, namespace

_homes, _load = namespace(__name__, _NN)
__all__ = sorted(_homes)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    return _load(name)


def __dir__() -> list[str]:
    return list(__all__)
