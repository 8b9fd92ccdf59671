"""How an array is split over a mesh, and which variable is split how."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import jax
from jax.core import Tracer

from hefted.distribution.mesh import DeviceMesh
from hefted.errors import ArgumentError
from hefted.symbolic import KerasTensor

NO_MESH = 'Expected a layout with a device_mesh, received one without. Write TensorLayout(axes, device_mesh=mesh).'


class TensorLayout:
    """Along which axis of a mesh each dimension of an array is split.

    Args:
        axes: A name of the mesh's axes, or None, for each dimension.
        device_mesh: The mesh; may be set later, once.

    Raises:
        ArgumentError: An axis that the mesh does not have, or the same one twice.

    Example:
        >>> mesh = DeviceMesh((1,), ('batch',), ['cpu:0'])
        >>> TensorLayout(('batch', None), mesh).axes
        ('batch', None)
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None) -> None:
        self.axes = tuple(axes)
        self._mesh: DeviceMesh | None = None
        named = [axis for axis in self.axes if axis is not None]
        if len(set(named)) < len(named):
            raise ArgumentError(f'Expected each axis of the mesh at most once in a layout, received {self.axes}.')
        if device_mesh is not None:
            self.device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh, or None where none was named yet."""
        return self._mesh

    @device_mesh.setter
    def device_mesh(self, mesh: DeviceMesh) -> None:
        if self._mesh is not None:
            raise ArgumentError(f'Expected a layout without a mesh to give one to, received one that has {self._mesh}.')
        unknown = {axis for axis in self.axes if axis is not None} - set(mesh.axis_names)
        if unknown:
            raise ArgumentError(
                f'Expected axes among those of the mesh, {mesh.axis_names}, received {self.axes}. '
                'Name an axis of the mesh, or None for a dimension that is not split.'
            )
        self._mesh = mesh

    @property
    def backend_layout(self) -> jax.sharding.NamedSharding:
        """The same as JAX's sharding."""
        if self._mesh is None:
            raise ArgumentError(NO_MESH)
        return jax.sharding.NamedSharding(self._mesh.backend_mesh, jax.sharding.PartitionSpec(*self.axes))

    def __repr__(self) -> str:
        return f'<TensorLayout axes={self.axes}, device_mesh={self._mesh}>'


class LayoutMap(MutableMapping[str, Any]):
    """Layouts by the paths of variables; a key is a regular expression for whole paths.

    Args:
        device_mesh: Of all its layouts.

    Example:
        >>> layouts = LayoutMap(DeviceMesh((1,), ('model',), ['cpu:0']))
        >>> layouts['.*dense.*kernel'] = (None, 'model')
        >>> layouts['model/dense_1/kernel'].axes
        (None, 'model')
        >>> layouts['model/dense_1/bias'] is None
        True
    """

    def __init__(self, device_mesh: DeviceMesh | None) -> None:
        self._layouts: dict[str, TensorLayout] = {}
        self.device_mesh = device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:
        """The layout of a path; None if no key matches it.

        Raises:
            ArgumentError: Several keys match it.
        """
        if key in self._layouts:
            return self._layouts[key]
        found = [pattern for pattern in self._layouts if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(
                f'Expected one key of the layout map for {key!r}, received {found}: make them disjoint.'
            )
        return self._layouts[found[0]] if found else None

    def __setitem__(self, key: str, layout: TensorLayout | tuple[str | None, ...]) -> None:
        if key in self._layouts:
            raise ArgumentError(f'Expected a key that the layout map has not got, received {key!r}. Delete it first.')
        try:
            re.compile(key)
        except (re.error, TypeError) as error:
            raise ArgumentError(
                f'Expected a key of the layout map to be a regular expression for paths, received {key!r}: {error}.'
            ) from error
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ArgumentError(f'Expected a TensorLayout or a tuple of axes for {key!r}, received {layout!r}.')
        if layout.device_mesh is None and self.device_mesh is not None:
            layout.device_mesh = self.device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)


def distribute_tensor(tensor: Any, layout: Any) -> Any:
    """An array split over a mesh; inside of a step, a value that is to be split so.

    Args:
        tensor: What to split; a symbolic one stays as it is.
        layout: A `TensorLayout`, or a sharding of JAX's.

    Returns:
        An array, or a value of the step, of the same shape and dtype.

    Raises:
        ValueError: JAX's, where the mesh does not divide the array's shape.

    Example:
        >>> mesh = DeviceMesh((1,), ('batch',), ['cpu:0'])
        >>> distribute_tensor(jax.numpy.ones((4, 2)), TensorLayout(('batch', None), mesh)).sharding.spec[0]
        'batch'
    """
    if isinstance(tensor, KerasTensor):
        return tensor
    sharding = layout.backend_layout if isinstance(layout, TensorLayout) else layout
    if isinstance(tensor, Tracer):
        return jax.lax.with_sharding_constraint(tensor, sharding)
    return jax.device_put(tensor, sharding)
