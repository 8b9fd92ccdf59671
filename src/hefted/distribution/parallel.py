"""Ways to train one model on many devices: each says how rows and how weights are split over a mesh."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import jax

from hefted.distribution.layouts import LayoutMap, TensorLayout
from hefted.distribution.mesh import DeviceMesh, list_devices
from hefted.errors import ArgumentError, warn

_BATCH = 'batch'
_current: list[Distribution | None] = [None]


def distribution() -> Distribution | None:
    """The distribution that is set; None where `fit` is left to take all devices by itself.

    Example:
        >>> with DataParallel(devices=['cpu:0']).scope():
        ...     type(distribution()).__name__
        'DataParallel'
    """
    return _current[-1]


def set_distribution(value: Distribution | None) -> None:
    """Let models be trained by a distribution from now on; None for as many devices as divide the batch.

    Raises:
        ArgumentError: Something else.

    Example:
        >>> set_distribution(DataParallel(devices=['cpu:0']))
        >>> set_distribution(None)
    """
    if value is not None and not isinstance(value, Distribution):
        raise ArgumentError(f'Expected a Distribution such as DataParallel(), or None, received {value!r}.')
    _current[-1] = value


class Distribution:
    """How rows and weights are split over a mesh of devices.

    Args:
        device_mesh: The devices.
        batch_dim_name: The mesh's axis that a batch's rows are split over; its first if None.
        auto_shard_dataset: Of several hosts, each is given all data, and takes its own rows of every batch; False where
            each is given its own part already.

    Raises:
        ArgumentError: The mesh has no such axis.
    """

    gathers = False  # whether a weight that is split is put together where it is used

    def __init__(
        self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True
    ) -> None:
        if not isinstance(device_mesh, DeviceMesh):
            raise ArgumentError(f'Expected device_mesh to be a DeviceMesh, received {device_mesh!r}.')
        name = device_mesh.axis_names[0] if batch_dim_name is None else batch_dim_name
        if name not in device_mesh.axis_names:
            raise ArgumentError(
                f'Expected batch_dim_name to be one of the axes of the mesh, {device_mesh.axis_names}, '
                f'received {name!r}.'
            )
        self.device_mesh, self.batch_dim_name, self.auto_shard_dataset = device_mesh, name, auto_shard_dataset

    @property
    def num_model_replicas(self) -> int:
        """Into how many parts a batch is split."""
        return self.device_mesh.size_of(self.batch_dim_name)

    @property
    def num_processes(self) -> int:
        """How many processes train together."""
        return jax.process_count()

    @property
    def data_shard_id(self) -> int:
        """Which part of each batch this process has: its own number, or what it shares with those beside it."""
        together = max(1, self.num_processes // self.num_model_replicas)
        return jax.process_index() // together

    def distribute_dataset(self, dataset: Any) -> Any:
        """The dataset as it is: of several hosts, `fit` takes the rows of each by itself."""
        return dataset

    def get_data_layout(self, data_shape: Sequence[Any]) -> TensorLayout:
        """The layout of a batch of this shape: its first dimension is split."""
        return TensorLayout((self.batch_dim_name, *[None] * (len(data_shape) - 1)), self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """The layout of a variable: whole on every device."""
        return TensorLayout((None,) * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of a layer's output, by the layer's path; None where it is left to the compiler."""
        del path
        return None

    def see(self, variables: Sequence[Any]) -> None:
        """All variables of a model, before it is trained so: what is wrong for them together is said."""
        del variables

    @contextmanager
    def scope(self) -> Generator[None]:
        """Within the block this is the distribution."""
        _current.append(self)
        try:
            yield
        finally:
            _current.pop()

    def _split(self) -> Any:
        """All that decides how rows and weights are split."""
        return self.device_mesh.backend_mesh, self.batch_dim_name, self.auto_shard_dataset

    def __eq__(self, other: object) -> bool:
        """Whether another one splits the same way: what was compiled for one serves the other."""
        if self is other:
            return True
        known = type(self) is type(other) and type(self).__module__ == __name__  # of a user's own nobody can know
        return known and isinstance(other, Distribution) and self._split() == other._split()

    def __hash__(self) -> int:
        return hash((type(self), self.device_mesh.backend_mesh))

    def __repr__(self) -> str:
        return f'<{type(self).__name__} device_mesh={self.device_mesh}>'


