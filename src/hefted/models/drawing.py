"""`plot_model`: a model's graph as an SVG picture, drawn here: no Graphviz program is needed.

Layers stand in rows by how many calls lie before them, each row centred; a line goes from each output to each input.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from hefted.errors import ArgumentError
from hefted.models.graph import Graph
from hefted.operation import FunctionCall

_CHARACTER, _LINE, _PAD, _GAP_X, _GAP_Y = 7.4, 18, 12, 28, 46
_INK, _PAPER, _FILL, _EDGE, _FAINT = '#1d2730', '#ffffff', '#eef3f6', '#7b8a97', '#5a6874'


_FONT = 'ui-monospace, Menlo, Consolas, monospace'
_ARROW = (
    '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0 0 L8 4 L0 8 z" fill="{_EDGE}"/></marker></defs>'
)


class Picture(str):
    """An SVG document; the value of a notebook's cell shows as the picture."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


class Box(NamedTuple):
    """One layer of the picture: its lines of text, its place and its size, in pixels."""

    key: int
    title: str
    lines: list[str]
    x: float
    y: float
    width: float
    height: float
    trainable: bool


def plot_model(
    model: Any,
    to_file: str | Path | None = 'model.svg',
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = 'TB',
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = 'ortho',
) -> Picture:
    """Draw a model.

    Args:
        model: Sequential or functional, built.
        to_file: Where the picture goes, ending in .svg (another ending is exchanged, and said); None for nowhere.
        show_shapes: Whether to say the outputs' shapes.
        show_dtype: Whether to say the outputs' dtypes.
        show_layer_names: Whether to say the layers' names besides their kinds.
        rankdir: 'TB' from the top down, 'LR' from left to right.
        expand_nested: Whether models inside it are drawn as their layers in a list.
        dpi: Kept for Keras's sake: the picture has no pixels.
        show_layer_activations: Whether to say the activations.
        show_trainable: Whether frozen layers are drawn with a broken edge.
        splines: Kept for Keras's sake: lines are curves.

    Returns:
        The SVG document, which a notebook shows as a picture.

    Raises:
        ArgumentError: A direction that is not known.
        AttributeError: The model has a `call` of its own, and so no graph.
    """
    del dpi, splines
    if rankdir not in ('TB', 'LR'):
        raise ArgumentError(f"Expected rankdir to be 'TB' or 'LR', received {rankdir!r}.")
    path = None if to_file is None else Path(to_file)
    if path is not None and path.suffix != '.svg':
        warnings.warn(f'The picture is an SVG: it goes to {str(path.with_suffix(".svg"))!r}.', stacklevel=2)
        path = path.with_suffix('.svg')
    told = {
        'shapes': show_shapes,
        'dtype': show_dtype,
        'names': show_layer_names,
        'activations': show_layer_activations,
    }
    rows = [[(key, *_text(operation, told, expand_nested)) for key, operation in row] for row in _rows(model.graph)]
    boxes = {box.key: box for box in _placed(rows, rankdir == 'LR')}
    svg = _document(model, boxes, list(_edges(model.graph)), rankdir == 'LR', show_trainable)
    if path is not None:
        path.write_text(svg, 'utf-8')
    return Picture(svg)


def _rows(graph: Graph) -> list[list[tuple[int, Any]]]:
    """Operations by how many calls lie before them at most."""
    level: dict[int, int] = {}
    for node in graph.nodes:
        before = [level[id(parent.operation)] + 1 for parent in node.parent_nodes if id(parent.operation) in level]
        level[id(node.operation)] = max([level.get(id(node.operation), 0), *before])
    rows: list[list[tuple[int, Any]]] = [[] for _ in range(max(level.values(), default=0) + 1)]
    for operation in graph.operations:
        rows[level[id(operation)]].append((id(operation), operation))
    return [row for row in rows if row]


