"""Rows in columns that fit a terminal: a narrow one goes without the columns that are needed least."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

Piece = tuple[str, str]
"""A text, and the name of its style: '' for none."""

_GAP = 2


def cut(cell: str, width: int) -> str:
    """A cell cut short at its end.

    Example:
        >>> cut('a long name', 7)
        'a long…'
    """
    return cell if len(cell) <= width else cell[: width - 1] + '…'


class Column(NamedTuple):
    """A column.

    Attributes:
        head: Its title.
        right: Whether it is set against its right edge, as numbers are.
        style: Its cells' style, or what tells it by a cell's text.
        cut: What cuts a cell short.

    Example:
        >>> Column('Inside', style=lambda cell: 'good' if cell == 'yes' else 'poor').styled('no')
        ('no', 'poor')
    """

    head: str
    right: bool = False
    style: str | Callable[[str], str] = ''
    cut: Callable[[str, int], str] = cut

    def styled(self, cell: str) -> Piece:
        """A cell with its style."""
        return cell, self.style if isinstance(self.style, str) else self.style(cell.strip())


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int,
    given_up: Iterable[Sequence[int]] = (),
    elastic: int | None = None,
    shortest: int = 8,
) -> Iterator[list[Piece]]:
    """Lay rows out, titles first.

    Args:
        columns: Its columns.
        rows: A cell for each column.
        width: Of the terminal.
        given_up: Columns that a narrow terminal goes without, by number, in this order; some only together.
        elastic: The column that is cut short before others are given up.
        shortest: To so many characters.

    Returns:
        The lines, as pieces with styles.

    Example:
        >>> lines = table([Column('Run'), Column('Took', right=True)], [['a', '17 s'], ['b', '9 s']], 80)
        >>> for line in lines: print(plain(line))
        Run  Took
        a    17 s
        b     9 s
    """
    heads = [column.head for column in columns]
    widths = {at: max(len(row[at]) for row in [heads, *rows]) for at in range(len(columns))}
    least = {} if elastic is None else {elastic: min(shortest, widths[elastic])}
    for group in given_up:
        if _sum(widths | least) > width:
            widths, least = ({at: of[at] for at in of if at not in group} for of in (widths, least))
    for at, least_width in least.items():
        widths[at] = max(widths[at] - max(_sum(widths) - width, 0), least_width)
    yield _row([(_fitted(heads[at], widths[at], columns[at]), 'head') for at in widths])
    for row in rows:
        yield _row([columns[at].styled(_fitted(row[at], widths[at], columns[at])) for at in widths])


def plain(line: Iterable[Piece]) -> str:
    """A line without its styles."""
    return ''.join(text for text, _ in line).rstrip()


def _sum(widths: dict[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _row(pieces: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        joined += [(' ' * _GAP, ''), piece] if joined else [piece]
    while joined and not joined[-1][0].strip():
        joined.pop()
    return [*joined[:-1], *((text.rstrip(), style) for text, style in joined[-1:])]


def _fitted(cell: str, width: int, column: Column) -> str:
    cell = column.cut(cell, width)
    return cell.rjust(width) if column.right else cell.ljust(width)
