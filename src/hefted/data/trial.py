"""Rows to try a few steps on before a training: no order is drawn for them, and nothing is taken from a stream."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from hefted.data.arrays import HostArray, Rows
from hefted.data.source import Layout, Stretch

_MOST_ROWS = 1 << 16  # that are scattered: a trial sees no more
_ALIGNMENT = 64  # bytes: what lies so, a device that has the host's memory takes over without a copy
_STRIDE = 7919  # a prime: rows far from one another, as in an order that is drawn


def scattered(rows: int, total: int) -> HostArray:
    """An order of `total` entries over so many rows, the first of them far from one another, as shuffled ones are.

    Example:
        >>> scattered(5, 8)
        array([0, 4, 3, 2, 1, 0, 4, 3], dtype=int32)
    """
    order = np.zeros(total, np.int32)
    count = min(total, _MOST_ROWS)
    order[:count] = np.arange(count, dtype=np.int64) * _STRIDE % rows
    return order


def block_of(rows: Rows, layout: Layout) -> Stretch:
    """A stretch of a layout that holds a few rows at its start, and goes over them again and again.

    What lies behind them is not touched, and so takes no memory where the system gives it page by page.

    Args:
        rows: On the host; as many as there are, up to the layout's.
        layout: Of the block.
    """
    shapes, order = layout.shapes
    total = order.shape[0]
    given = jax.tree.leaves((rows.x, rows.y, rows.weight))
    count = min(rows.count, total)
    placing = layout.placing
    hosts = 1 if placing is None else placing.hosts
    size = layout.batch_size // hosts
    leaves = [_begun_with(*pair, count, hosts) for pair in zip(given, jax.tree.leaves(shapes), strict=True)]
    put = jax.device_put if placing is None else lambda found: [placing.block(leaf, size) for leaf in found]
    data = jax.tree.unflatten(jax.tree.structure(shapes), put(leaves))
    return Stretch(data, scattered(count, total), 0, max(1, total // size), hosts * total)


def _begun_with(leaf: Any, shape: Any, count: int, hosts: int) -> HostArray:
    dtype = np.dtype(shape.dtype)
    whole = (-1, *leaf.shape[1:])
    nbytes = math.prod(shape.shape) // hosts * dtype.itemsize
    pages = np.zeros(nbytes + _ALIGNMENT, np.uint8)
    start = -pages.ctypes.data % _ALIGNMENT
    array = pages[start : start + nbytes].view(dtype).reshape(whole)
    array[:count] = leaf[:count]
    return array
