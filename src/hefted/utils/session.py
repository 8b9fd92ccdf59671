"""What a process remembers of itself, forgotten."""

from __future__ import annotations

from typing import Any


def clear_session(free_memory: bool = True) -> None:
    """Count names anew, and forget the unseeded generator and the global dtype policy.

    Args:
        free_memory: Whether Python collects its garbage as well.
    """
    import gc

    from hefted.dtype_policies import reset_dtype_policy
    from hefted.random import reset_global_generator
    from hefted.utils.naming import reset_names

    reset_names()
    reset_global_generator()
    reset_dtype_policy()
    if free_memory:
        gc.collect()


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a symbolic tensor."""
    from hefted.symbolic import KerasTensor

    return isinstance(x, KerasTensor)


def standardize_dtype(dtype: Any) -> str:
    """The standard name of a dtype; None is `floatx()`.

    Example:
        >>> standardize_dtype(float), standardize_dtype('int8')
        ('float32', 'int8')
    """
    from hefted.dtypes import standardize

    return standardize(dtype)
