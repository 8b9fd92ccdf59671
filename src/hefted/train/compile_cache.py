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
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
from jaxlib.version import __version__ as jaxlib_version

from hefted import host, processor, settings

_MAGIC = b'hefted-xla-1\n'
_CAP_BYTES = 1 << 30


def compile(lowered: Any, brief: bool = False, devices: Sequence[Any] | None = None) -> Any:
    """Compile a lowered program, or load it if this machine compiled the same before.

    Args:
        lowered: A `jax.stages.Lowered`.
        brief: Whether it runs so short a time that its compilation is what counts.
        devices: Which it is for; the first if None.

    Returns:
        A callable `jax.stages.Compiled`.
    """
    folder, options = _folder(), _options(brief)
    if folder is None:
        return _compile(lowered, options)
    devices = jax.local_devices()[:1] if devices is None else list(devices)
    path = folder / f'{_key(lowered, options, devices)}.xla'
    found = _load(path, lowered, devices)
    if found is not None:
        return found
    with _hits_of_jaxs_own() as hits:
        compiled = _compile(lowered, options)
    if not hits:  # what was loaded has not got all of its code, once it is written and loaded again
        # Written beside the training; the interpreter waits for it at exit.
        threading.Thread(target=_store, args=(path, compiled), name='hefted-cache').start()
    return compiled


@contextlib.contextmanager
def _hits_of_jaxs_own() -> Generator[list[str]]:
    """What JAX's own cache gives meanwhile, which a person may have set up beside this one."""
    hits: list[str] = []

    def hear(event: str, **_: Any) -> None:
        if event == '/jax/compilation_cache/cache_hits':
            hits.append(event)

    jax.monitoring.register_event_listener(hear)
    try:
        yield hits
    finally:
        jax.monitoring.unregister_event_listener(hear)


# On a CPU. XLA orders a program so that much can run at once, and then much memory is in use at once: ordered for
# memory, steps take 2 to 7 % less of it, and no more time on 2 cores. And it hands convolutions to YNNPACK, which takes
# three times as long for them as its own code; of what it hands over by default, products and sums stay.
_CPU_OPTIONS = {
    'xla_cpu_scheduler_type': 'CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED',
    'xla_cpu_experimental_ynn_fusion_type': 'LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE',
}

# A product that is handed over is code to be made for each of its shapes; XLA's own form is a call.
_BRIEF_OPTIONS = _CPU_OPTIONS | {'xla_cpu_experimental_ynn_fusion_type': 'LIBRARY_FUSION_TYPE_REDUCE'}


def _options(brief: bool) -> dict[str, str]:
    if jax.default_backend() != 'cpu':
        return {}
    told = os.environ.get('XLA_FLAGS', '')  # what a person sets there goes before
    options = _BRIEF_OPTIONS if brief else _CPU_OPTIONS
    return {name: value for name, value in options.items() if name not in told}


def _compile(lowered: Any, options: dict[str, str]) -> Any:
    if not options:
        return lowered.compile()
    try:
        return lowered.compile(options)
    except jax.errors.JaxRuntimeError:  # of an XLA that has not got one of them, or of a program that it cannot compile
        return lowered.compile()


def _folder() -> Path | None:
    try:
        folder = settings.cache_folder() / 'xla'
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return folder if host.is_private_folder(folder) else None


def _key(lowered: Any, options: dict[str, str], devices: Sequence[Any]) -> str:
    device = devices[0]
    which = [each.id for each in devices] if len(devices) > 1 or device.id else ''
    parts: Iterable[str] = (
        jax.__version__,
        jaxlib_version,
        os.environ.get('XLA_FLAGS', ''),
        str(options),
        f'{device.platform} {device.device_kind} {jax.device_count()} {os.cpu_count()} {which}',
        f'{jax.process_index()} of {jax.process_count()}',
        processor.cpu_features(),
        lowered.as_text(),
        str(lowered.in_avals),  # the text has not got arguments that are not used, and the entry asks for them
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b'\0')
    return digest.hexdigest()


def _load(path: Path, lowered: Any, devices: Sequence[Any]) -> Any:
    try:
        blob = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    body = memoryview(blob)[head:]
    if blob.startswith(_MAGIC) and hashlib.sha256(body).digest() == blob[len(_MAGIC) : head]:
        from jax.experimental import serialize_executable

        try:
            compiled = serialize_executable.deserialize_and_load(
                bytes(body), lowered.in_tree, lowered.out_tree, execution_devices=devices
            )
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
