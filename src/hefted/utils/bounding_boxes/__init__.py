"""Boxes around things in images: their formats, how they move with an image, how much they overlap."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    **dict.fromkeys(('convert_format', 'decode_deltas_to_boxes', 'encode_box_to_deltas'), 'formats'),
    **dict.fromkeys(('affine_transform', 'clip_to_image_size', 'crop', 'pad'), 'moves'),
    **dict.fromkeys(('compute_ciou', 'compute_iou'), 'overlaps'),
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, _HOMES)
    return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)


def __dir__() -> list[str]:
    return __all__
