"""Compiled programs kept between processes: the user's own folder, guarded.

JAX's own cache writes its entries in place and does not repair them. Ours is a folder that only its owner can enter;
entries are written aside and renamed, carry a checksum, are dropped when they do not load, and the oldest go when the
folder is over its cap. A key covers the program's text, the versions of JAX and jaxlib, XLA's flags, the device's kind
and the processor's features. What an entry holds is machine code, so the folder must be the user's own: anything else
turns the cache off, which costs time and nothing more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
from jaxlib.version import __version__ as jaxlib_version

from hefted import host, settings

_MAGIC = b'hefted-xla-1\n'
_CAP_BYTES = 1 << 30


def compile(lowered: Any) -> Any:
    """Compile a lowered program, or load it if this machine compiled the same before.

    Args:
        lowered: A `jax.stages.Lowered`.

    Returns:
        A callable `jax.stages.Compiled`.
    """
    folder = _folder()
    if folder is None:
        return lowered.compile()
    path = folder / f'{_key(lowered)}.xla'
    found = _load(path, lowered)
    if found is not None:
        return found
    compiled = lowered.compile()
    # Written beside the training; the interpreter waits for it at exit.
    threading.Thread(target=_store, args=(path, compiled), name='hefted-cache').start()
    return compiled


def _folder() -> Path | None:
    try:
        folder = settings.cache_folder() / 'xla'
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return folder if host.is_private_folder(folder) else None


def _key(lowered: Any) -> str:
    device = jax.local_devices()[0]
    parts: Iterable[str] = (
        jax.__version__,
        jaxlib_version,
        os.environ.get('XLA_FLAGS', ''),
        f'{device.platform} {device.device_kind} {jax.device_count()} {os.cpu_count()}',
        host.cpu_features(),
        lowered.as_text(),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b'\0')
    return digest.hexdigest()


def _load(path: Path, lowered: Any) -> Any:
    try:
        blob = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    body = memoryview(blob)[head:]
    if blob.startswith(_MAGIC) and hashlib.sha256(body).digest() == blob[len(_MAGIC) : head]:
        from jax.experimental import serialize_executable

        try:
            compiled = serialize_executable.deserialize_and_load(bytes(body), lowered.in_tree, lowered.out_tree)
            os.utime(path)
            return compiled
        except Exception:
            pass
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def _store(path: Path, compiled: Any) -> None:
    from jax.experimental import serialize_executable

    try:
        body = serialize_executable.serialize(compiled)[0]
    except Exception:
        return
    aside = path.with_suffix(f'.{os.getpid()}.tmp')
    try:
        aside.write_bytes(_MAGIC + hashlib.sha256(body).digest() + body)
        aside.replace(path)
        trim(path.parent, _CAP_BYTES)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()


def trim(folder: Path, cap: int) -> None:
    """Delete the entries that were used longest ago until the folder holds at most `cap` bytes."""
    entries = [(entry, entry.stat()) for entry in folder.iterdir() if entry.suffix in ('.xla', '.tmp')]
    total = sum(stat.st_size for _, stat in entries)
    for entry, stat in sorted(entries, key=lambda pair: pair[1].st_mtime):
        if total <= cap:
            break
        with contextlib.suppress(OSError):
            entry.unlink()
        total -= stat.st_size
