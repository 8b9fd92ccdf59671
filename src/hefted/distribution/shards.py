"""Arrays of which each device has a share, kept by Orbax: every process writes its own shares, and reads its own.

    shards.write(folder, {'kernel': array})                        # all processes call it; whole or not at all
    shards.read(folder, {'kernel': shards.wanted((64, 8), 'float32', sharding)})

Who reads says how the arrays shall lie, on fewer or more devices and processes than wrote them. Orbax's barriers go
through JAX's runtime, as those of this room do. `pip install "hefted[orbax]"` brings it; it is imported when used.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hefted.distribution import lead
from hefted.errors import ArchiveError, HostLostError

INSTALL = 'pip install "hefted[orbax]"'
_STATE = 'state'  # the name of the tree within a folder
_SECONDS = 240  # that one waits for another which failed to write: less than `hosts.gather` waits to hear of it


def orbax(what: str) -> Any:
    """Orbax's module.

    Args:
        what: What needs it, to begin a sentence with.

    Raises:
        ImportError: It is not installed.
    """
    try:
        from orbax.checkpoint import v1  # pyright: ignore[reportMissingImports] (an extra)
    except ImportError as error:
        raise ImportError(
            f'{what} needs Orbax, which is not installed: pip install orbax-checkpoint, or {INSTALL}.'
        ) from error
    return v1


def here() -> bool:
    """Whether Orbax is installed."""
    try:
        return find_spec('orbax.checkpoint') is not None
    except ImportError:
        return False


@cache
def everywhere() -> bool:
    """Whether it is in all processes that train together, which all ask."""
    from hefted.distribution import hosts

    return all(hosts.gather(here(), 'whether Orbax is installed'))


def spread(array: Any) -> bool:
    """Whether no process has all of an array.

    Example:
        >>> spread(np.zeros(3))
        False
    """
    return isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated)


def leaf(array: Any) -> Any:
    """An array as it is handed to Orbax: as it is where devices have shares of it, else on the host.

    What every device has whole is no different from what one has: in a file it says nothing of devices, and whoever
    reads it there, on whatever devices, needs not know of them.
    """
    if isinstance(array, jax.Array) and not array.is_fully_replicated:
        return array
    return np.asarray(array)


def wanted(shape: tuple[int, ...], dtype: Any, sharding: Any = None) -> Any:
    """What an array shall be that is read: laid out so, or on the host."""
    if sharding is None or sharding.is_fully_replicated:
        return np.empty(shape, dtype)
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def write(folder: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays into a folder that all processes see; it appears when all have written theirs.

    Args:
        folder: Not there yet.
        arrays: By name; the same names in all processes, which all call this.

    Raises:
        OSError: It could not be written, here or elsewhere; raised in all processes.
        HostLostError: Somebody is lost.
    """
    library = orbax('Keeping shares of weights')
    failed: Exception | None = None
    try:
        with _patient(library):
            library.save_checkpointables(folder.absolute(), {_STATE: {name: leaf(a) for name, a in arrays.items()}})
    except HostLostError:
        raise
    except Exception as error:
        failed = error
    _agree(failed)


def _agree(failed: Exception | None) -> None:
    """Raise in all processes what one met."""
    told = None if failed is None else f'{type(failed).__name__}: {str(failed).strip()[:300]}'
    if lead.watch() is not None:
        from hefted.distribution import hosts

        heard = hosts.gather(told, 'the shares that were written')
        rank = next((rank for rank, each in enumerate(heard) if each is not None), None)
        told = None if rank is None else f'rank {rank}: {heard[rank]}'
    if told is not None:
        raise OSError(told) from failed


@contextmanager
def _patient(library: Any) -> Generator[None]:
    context = library.Context()
    context.asynchronous.timeout_secs = _SECONDS
    with context:
        yield


def require(folder: Path) -> None:
    """Raise unless a folder holds arrays that were all written; none of them is read.

    Raises:
        ArchiveError: It is not there, or damaged.
        ImportError: Orbax is not installed.
    """
    library = orbax('Reading shares of weights')
    try:
        found = library.checkpointables_metadata(folder.absolute()).metadata[_STATE]
    except Exception as error:  # of Orbax or the file system: they have no common class
        raise _damaged(folder, error) from error
    if not found:
        raise ArchiveError(f'The checkpoint in {str(folder)!r} is damaged: it has lost its list of arrays.')


def read(folder: Path, arrays: Mapping[str, Any], name: str = _STATE) -> dict[str, Any]:
    """Read arrays, each process its own shares of them.

    Args:
        folder: What `write` made, or Orbax.
        arrays: What each shall be, by name or nested (`wanted`); others in the folder are left there.
        name: Of the tree within the folder.

    Raises:
        ArchiveError: It is damaged, or has no such arrays.
    """
    library = orbax('Reading shares of weights')
    context = library.Context()
    context.pytree.loading.partial_load = True
    try:
        with context:
            return library.load_checkpointables(folder.absolute(), {name: dict(arrays)})[name]
    except Exception as error:  # of Orbax, of TensorStore, of the file system: they have no common class
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> ArchiveError:
    return ArchiveError(
        f'The checkpoint in {str(folder)!r} is damaged, or cannot be read ({type(error).__name__}: '
        f'{str(error).strip()[:300]}). Take an earlier one.'
    )
