"""`InputSpec`: what a layer asks of its input's shape, and the error when it is not so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hefted import tree
from hefted.errors import ShapeError


@dataclass(frozen=True)
class InputSpec:
    """Rank and sizes that an input must have.

    Attributes:
        ndim: Its rank.
        min_ndim: Its least rank.
        axes: Size by axis.
    """

    ndim: int | None = None
    min_ndim: int | None = None
    axes: dict[int, int | None] = field(default_factory=dict[int, 'int | None'])


def check_inputs(spec: InputSpec | None, inputs: Any, name: str) -> None:
    """Raise ShapeError where the first input does not fit the spec."""
    if spec is None:
        return
    shape = tuple(tree.flatten(inputs)[0].shape)
    found = (None, *shape[1:])
    where = f'Input 0 of layer "{name}" is incompatible with the layer: '
    if spec.ndim is not None and len(shape) != spec.ndim:
        raise ShapeError(f'{where}expected ndim={spec.ndim}, found ndim={len(shape)}. Full shape received: {found}.')
    if spec.min_ndim is not None and len(shape) < spec.min_ndim:
        raise ShapeError(
            f'{where}expected min_ndim={spec.min_ndim}, found ndim={len(shape)}. Full shape received: {found}.'
        )
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] != size:
            raise ShapeError(
                f'{where}expected axis {axis} of input shape to have value {size}, but received input with shape '
                f'{found}. Pass data whose axis {axis} has {size} values, or build the model for {shape[axis]}.'
            )
