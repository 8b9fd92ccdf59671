"""One model on many devices and hosts, by Keras's names: meshes, layouts, and what is split how."""

from hefted.distribution.launch import initialize
from hefted.distribution.layouts import LayoutMap, TensorLayout, distribute_tensor
from hefted.distribution.mesh import DeviceMesh, get_device_count, list_devices
from hefted.distribution.parallel import (
    DataParallel,
    Distribution,
    FullyShardedDataParallel,
    ModelParallel,
    distribution,
    set_distribution,
)

__all__ = [
    'DataParallel', 'DeviceMesh', 'Distribution', 'FullyShardedDataParallel', 'LayoutMap', 'ModelParallel',
    'TensorLayout', 'distribute_tensor', 'distribution', 'get_device_count', 'initialize', 'list_devices', 'set_distribution',
]  # fmt: skip
