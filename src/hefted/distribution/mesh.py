"""Devices, and meshes of them: which there are, and along which named axes a training is split over them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np

from hefted.errors import ArgumentError


def list_devices(device_type: str | None = None) -> list[str]:
    """The devices of all hosts, by name.

    Args:
        device_type: 'cpu', 'gpu' or 'tpu'; what JAX computes on if None.

    Raises:
        ArgumentError: There are none of that type.

    Example:
        >>> list_devices('cpu')[0]
        'cpu:0'
    """
    return [_name(device) for device in _devices(device_type)]


def get_device_count(device_type: str | None = None) -> int:
    """How many devices all hosts have together.

    Args:
        device_type: 'cpu', 'gpu' or 'tpu'; what JAX computes on if None.

    Raises:
        ArgumentError: There are none of that type.

    Example:
        >>> get_device_count('cpu') == len(list_devices('cpu'))
        True
    """
    return len(_devices(device_type))


def _devices(device_type: str | None) -> list[Any]:
    try:
        return jax.devices(device_type and device_type.lower())
    except RuntimeError as error:
        there = sorted({device.platform for device in jax.devices()})
        raise ArgumentError(
            f'Expected device_type to be one that is there ({", ".join(there)}), received {device_type!r}.'
        ) from error


def device_of(name: Any) -> Any:
    """JAX's device of a name such as 'gpu:1'.

    Raises:
        ArgumentError: There is none of that name.
    """
    if isinstance(name, jax.Device):
        return name
    wanted = _name(name)
    found = {_name(device): device for device in _devices(wanted.partition(':')[0])}
    if wanted not in found:
        raise ArgumentError(f'Expected devices among {", ".join(found)}, received {name!r}.')
    return found[wanted]


def _require_distinct(devices: Sequence[Any]) -> None:
    """Raise unless there are devices, each once."""
    if not len(devices):
        raise ArgumentError('Expected at least one device, received none. Leave out devices for all that there are.')
    names = [_name(device) for device in devices]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ArgumentError(
            f'Expected each device once, received {", ".join(twice)} more than once in {names}. '
            'Leave out devices for all that there are, or see list_devices().'
        )


def _name(device: Any) -> str:
    if isinstance(device, jax.Device):
        return f'{device.platform}:{device.id}'
    kind, _, number = str(device).partition(':')
    return f'{kind}:{number or 0}'


class DeviceMesh:
    """Devices in a grid whose axes have names.

    Args:
        shape: How many devices along each axis, such as (8,) or (4, 2).
        axis_names: A name for each axis, such as ('batch', 'model').
        devices: Their names, or JAX's devices; all that there are if None.

    Raises:
        ArgumentError: Shape, names and devices do not agree; or there is no device, or one of them twice.

    Example:
        >>> DeviceMesh((1,), ('batch',), ['cpu:0'])
        <DeviceMesh shape=(1,), axis_names=('batch',)>
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None) -> None:
        if not shape or not axis_names:
            raise ArgumentError(
                f'Expected shape and axis_names with at least one axis, received shape={shape!r}, '
                f'axis_names={axis_names!r}.'
            )
        if len(shape) != len(axis_names):
            raise ArgumentError(
                f'Expected as many axis_names as sizes in shape, received shape={shape!r}, axis_names={axis_names!r}.'
            )
        given = np.array(list_devices() if devices is None else devices, dtype=object)
        _require_distinct([*given.flat])
        if any(size < 1 for size in shape):
            raise ArgumentError(f'Expected sizes of at least 1 in shape, received {tuple(shape)}.')
        if math.prod(shape) != given.size:
            raise ArgumentError(
                f'Expected a shape for {given.size} device{"s" if given.size != 1 else ""}, received {tuple(shape)}, '
                f'which is for {math.prod(shape)}. Name as many devices as the mesh has, or change its shape.'
            )
        self.shape = tuple(int(size) for size in shape)
        self.axis_names = tuple(axis_names)
        self.devices = given.reshape(self.shape)

    @cached_property
    def backend_mesh(self) -> jax.sharding.Mesh:
        """The same as JAX's mesh."""
        found = [device_of(name) for name in self.devices.ravel()]
        return jax.sharding.Mesh(np.array(found, dtype=object).reshape(self.shape), self.axis_names)

    def size_of(self, axis: str) -> int:
        """How many devices lie along an axis."""
        return self.shape[self.axis_names.index(axis)]

    def __repr__(self) -> str:
        return f'<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>'
