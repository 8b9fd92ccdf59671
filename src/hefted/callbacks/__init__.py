"""Callbacks: hooks into a training, by Keras's names, and `Worth`. Each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    name: file
    for file, names in {
        'backup_and_restore': 'BackupAndRestore',
        'callback': 'Callback CallbackList',
        'csv_logger': 'CSVLogger',
        'history': 'History',
        'model_checkpoint': 'ModelCheckpoint',
        'orbax_checkpoint': 'OrbaxCheckpoint',
        'progbar_logger': 'ProgbarLogger',
        'reduce_lr_on_plateau': 'ReduceLROnPlateau',
        'remote_monitor': 'RemoteMonitor',
        'monitor': 'EarlyStopping TerminateOnNaN',
        'simple': 'LambdaCallback LearningRateScheduler',
        'swap_ema_weights': 'SwapEMAWeights',
        'tensorboard': 'TensorBoard',
        'worth': 'Worth',
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    found = getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
