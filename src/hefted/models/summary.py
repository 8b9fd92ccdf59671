"""`summary()`: the layers as a table."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

from hefted.variables import Variable


def print_summary(
    model: Any,
    width: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    show_trainable: bool = False,
) -> None:
    """Print layers, output shapes and parameter counts.

    Args:
        model: Built.
        width: Columns; the terminal's if None.
        print_fn: Takes the text instead of standard output.
        show_trainable: Whether to add a column that says which layers are trained.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.HEAVY_HEAD, show_lines=False)
    table.add_column('Layer (type)', overflow='fold')
    table.add_column('Output shape')
    table.add_column('Parameters', justify='right')
    if show_trainable:
        table.add_column('Trained', justify='center')
    for layer in model.layers:
        shape = str(getattr(layer, 'output_shape', None) or '?')
        row = [
            f'{layer.name} ({type(layer).__name__})',
            shape,
            f'{layer.count_params():,}' if layer.built else '0',
        ]
        table.add_row(*row, *(['yes' if layer.trainable else 'no'] if show_trainable else []))
    console = Console(
        width=width, record=print_fn is not None, quiet=False, file=None if print_fn is None else io.StringIO()
    )
    console.print(f'[bold]Model: "{model.name}"[/bold]', highlight=False)
    console.print(table)
    for label, variables in _totals(model):
        console.print(f' [bold]{label}:[/bold] {count(variables):,} ({size(variables)})', highlight=False)
    if print_fn is not None:
        print_fn(console.export_text())


def _totals(model: Any) -> list[tuple[str, list[Variable]]]:
    optimizer = getattr(model.optimizer, 'variables', None) or []
    totals = [
        ('Total parameters', model.weights),
        ('Trainable parameters', model.trainable_weights),
        ('Non-trainable parameters', model.non_trainable_weights),
    ]
    return totals + ([('Optimizer parameters', list(optimizer))] if optimizer else [])


def count(variables: list[Variable]) -> int:
    """How many numbers."""
    return sum(math.prod(v.shape) for v in variables)


def size(variables: list[Variable]) -> str:
    """How many bytes, such as '12.75 KB'.

    Example:
        >>> size([])
        '0.00 B'
    """
    import jax.numpy as jnp

    amount = float(sum(math.prod(v.shape) * jnp.dtype(v.dtype).itemsize for v in variables))
    for unit in ('B', 'KB', 'MB', 'GB'):
        if amount < 1024 or unit == 'GB':
            return f'{amount:.2f} {unit}'
        amount /= 1024
    return ''
