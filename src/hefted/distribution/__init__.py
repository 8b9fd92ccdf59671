"""One model on many devices and hosts, by Keras's names: meshes, layouts, and what is split how.

Each is imported when it is first asked for, as a training on one device needs nothing of it.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    'DataParallel': 'parallel',
    'DeviceMesh': 'mesh',
    'Distribution': 'parallel',
    'FullyShardedDataParallel': 'parallel',
    'LayoutMap': 'layouts',
    'ModelParallel': 'parallel',
    'TensorLayout': 'layouts',
    'distribute_tensor': 'layouts',
    'distribution': 'parallel',
    'get_device_count': 'mesh',
    'initialize': 'launch',
    'list_devices': 'mesh',
    'set_distribution': 'parallel',
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, __all__)
    found = globals()[name] = getattr(importlib.import_module(f'{__name__}.{_PUBLIC[name]}'), name)
    return found


def __dir__() -> list[str]:
    return __all__