def _text(operation: Any, told: dict[str, bool], expand_nested: bool) -> tuple[str, list[str], bool]:
    kind = type(operation).__name__
    if kind == FunctionCall.__name__:
        kind = operation.function.__name__
    title = f'{operation.name} ({kind})' if told['names'] else kind
    lines: list[str] = []
    if told['activations'] and getattr(operation, 'activation', None) is not None:
        lines.append(f'activation: {getattr(operation.activation, "__name__", operation.activation)}')
    outputs = operation._inbound_nodes[0].outputs if operation._inbound_nodes else []
    if told['shapes']:
        lines.append('output: ' + ', '.join(str(tensor.shape) for tensor in outputs))
    if told['dtype']:
        lines.append('dtype: ' + ', '.join(dict.fromkeys(tensor.dtype for tensor in outputs)))
    if expand_nested and hasattr(operation, 'layers'):
        lines += [f'· {layer.name} ({type(layer).__name__})' for layer in operation.layers]
    return title, lines, bool(getattr(operation, 'trainable', True))


def _placed(rows: list[list[Any]], sideways: bool) -> Iterator[Box]:
    """Boxes in rows, each centred on the longest."""
    sized = [
        [(key, title, lines, _width([title, *lines]), _height(lines), on) for key, title, lines, on in row]
        for row in rows
    ]
    along = 4 if sideways else 3  # which size lies along a row
    across = 3 if sideways else 4
    gap = _GAP_Y / 2 if sideways else _GAP_X
    extent = max(sum(item[along] for item in row) + gap * (len(row) - 1) for row in sized)
    offset = float(_PAD)
    for row in sized:
        at = _PAD + (extent - sum(item[along] for item in row) - gap * (len(row) - 1)) / 2
        deep = max(item[across] for item in row)
        for key, title, lines, width, height, on in row:
            x, y = (offset, at) if sideways else (at, offset + (deep - height) / 2)
            yield Box(key, title, lines, x, y, width, height, on)
            at += (height if sideways else width) + gap
        offset += deep + _GAP_Y


def _width(lines: list[str]) -> float:
    return max(len(line) for line in lines) * _CHARACTER + 2 * _PAD


def _height(lines: list[str]) -> float:
    return (1 + len(lines)) * _LINE + _PAD


def _edges(graph: Graph) -> Iterator[tuple[int, int]]:
    seen: set[tuple[int, int]] = set()
    for node in graph.nodes:
        for parent in node.parent_nodes:
            edge = id(parent.operation), id(node.operation)
            if edge not in seen:
                seen.add(edge)
                yield edge


def _document(
    model: Any, boxes: dict[int, Box], edges: list[tuple[int, int]], sideways: bool, show_trainable: bool
) -> str:
    width = max(box.x + box.width for box in boxes.values()) + _PAD
    height = max(box.y + box.height for box in boxes.values()) + _PAD
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}" font-size="12">',
        f'<title>{escape(model.name)}</title>',
        _ARROW,
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
    ]
    parts += [_line(boxes[one], boxes[other], sideways) for one, other in edges if one in boxes and other in boxes]
    for box in boxes.values():
        broken = ' stroke-dasharray="5 3"' if show_trainable and not box.trainable else ''
        parts.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="5" '
            f'fill="{_FILL}" stroke="{_EDGE}"{broken}/>'
        )
        middle = box.x + box.width / 2
        for number, text in enumerate([box.title, *box.lines]):
            weight, ink = ('bold', _INK) if number == 0 else ('normal', _FAINT)
            y = box.y + _PAD / 2 + (number + 0.75) * _LINE
            parts.append(
                f'<text x="{middle:.1f}" y="{y:.1f}" text-anchor="middle" font-weight="{weight}" fill="{ink}">'
                f'{escape(text)}</text>'
            )
    return '\n'.join([*parts, '</svg>', ''])


def _line(one: Box, other: Box, sideways: bool) -> str:
    """From the middle of one box's far side to the other's near side, bent where it must be."""
    if sideways:
        x1, y1, x2, y2 = one.x + one.width, one.y + one.height / 2, other.x, other.y + other.height / 2
        middle = (x1 + x2) / 2
        path = f'M{x1:.1f} {y1:.1f} C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}'
    else:
        x1, y1, x2, y2 = one.x + one.width / 2, one.y + one.height, other.x + other.width / 2, other.y
        middle = (y1 + y2) / 2
        path = f'M{x1:.1f} {y1:.1f} C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}'
    return f'<path d="{path}" fill="none" stroke="{_EDGE}" stroke-width="1.4" marker-end="url(#end)"/>'
