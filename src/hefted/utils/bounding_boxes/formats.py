"""Formats of boxes, and boxes as deltas from anchors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hefted import ops
from hefted.config import epsilon
from hefted.errors import ArgumentError, ShapeError, unknown_name

_FORMATS = (
    'xyxy', 'yxyx', 'xywh', 'center_xywh', 'center_yxhw', 'rel_xyxy', 'rel_yxyx', 'rel_xywh', 'rel_center_xywh',
)  # fmt: skip
_SIDES = 4


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = 'float32'
) -> Any:
    """Boxes of one format in another.

    Args:
        boxes: (…, 4), or a dict whose 'boxes' are that; the rest of it stays.
        source: 'xyxy' (left, top, right, bottom), 'yxyx', 'xywh' (left, top, width, height), 'center_xywh' (the middle,
            width, height), 'center_yxhw'; or, in shares of the image, 'rel_xyxy', 'rel_yxyx', 'rel_xywh' or
            'rel_center_xywh'. Capitals count as small letters.
        target: Likewise.
        height: Of the image, in pixels; needed where a format is relative.
        width: Likewise.
        dtype: Of the result.

    Returns:
        What was given, in the other format.

    Raises:
        ArgumentError: A format is not known, or the image's size is missing.
        ShapeError: The last axis has not four numbers.

    Example:
        >>> convert_format([[10, 20, 30, 40]], 'xyxy', 'xywh').tolist()
        [[10.0, 20.0, 20.0, 20.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, 'boxes': convert_format(boxes['boxes'], source, target, height, width, dtype)}
    source, target = known_format('source', source), known_format('target', target)
    boxes = ops.cast(ops.convert_to_tensor(boxes), dtype)
    if not boxes.ndim or boxes.shape[-1] != _SIDES:
        raise ShapeError(f'Expected boxes to have 4 numbers on the last axis, received shape {tuple(boxes.shape)}.')
    relative = source.startswith('rel_'), target.startswith('rel_')
    if any(relative) and (height is None or width is None):
        raise ArgumentError(
            f'Expected height and width of the image with the formats {source!r} and {target!r}, received '
            f'{height!r} and {width!r}. Shares of an image are pixels by its size alone.'
        )
    if source == target:
        return boxes
    corners = _corners(boxes, source)
    if relative[0] != relative[1]:
        size = ops.cast(ops.stack([width, height, width, height], axis=-1), dtype)
        corners = corners * size if relative[0] else corners / size
    return _from_corners(corners, target)


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = 'center_yxhw',
    variance: Any = None,
    image_shape: Sequence[Any] | None = None,
) -> Any:
    """How far boxes are from anchors, in anchors' sizes, and the logarithms of how much larger they are.

    Args:
        anchors: (n, 4).
        boxes: (n, 4) or (batch, n, 4).
        anchor_format: As in `convert_format`.
        box_format: Likewise.
        encoding_format: 'center_xywh' or 'center_yxhw'.
        variance: Four numbers by which the deltas are divided.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        Deltas of the boxes' shape.

    Raises:
        ArgumentError: A format is not known, or is relative without `image_shape`; `variance` has not four numbers.
    """
    variance = _checked(variance, 'encoding_format', encoding_format)
    height, width = image_size(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    # A box without a size has no logarithm.
    sizes, wanted = ops.maximum(anchors[..., 2:], epsilon()), ops.maximum(boxes[..., 2:], epsilon())
    deltas = ops.concatenate([(boxes[..., :2] - anchors[..., :2]) / sizes, ops.log(wanted / sizes)], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = 'center_yxhw',
    variance: Any = None,
    image_shape: Sequence[Any] | None = None,
) -> Any:
    """The boxes of deltas: what `encode_box_to_deltas` does, backwards.

    Args:
        anchors: (n, 4), or a dict of such, by level.
        boxes_delta: (n, 4) or (batch, n, 4), or a dict of such by the same levels.
        anchor_format: As in `convert_format`.
        box_format: Of the boxes that come out.
        encoded_format: 'center_xywh' or 'center_yxhw'.
        variance: Four numbers by which the deltas are multiplied.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        Boxes of the deltas' shape, or a dict of them.

    Raises:
        ArgumentError: A format is not known, or is relative without `image_shape`; `variance` has not four numbers.
    """
    factors = _checked(variance, 'encoded_format', encoded_format)
    height, width = image_size(image_shape)

    def decoded(anchors: Any, deltas: Any) -> Any:
        anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
        deltas = ops.convert_to_tensor(deltas)
        deltas = deltas if factors is None else deltas * factors
        places, sizes = anchors[..., :2], anchors[..., 2:]
        boxes = ops.concatenate([deltas[..., :2] * sizes + places, ops.exp(deltas[..., 2:]) * sizes], axis=-1)
        return convert_format(boxes, encoded_format, box_format, height, width)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        if missing := anchors.keys() - boxes_delta.keys():
            raise ArgumentError(f'Expected boxes_delta to have the levels of anchors, it lacks {sorted(missing)}.')
        return {level: decoded(anchors[level], boxes_delta[level]) for level in anchors}
    return decoded(anchors, boxes_delta)


def known_format(argument: str, format: str) -> str:
    """The format, in small letters; an error if there is none of that name."""
    if not isinstance(format, str) or format.lower() not in _FORMATS:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise unknown_name(argument, format, _FORMATS)
    return format.lower()


def image_size(image_shape: Sequence[Any] | None) -> tuple[Any, Any]:
    """Height and width of (height, width, channels), or (None, None)."""
    if image_shape is None:
        return None, None
    if len(image_shape) != 3:
        raise ArgumentError(f'Expected image_shape to be (height, width, channels), received {image_shape!r}.')
    return image_shape[0], image_shape[1]


def _corners(boxes: Any, format: str) -> Any:
    """Left, top, right, bottom."""
    first, last = boxes[..., :2], boxes[..., 2:]
    if 'yx' in format and not format.endswith('xyxy'):
        first, last = ops.flip(first, axis=-1), ops.flip(last, axis=-1)
    if 'center' in format:
        half = last / 2
        first, last = first - half, first + half
    elif format.endswith('wh'):
        last = first + last
    return ops.concatenate([first, last], axis=-1)


def _from_corners(corners: Any, format: str) -> Any:
    first, last = corners[..., :2], corners[..., 2:]
    if 'center' in format:
        first, last = first + (last - first) / 2, last - first
    elif format.endswith('wh'):
        last = last - first
    if 'yx' in format and not format.endswith('xyxy'):
        first, last = ops.flip(first, axis=-1), ops.flip(last, axis=-1)
    return ops.concatenate([first, last], axis=-1)


def _checked(variance: Any, argument: str, format: str) -> Any:
    if format not in ('center_xywh', 'center_yxhw'):
        raise unknown_name(argument, format, ('center_xywh', 'center_yxhw'))
    if variance is None:
        return None
    variance = ops.convert_to_tensor(variance, 'float32')
    if variance.shape[-1:] != (_SIDES,):
        raise ArgumentError(f'Expected variance to be 4 numbers, received shape {tuple(variance.shape)}.')
    return variance
