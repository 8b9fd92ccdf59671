"""Hefted: a Keras-shaped neural-network library on JAX whose `fit` knows what it weighs and where it stands.

    from hefted import Sequential
    from hefted.layers import Dense

What costs time to import is imported when it is first asked for; metering a program needs no JAX at all.
"""

from __future__ import annotations

import importlib
from typing import Any

from hefted.utils.garbage import uncollected

__version__ = '0.1.0'

# Every public name and the room that it comes from; None where the name is the room itself.
_PUBLIC: dict[str, str | None] = {
    'Budget': 'hefted.budget',
    'DTypePolicy': 'hefted.dtype_policies',
    'Function': 'hefted.models.function',
    'FloatDTypePolicy': 'hefted.dtype_policies',
    'Footprint': 'hefted.footprint',
    'Initializer': 'hefted.initializers',
    'Input': 'hefted.layers',
    'InputSpec': 'hefted.layers',
    'KerasTensor': 'hefted.symbolic',
    'Layer': 'hefted.layers',
    'Loss': 'hefted.losses',
    'Metric': 'hefted.metrics',
    'Model': 'hefted.models',
    'Operation': 'hefted.operation',
    'Optimizer': 'hefted.optimizers',
    'Place': 'hefted.footprint',
    'Quantity': 'hefted.quantities',
    'Quantizer': 'hefted.quantizers',
    'RematScope': 'hefted.remat',
    'Regularizer': 'hefted.regularizers',
    'Sequential': 'hefted.models',
    'StatelessScope': 'hefted.scopes',
    'SymbolicScope': 'hefted.scopes',
    'Variable': 'hefted.variables',
    'When': 'hefted.when',
    'device': 'hefted.scopes',
    'fit': 'hefted.integrations',
    'foresee': 'hefted.integrations',
    'meter': 'hefted.runs',
    'moved': 'hefted.runs',
    'name_scope': 'hefted.scopes',
    'remat': 'hefted.remat',
    **dict.fromkeys(
        (
            'activations', 'applications', 'backend', 'callbacks', 'config', 'constraints', 'datasets',
            'distillation', 'distribution', 'dtype_policies', 'errors', 'export', 'initializers', 'layers',
            'ledger', 'legacy', 'losses', 'metrics', 'mixed_precision', 'models', 'ops', 'optimizers',
            'preprocessing', 'quantizers', 'random', 'regularizers', 'saving', 'tree', 'utils', 'visualization',
            'wrappers',
        )
    ),
}  # fmt: skip

__all__ = sorted([*_PUBLIC, 'version'])  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        from hefted.errors import no_attribute

        raise no_attribute(__name__, name, __all__)
    room = _PUBLIC[name]
    with uncollected(stays=True):
        module = importlib.import_module(room or f'{__name__}.{name}')
        found = getattr(module, name) if room else module
    globals()[name] = found
    return found


def version() -> str:
    """Hefted's version."""
    return __version__


def __dir__() -> list[str]:
    return [*__all__, '__version__']
