"""`summary()`: the layers as a table, with what each holds and computes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from hefted.errors import NotBuiltError
from hefted.layers.layer import Layer
from hefted.models import cost
from hefted.operation import Node
from hefted.utils.painting import import_rich
from hefted.variables import Variable

_FIGURES = ('Param #', 'Bytes', 'FLOPs a row')
_GIVEN_UP = ('Bytes', 'FLOPs a row')  # columns that a narrow terminal goes without, in this order


class Row(NamedTuple):
    """One layer of the table.

    Attributes:
        depth: How many models it is inside of.
        layer: The layer.
        shape: Of its output, as text.
        flops: Operations of its forward pass for one row; None where that cannot be known.
        inputs: The names of the layers before it.
    """

    depth: int
    layer: Layer
    shape: str
    flops: int | None
    inputs: list[str]


def print_summary(
    model: Any,
    width: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    show_trainable: bool = False,
    expand_nested: bool = False,
    layer_range: tuple[str, str] | None = None,
) -> None:
    """Print layers, output shapes, numbers and bytes of parameters, and operations of the forward pass for one row.

    Args:
        model: What it is of; what is not built yet has '?'.
        width: Columns; the terminal's if None.
        print_fn: Takes the text instead of standard output.
        show_trainable: Whether to add a column that says which layers are trained.
        expand_nested: Whether to list the layers of models inside it too.
        layer_range: Names, or patterns of names, of the first and the last layer to list.
    """
    import_rich()
    from rich.console import Console

    rows = list(_between(list(rows_of(model, expand_nested)), layer_range))
    branches = (
        any(len(row.inputs) > 1 for row in rows) or len((getattr(model, '_graph', None) and model.inputs) or ()) > 1
    )
    console = Console(
        width=width, record=print_fn is not None, quiet=False, file=None if print_fn is None else io.StringIO()
    )
    table = _fitted(_columns(rows, branches, show_trainable), console.width)
    console.print(f'[bold]Model: "{model.name}"[/bold]', highlight=False)
    console.print(table)
    for label, told in _totals(model):
        console.print(f' [bold]{label}:[/bold] {told}', highlight=False)
    known = [row.flops for row in rows if row.depth == 0 and row.flops is not None]
    if known and len(known) == len([row for row in rows if row.depth == 0]) and layer_range is None:
        console.print(f' [bold]Forward FLOPs a row:[/bold] {sum(known):,}', highlight=False)
    if print_fn is not None:
        print_fn(console.export_text())


def _columns(rows: list[Row], branches: bool, show_trainable: bool) -> dict[str, list[str]]:
    """The cells of each column, by its title."""
    columns = {
        'Layer (type)': [f'{"  " * row.depth}{row.layer.name} ({type(row.layer).__name__})' for row in rows],
        'Output Shape': [row.shape for row in rows],
        'Param #': [f'{_counted(row.layer) or 0:,}{"" if row.layer.built else " (unbuilt)"}' for row in rows],
        'Bytes': [size(row.layer.weights) if row.layer.weights else '0' for row in rows],
        'FLOPs a row': ['?' if row.flops is None else f'{row.flops:,}' for row in rows],
    }
    if branches:
        columns['Connected to'] = [', '.join(row.inputs) or '-' for row in rows]
    if show_trainable:
        columns['Trained'] = ['yes' if row.layer.trainable else 'no' for row in rows]
    return columns


def _fitted(columns: dict[str, list[str]], width: int) -> Any:
    """The table in so many columns of text: a narrow one has names above types, and goes without what totals tell."""
    from rich import box
    from rich.table import Table

    if _width(columns) > width:
        columns['Layer (type)'] = [cell.replace(' (', f'\n{_indent(cell)}(') for cell in columns['Layer (type)']]
    for title in _GIVEN_UP:
        if _width(columns) > width:
            del columns[title]
    table = Table(box=box.HEAVY_HEAD, show_lines=False)
    for title in columns:
        justify = 'right' if title in _FIGURES else 'center' if title == 'Trained' else 'left'
        table.add_column(title, justify=justify, overflow='fold', no_wrap=title in (*_FIGURES, 'Trained'))
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    return table


def _width(columns: dict[str, list[str]]) -> int:
    """What a table is wide, each cell on the lines it has; a list of names may wrap between them."""
    inner = 0
    for title, cells in columns.items():
        lines = [
            line for cell in (title, *cells) for line in (cell.split() if title == 'Connected to' else cell.split('\n'))
        ]
        inner += max(map(len, lines))
    return inner + 3 * len(columns) + 1


def _indent(cell: str) -> str:
    return ' ' * (len(cell) - len(cell.lstrip()))


def rows_of(model: Any, expand_nested: bool = False, depth: int = 0) -> Iterator[Row]:
    """The layers in order, each with what is known of it."""
    nodes = _nodes(model)
    for layer in model.layers:
        calls = nodes.get(id(layer), [])
        known = [cost.flops_of(node) for node in calls if not node.is_input]
        flops = sum(f for f in known if f is not None) if calls and None not in known else None
        before = [t.history.operation.name for node in calls for t in node.input_tensors if t.history is not None]
        yield Row(depth, layer, _shape(layer, calls), flops, list(dict.fromkeys(before)))
        if expand_nested and hasattr(layer, 'layers'):
            yield from rows_of(layer, True, depth + 1)


def _nodes(model: Any) -> dict[int, list[Node]]:
    """A model's calls by layer; empty for one with a `call` of its own."""
    try:
        graph = model.graph
    except (AttributeError, ValueError):  # a `call` of its own, or no shape yet
        return {}
    return {id(operation): [node for _, node in graph.own_nodes(operation)] for operation in graph.operations}


