"""Settings of the whole process, by Keras's names: the default float, layouts, policies, limits.

hefted.config.set_dtype_policy('mixed_bfloat16')
"""

from __future__ import annotations

import os

from hefted.dtype_policies import dtype_policy, set_dtype_policy
from hefted.dtypes import floatx, set_floatx
from hefted.errors import ArgumentError
from hefted.utils.arrays import epsilon, set_epsilon
from hefted.utils.layout import image_data_format, set_image_data_format

__all__ = [
    'backend', 'disable_flash_attention', 'disable_interactive_logging', 'disable_traceback_filtering', 'dtype_policy',
    'enable_flash_attention', 'enable_interactive_logging', 'enable_traceback_filtering',
    'enable_unsafe_deserialization', 'epsilon', 'floatx', 'image_data_format', 'is_flash_attention_enabled',
    'is_interactive_logging_enabled', 'is_nnx_enabled', 'is_traceback_filtering_enabled', 'max_epochs',
    'max_steps_per_epoch', 'set_backend', 'set_dtype_policy', 'set_epsilon', 'set_floatx', 'set_image_data_format',
    'set_max_epochs', 'set_max_steps_per_epoch',
]  # fmt: skip

_flash_attention: bool | None = None
_interactive_logging = True
_traceback_filtering = True


def _from_environment(name: str) -> int | None:
    value = os.environ.get(name, '')
    return int(value) if value.isdigit() else None


_max_epochs = _from_environment('KERAS_MAX_EPOCHS')
_max_steps_per_epoch = _from_environment('KERAS_MAX_STEPS_PER_EPOCH')


def backend() -> str:
    """'jax', always."""
    return 'jax'


def set_backend(backend: str) -> None:
    """Do nothing for 'jax'.

    Raises:
        ArgumentError: Another back end.
    """
    if backend != 'jax':
        raise ArgumentError(f"Expected backend to be 'jax', on which Hefted is built, received {backend!r}.")


def is_nnx_enabled() -> bool:
    """False: variables here are no Flax NNX variables."""
    return False


def enable_unsafe_deserialization() -> None:
    """Refused: no file runs code here.

    Raises:
        ArgumentError: Always.
    """
    raise ArgumentError(
        'Expected archives that hold no code: a lambda in a file is never run. Write it as a named function, register '
        'it with @hefted.saving.register_keras_serializable() and save the model again.'
    )


# Attention


def enable_flash_attention() -> None:
    """Let attention layers take the accelerator's fused kernel."""
    global _flash_attention
    _flash_attention = True


def disable_flash_attention() -> None:
    """Keep attention layers from the accelerator's fused kernel."""
    global _flash_attention
    _flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """What was said last; None, when nothing was, leaves it to the layer."""
    return _flash_attention


# What is shown


def enable_interactive_logging() -> None:
    """Show progress on standard output, as at the start."""
    global _interactive_logging
    _interactive_logging = True


def disable_interactive_logging() -> None:
    """Send progress to Python's logger 'hefted' (level INFO), a line an epoch."""
    global _interactive_logging
    _interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress is shown on standard output."""
    return _interactive_logging


def enable_traceback_filtering() -> None:
    """Take note, and no more: tracebacks are short here, and never cut."""
    global _traceback_filtering
    _traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Take note, and no more: tracebacks are never cut."""
    global _traceback_filtering
    _traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """What was said last; True at the start."""
    return _traceback_filtering


# Limits, to try a program quickly


def max_epochs() -> int | None:
    """The most epochs that any `fit` trains; None is no limit. KERAS_MAX_EPOCHS in the environment sets it, too."""
    return _max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Set the most epochs that any `fit` trains; None is no limit."""
    global _max_epochs
    _max_epochs = max_epochs


def max_steps_per_epoch() -> int | None:
    """The most steps of an epoch, an evaluation or a prediction; None is no limit.

    KERAS_MAX_STEPS_PER_EPOCH in the environment sets it, too.
    """
    return _max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Set the most steps of an epoch, an evaluation or a prediction; None is no limit."""
    global _max_steps_per_epoch
    _max_steps_per_epoch = max_steps_per_epoch
