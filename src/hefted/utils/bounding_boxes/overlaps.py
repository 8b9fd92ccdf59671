"""How much boxes overlap: IoU of all with all, CIoU of one with one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hefted import ops
from hefted.config import epsilon
from hefted.errors import ArgumentError, ShapeError
from hefted.utils.bounding_boxes.formats import convert_format, image_size, known_format

_RANKS = (2, 3)


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[Any] | None = None,
) -> Any:
    """The shared area of each box with each, over the area of both.

    Args:
        boxes1: (m, 4) or (batch, m, 4).
        boxes2: (n, 4) or (batch, n, 4).
        bounding_box_format: As in `convert_format`.
        use_masking: Whether pairs with a box of negative numbers alone get `mask_val`.
        mask_val: What they get.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        (m, n) or (batch, m, n).

    Raises:
        ArgumentError: The format is not known, or is relative without `image_shape`.
        ShapeError: Boxes of another rank.

    Example:
        >>> compute_iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [0, 0, 1, 2]], 'xyxy').round(2).tolist()
        [[1.0, 0.5]]
    """
    boxes1, boxes2 = _in_corners(boxes1, boxes2, bounding_box_format, image_shape)
    for name, boxes in (('boxes1', boxes1), ('boxes2', boxes2)):
        if boxes.ndim not in _RANKS:
            raise ShapeError(f'Expected {name} of shape (n, 4) or (batch, n, 4), received {tuple(boxes.shape)}.')
    first, second = boxes1[..., :, None, :], boxes2[..., None, :, :]
    shared = _shared(first, second)
    overlap = shared / (_area(first) + _area(second) - shared + epsilon())
    if not use_masking:
        return overlap
    masked = ops.logical_or(ops.max(first, axis=-1) < 0, ops.max(second, axis=-1) < 0)
    return ops.where(masked, ops.cast(mask_val, overlap.dtype), overlap)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Sequence[Any] | None = None) -> Any:
    """The complete IoU: less by how far the middles are apart, and by how unlike the shapes are (Zheng et al., 2020).

    Args:
        boxes1: (…, 4).
        boxes2: (…, 4), of as many boxes.
        bounding_box_format: As in `convert_format`.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        (…) of at most 1.

    Raises:
        ArgumentError: The format is not known, or is relative without `image_shape`.
    """
    first, second = _in_corners(boxes1, boxes2, bounding_box_format, image_shape)
    small = epsilon()
    sizes1, sizes2 = (
        (boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1] + small) for boxes in (first, second)
    )
    shared = _shared(first, second)
    overlap = shared / (sizes1[0] * sizes1[1] + sizes2[0] * sizes2[1] - shared + 2 * small)
    hull = ops.maximum(first[..., 2:], second[..., 2:]) - ops.minimum(first[..., :2], second[..., :2])
    between = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    apart = ops.sum(between**2, axis=-1) / (ops.sum(hull**2, axis=-1) + small)
    unlike = 4 / math.pi**2 * (ops.arctan(sizes2[0] / sizes2[1]) - ops.arctan(sizes1[0] / sizes1[1])) ** 2
    return overlap - apart - unlike**2 / (unlike - overlap + 1 + small)


def _in_corners(boxes1: Any, boxes2: Any, format: str, image_shape: Sequence[Any] | None) -> tuple[Any, Any]:
    format = known_format('bounding_box_format', format)
    if format.startswith('rel_') and image_shape is None:
        raise ArgumentError(f'Expected image_shape, (height, width, channels), with the format {format!r}.')
    size = image_size(image_shape)
    return convert_format(boxes1, format, 'xyxy', *size), convert_format(boxes2, format, 'xyxy', *size)


def _area(boxes: Any) -> Any:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _shared(first: Any, second: Any) -> Any:
    sides = ops.minimum(first[..., 2:], second[..., 2:]) - ops.maximum(first[..., :2], second[..., :2])
    sides = ops.maximum(sides, 0)
    return sides[..., 0] * sides[..., 1]