def _shape(layer: Any, calls: list[Node]) -> str:
    shapes = [t.shape for node in calls for t in node.outputs] or [getattr(layer, 'output_shape', None)]
    told = list(dict.fromkeys(str(shape) for shape in shapes if shape is not None))
    return ', '.join(told) or '?'


def _between(rows: list[Row], layer_range: tuple[str, str] | None) -> list[Row]:
    if layer_range is None:
        return rows
    places = [i for i, row in enumerate(rows) if any(re.fullmatch(p, row.layer.name) for p in layer_range)]
    return rows[min(places) : max(places) + 1] if places else rows


def _counted(layer: Any) -> int | None:
    """How many parameters a layer has or, where it knows before it is built, will have."""
    try:
        return layer.count_params()
    except NotBuiltError:
        return None


def _totals(model: Any) -> list[tuple[str, str]]:
    unbuilt = not all(layer.built for layer in model.layers) or not (model.built or model.weights)
    if unbuilt and (known := _counted(model)):
        return [('Total params', f'{known:,} (not all built)')]
    optimizer = getattr(getattr(model, 'optimizer', None), 'variables', None) or []
    totals = [
        ('Total params', model.weights),
        ('Trainable params', model.trainable_weights),
        ('Non-trainable params', model.non_trainable_weights),
    ]
    totals += [('Optimizer params', list(optimizer))] if optimizer else []
    note = '; not all built' if unbuilt else ''
    return [(label, f'{count(variables):,} ({size(variables)}{note})') for label, variables in totals]


def count(variables: list[Variable]) -> int:
    """How many numbers."""
    return sum(math.prod(v.shape) for v in variables)


def size(variables: list[Variable]) -> str:
    """How many bytes, such as '12.75 KB'.

    Example:
        >>> size([])
        '0.00 B'
    """
    import ml_dtypes

    def width(dtype: str) -> int:
        return np.dtype(getattr(ml_dtypes, dtype, dtype)).itemsize

    amount = float(sum(math.prod(v.shape) * width(v.dtype) for v in variables))
    for unit in ('B', 'KB', 'MB', 'GB'):
        if amount < 1024 or unit == 'GB':
            return f'{amount:.2f} {unit}'
        amount /= 1024
    return ''
