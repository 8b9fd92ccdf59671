"""Linear algebra: decompositions, inverses, solutions, norms."""

from __future__ import annotations

from typing import Any

from hefted.ops import _LINALG, namespace

_homes, _load = namespace(__name__, _LINALG)
__all__ = sorted(_homes)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    return _load(name)


def __dir__() -> list[str]:
    return list(__all__)
