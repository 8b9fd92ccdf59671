"""`InputSpec`: what a layer asks of its inputs' shapes and dtypes, and the error when it is not so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted import dtypes, tree
from hefted.errors import ArgumentError, ShapeError

Shape = tuple[int | None, ...]


class InputSpec:
    """What one input must be like.

    Args:
        dtype: Its dtype.
        shape: Its shape, batch axis included; None where any size will do.
        ndim: Its rank.
        max_ndim: Its greatest rank.
        min_ndim: Its least rank.
        axes: Size by axis.
        allow_last_axis_squeeze: Whether a last axis of 1 may be missing, or there too many, beside `shape`.
        name: Its key, where inputs are a dict.
        optional: Whether None will do.

    Example:
        >>> InputSpec(min_ndim=2, axes={-1: 8})
        InputSpec(min_ndim=2, axes={-1: 8})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else dtypes.standardize(dtype)
        self.shape: Shape | None = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes: dict[int, int | None] = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name, self.optional = name, optional
        most = self.ndim or self.max_ndim
        if self.axes and most and max(self.axes) >= most:
            raise ArgumentError(f'Expected axes below the rank {most}, received axis {max(self.axes)}.')

    def get_config(self) -> dict[str, Any]:
        names = ('dtype', 'shape', 'ndim', 'max_ndim', 'min_ndim', 'axes', 'optional')
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)

    def __repr__(self) -> str:
        told = {k: v for k, v in self.get_config().items() if v and not (k == 'ndim' and self.shape)}
        return f'InputSpec({", ".join(f"{k}={v}" for k, v in told.items())})'


def check_inputs(spec: Any, inputs: Any, name: str) -> None:
    """Raise where a layer's first argument does not fit its spec (or specs, one for each input).

    Raises:
        ShapeError: Another number of inputs, a rank or a size that does not fit.
        ArgumentError: Something that is not an array, or another dtype.
    """
    if spec is None:
        return
    specs: list[InputSpec | None] = [spec] if isinstance(spec, InputSpec) else tree.flatten(spec)
    for number, (own, x) in enumerate(zip(specs, _listed(specs, inputs, name), strict=True)):
        if own is not None and not (x is None and own.optional):
            _check(own, x, f'Input {number}{f" ({own.name})" if own.name else ""} of layer "{name}"')


def check_axes(name: str, axes: Any, shape: Any) -> None:
    """Raise where a layer's axis, or one of several, is not one of its input's.

    Raises:
        ShapeError: It is not.
    """
    rank = len(shape)
    for axis in axes if isinstance(axes, (list, tuple)) else (axes,):
        if not -rank <= axis < rank:
            raise ShapeError(
                f'Expected axis of {name!r} to be one of the {rank} axes of the input of shape {tuple(shape)} '
                f'(from {-rank} to {rank - 1}), received axis={axis}.'
            )


def _listed(specs: list[InputSpec | None], inputs: Any, name: str) -> list[Any]:
    names = [spec.name if spec is not None else None for spec in specs]
    if isinstance(inputs, dict) and all(names):
        missing = [key for key in names if key not in inputs]
        if missing:
            raise ArgumentError(
                f'Expected inputs named {names} for layer "{name}", received {list(inputs)}. '
                f'Missing data for input "{missing[0]}".'
            )
        return [inputs[key] for key in names]
    listed = tree.flatten(inputs)
    if len(listed) != len(specs):
        by_key = f' named {names}: pass them as a dict' if all(names) and len(names) > 1 else ''
        raise ShapeError(f'Layer "{name}" expects {len(specs)} input(s){by_key}, but it received {len(listed)}.')
    return listed


def _check(spec: InputSpec, x: Any, which: str) -> None:
    if not hasattr(x, 'shape'):
        raise ArgumentError(f'{which} must be a tensor, received {x!r} ({type(x).__name__}).')
    shape: Shape = tuple(x.shape)
    where, told = f'{which} is incompatible with the layer: ', f'Full shape received: {(None, *shape[1:])}.'
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and len(shape) != spec.ndim:
        raise ShapeError(f'{where}expected ndim={spec.ndim}, found ndim={len(shape)}. {told}')
    if spec.min_ndim is not None and len(shape) < spec.min_ndim:
        raise ShapeError(f'{where}expected min_ndim={spec.min_ndim}, found ndim={len(shape)}. {told}')
    if spec.max_ndim is not None and len(shape) > spec.max_ndim:
        raise ShapeError(f'{where}expected max_ndim={spec.max_ndim}, found ndim={len(shape)}. {told}')
    if spec.dtype is not None and dtypes.standardize(x.dtype) != spec.dtype:
        raise ArgumentError(f'{where}expected dtype={spec.dtype}, found dtype={dtypes.standardize(x.dtype)}.')
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            raise ShapeError(
                f'{where}expected axis {axis} of input shape to have value {size}, but received input with shape '
                f'{(None, *shape[1:])}. Pass data whose axis {axis} has {size} values, or build the model for '
                f'{shape[axis]}.'
            )
    if spec.shape is not None:
        _check_shape(spec, shape, where)


def _check_shape(spec: InputSpec, shape: Shape, where: str) -> None:
    wanted, found = spec.shape or (), shape
    if spec.allow_last_axis_squeeze:
        wanted, found = (s[:-1] if s and s[-1] == 1 else s for s in (wanted, found))
    fits = len(wanted) == len(found) and all(w is None or f in (w, None) for w, f in zip(wanted, found, strict=True))
    if not fits:
        raise ShapeError(f'{where}expected shape={spec.shape}, found shape={shape}. Reshape the data, or the model.')
