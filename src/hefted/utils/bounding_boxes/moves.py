"""Boxes that are turned, cropped, padded or clipped with their image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hefted import ops
from hefted.errors import ArgumentError, ShapeError

_RANK = 3


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = 'xyxy'
) -> dict[str, Any]:
    """Boxes cut off at the image's edges; the labels of those of which nothing is left become -1.

    Args:
        bounding_boxes: 'boxes' (…, n, 4) and, if there are, 'labels' (…, n).
        height: Of the image; not needed for 'rel_xyxy'.
        width: Likewise.
        bounding_box_format: 'xyxy' or 'rel_xyxy'.

    Returns:
        A new dict of the same keys.

    Raises:
        NotImplementedError: Another format.
        ArgumentError: The image's size is missing.
    """
    _require_format(bounding_box_format, 'xyxy', 'rel_xyxy')
    if bounding_box_format == 'rel_xyxy':
        height = width = 1
    elif height is None or width is None:
        raise ArgumentError(f"Expected height and width with the format 'xyxy', received {height!r} and {width!r}.")
    boxes = _clipped(ops.convert_to_tensor(bounding_boxes['boxes']), height, width)
    clipped = {**bounding_boxes, 'boxes': boxes}
    labels = bounding_boxes.get('labels')
    if labels is not None:
        areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
        clipped['labels'] = ops.where(areas > 0, labels, -1)
    return clipped


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = 'xyxy',
) -> Any:
    """The upright boxes around boxes that were turned, moved, scaled and sheared with their images.

    Args:
        boxes: (batch, n, 4).
        angle: (batch,) in degrees.
        translate_x: (batch,) in shares of the width.
        translate_y: (batch,) in shares of the height.
        scale: (batch,).
        shear_x: (batch,) in degrees.
        shear_y: (batch,) in degrees.
        height: Of the images, in pixels.
        width: Likewise.
        center_x: What it turns around, in shares of the width; the middle if None.
        center_y: Likewise.
        bounding_box_format: Only 'xyxy'.

    Returns:
        Boxes of the same shape.

    Raises:
        NotImplementedError: Another format.
        ShapeError: The boxes have no batch.
    """
    _require_format(bounding_box_format, 'xyxy')
    each = [ops.convert_to_tensor(one, 'float32') for one in (angle, translate_x, translate_y, scale, shear_x, shear_y)]
    middle = 0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y
    matrix = _inverse(middle, each, (height, width))
    boxes = ops.cast(ops.convert_to_tensor(boxes), matrix.dtype)
    if boxes.ndim != _RANK or boxes.shape[-1] != 4:
        raise ShapeError(f'Expected boxes of shape (batch, n, 4), received {tuple(boxes.shape)}.')
    across, down = boxes[..., 0::2], boxes[..., 1::2]  # (batch, n, 2)
    # The four corners, one after the other, as (x, y, 1).
    x, y = ops.take(across, [0, 1, 1, 0], axis=-1), ops.take(down, [0, 0, 1, 1], axis=-1)
    moved = ops.einsum('bnkp,bqp->bnkq', ops.stack([x, y, ops.ones_like(x)], axis=-1), matrix)
    return ops.concatenate([ops.min(moved, axis=2), ops.max(moved, axis=2)], axis=-1)


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = 'xyxy') -> Any:
    """Boxes in the part of an image that is cut out.

    Args:
        boxes: (…, 4).
        top: The part's first row.
        left: The part's first column.
        height: The part's height.
        width: The part's width.
        bounding_box_format: Only 'xyxy'.

    Returns:
        Boxes of the same shape, cut off at the part's edges.

    Raises:
        NotImplementedError: Another format.

    Example:
        >>> crop(np.array([[10, 20, 50, 60]]), 10, 20, 40, 30).tolist()
        [[0, 10, 30, 40]]
    """
    _require_format(bounding_box_format, 'xyxy')
    return _clipped(pad(boxes, -top, -left), height, width)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = 'xyxy'
) -> Any:
    """Boxes in an image that is padded.

    Args:
        boxes: (…, 4).
        top: Rows added above.
        left: Columns added on the left.
        height: Not used, as in Keras.
        width: Not used, as in Keras.
        bounding_box_format: Only 'xyxy'.

    Returns:
        Boxes of the same shape.

    Raises:
        NotImplementedError: Another format.
    """
    del height, width
    _require_format(bounding_box_format, 'xyxy')
    x1, y1, x2, y2 = ops.split(ops.convert_to_tensor(boxes), 4, axis=-1)
    return ops.concatenate([x1 + left, y1 + top, x2 + left, y2 + top], axis=-1)


def _clipped(boxes: Any, height: Any, width: Any) -> Any:
    x1, y1, x2, y2 = ops.split(boxes, 4, axis=-1)
    height, width = ops.cast(height, boxes.dtype), ops.cast(width, boxes.dtype)
    sides = ops.clip(x1, 0, width), ops.clip(y1, 0, height), ops.clip(x2, 0, width), ops.clip(y2, 0, height)
    return ops.concatenate(sides, axis=-1)


def _inverse(middle: tuple[Any, Any], each: Sequence[Any], size: tuple[Any, Any]) -> Any:
    """(batch, 2, 3): from where an image's point is to where it goes, as the image layers turn images."""
    (center_x, center_y), (height, width) = middle, size
    angle, translate_x, translate_y, scale, shear_x, shear_y = each
    turn, lean_x, lean_y = (-value * (math.pi / 180) for value in (angle, shear_x, shear_y))
    x, y = center_x * (width - 1), center_y * (height - 1)
    from_x, from_y = x - translate_x * (width - 1), y - translate_y * (height - 1)
    # The rotation times the shear; its determinant is 1, so its inverse needs no division.
    a = ops.cos(turn - lean_y) / ops.cos(lean_y)
    b = a * ops.tan(lean_x) + ops.sin(turn)
    c = -ops.sin(turn - lean_y) / ops.cos(lean_y)
    d = ops.cos(turn) - c * ops.tan(lean_x)
    rows = [
        ops.stack([first, second, place - first * from_x - second * from_y], axis=-1)
        for first, second, place in ((d * scale, -b * scale, x), (-c * scale, a * scale, y))
    ]
    return ops.stack(rows, axis=-2)


def _require_format(format: str, *known: str) -> None:
    if format not in known:
        formats = ' or '.join(map(repr, known))
        raise NotImplementedError(
            f'Expected bounding_box_format to be {formats}, received {format!r}. Use convert_format before and after.'
        )