class DataParallel(Distribution):
    """Each device has all weights and a share of every batch.

    Args:
        device_mesh: Devices along one axis.
        devices: Or their names; all that there are if neither is given.
        auto_shard_dataset: As for `Distribution`.

    Example:
        >>> DataParallel(devices=['cpu:0']).num_model_replicas
        1
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[Any] | None = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        if device_mesh is None:
            device_mesh = _line_of(devices)
        elif devices is not None:
            raise ArgumentError('Expected device_mesh or devices, received both. Pass one of them.')
        super().__init__(device_mesh, None, auto_shard_dataset)
        if len(device_mesh.shape) > 1:
            warn(
                f'{type(self).__name__} splits batches over the first axis of a mesh, {self.batch_dim_name!r}; the '
                f'devices along the other axes of {device_mesh} repeat the same work.'
            )


class FullyShardedDataParallel(DataParallel):
    """Each device has a share of every batch, and of all weights, gradients and optimizer slots.

    A weight is split along its largest dimension that the devices divide, and put together where it is used (as in ZeRO
    stage 3, Rajbhandari et al. 2020, and PyTorch's FSDP). One of fewer than `least_size` elements stays whole.

    Args:
        device_mesh: Devices along one axis.
        devices: Or their names; all that there are if neither is given.
        least_size: Elements of a weight that is split.
        auto_shard_dataset: As for `Distribution`.

    Example:
        >>> FullyShardedDataParallel(devices=['cpu:0']).least_size
        1024
    """

    gathers = True

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[Any] | None = None,
        least_size: int = 1024,
        auto_shard_dataset: bool = True,
    ) -> None:
        super().__init__(device_mesh, devices, auto_shard_dataset)
        self.least_size = least_size

    def _split(self) -> Any:
        return super()._split(), self.least_size

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """The layout of a variable: its largest dimension that the devices divide is split."""
        count, shape = self.num_model_replicas, tuple(variable.shape)
        axes: list[str | None] = [None] * len(shape)
        fitting = [axis for axis, size in enumerate(shape) if size and size % count == 0]
        if fitting and _elements(shape) >= self.least_size:
            axes[max(fitting, key=lambda axis: shape[axis])] = self.batch_dim_name
        return TensorLayout(axes, self.device_mesh)


class ModelParallel(Distribution):
    """Weights are split as a map of layouts says; batches over one axis of the mesh.

    Args:
        layout_map: Layouts by the paths of variables; what it does not name is whole on every device.
        batch_dim_name: The mesh's axis that batches are split over; its first if None.
        auto_shard_dataset: As for `Distribution`.
        device_mesh: Not used: the map has one. Programs for earlier versions of Keras pass it.

    Raises:
        ArgumentError: No layout map, or one without a mesh.

    Example:
        >>> mesh = DeviceMesh((1, 1), ('batch', 'model'), ['cpu:0'])
        >>> layouts = LayoutMap(mesh)
        >>> layouts['.*kernel'] = (None, 'model')
        >>> ModelParallel(layout_map=layouts).num_model_replicas
        1
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        device_mesh: DeviceMesh | None = None,
    ) -> None:
        del device_mesh
        if not isinstance(layout_map, LayoutMap):
            raise ArgumentError(f'Expected layout_map to be a LayoutMap, received {layout_map!r}.')
        if layout_map.device_mesh is None:
            raise ArgumentError(
                'Expected a layout_map with a mesh, received one without. Write LayoutMap(device_mesh).'
            )
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)
        self.layout_map = layout_map
        self._seen: set[str] = set()  # keys of the map that have named a weight, or of which it was said

    def see(self, variables: Sequence[Any]) -> None:
        """Warn of keys that name no weight: what they were to split is then whole on every device."""
        keys = [key for key in self.layout_map if key not in self._seen]
        if not keys or not variables:
            return
        self._seen.update(keys)
        paths = [part.path for variable in variables for part in getattr(variable, 'parts', ()) or (variable,)]
        unused = [key for key in keys if key not in paths and not any(re.fullmatch(key, path) for path in paths)]
        if unused:
            warn(
                f'The layout map has keys that name no weight of the model: {unused}. A key is a regular expression '
                f'for the whole path of a weight, such as {paths[0]!r}; see [v.path for v in model.variables].'
            )

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """The layout of a variable, as the map says.

        Raises:
            ArgumentError: The map's layout has another number of dimensions, or devices do not divide one.
        """
        layout = self.layout_map[variable.path]
        if layout is None:
            return super().get_variable_layout(variable)
        if len(layout.axes) != len(variable.shape):
            raise ArgumentError(
                f'Expected a layout of {len(variable.shape)} axes for {variable.path!r}, whose shape is '
                f'{tuple(variable.shape)}, received {layout.axes}. Give it one axis or None for each dimension, or '
                "make the map's key narrower."
            )
        for axis, size in zip(layout.axes, variable.shape, strict=True):
            if axis is not None and size % (parts := self.device_mesh.size_of(axis)):
                raise ArgumentError(
                    f'Expected dimensions that the mesh divides for {variable.path!r}, whose shape is '
                    f'{tuple(variable.shape)}, received the layout {layout.axes}, which splits {size} into {parts} '
                    f"along {axis!r}. Split another dimension, or make the map's key narrower."
                )
        return layout

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        return self.layout_map[path]

    def _split(self) -> Any:
        layouts = [(pattern, layout.axes, layout.device_mesh) for pattern, layout in self.layout_map.items()]
        return super()._split(), [(*named, mesh and mesh.backend_mesh) for *named, mesh in layouts]


def _line_of(devices: Sequence[Any] | None) -> DeviceMesh:
    found = list_devices() if devices is None else list(devices)
    return DeviceMesh((len(found),), (_BATCH,), found)


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
