"""JAX's own compilation cache, as a person sets it up, for as long as a block of code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Within the block whatever is compiled is kept in the folder, and read from there."""
    settings = {
        'jax_compilation_cache_dir': str(folder),
        'jax_persistent_cache_min_compile_time_secs': 0.0,
        'jax_persistent_cache_min_entry_size_bytes': -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
