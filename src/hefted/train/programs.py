"""Which program a process runs, and which of its trainings one is: what it is known by when it is run again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

_begun: Counter[str] = Counter()  # how often a training was to be resumed here, by the model's name
_done: Counter[str] = Counter()  # and how often it came to its end


def key_of(folder: str | Path | None, name: str) -> str:
    """Names a training: its folder, or the program that it is a part of and which part that is."""
    if folder is not None:
        return _hashed('folder', str(Path(folder).resolve()))
    plain = _plain(name)
    if interactive():  # a cell that is run again after it was interrupted goes on
        return _hashed('notebook', os.environ.get('JPY_SESSION_NAME', ''), str(Path.cwd()), plain, _done[plain])
    _begun[plain] += 1
    return _hashed('program', sys.orig_argv[1:], str(Path.cwd()), plain, _begun[plain])


def _plain(name: str) -> str:
    """A model's name without a number that was made up: that counts models, and not trainings."""
    return re.sub(r'_\d+$', '', name)


def _hashed(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def interactive() -> bool:
    return 'ipykernel' in sys.modules or hasattr(sys, 'ps1')


def command() -> list[str]:
    """What began this process; nothing where it cannot be begun again so."""
    if interactive() or sys.argv[:1] == ['-'] or not sys.argv[0]:
        return []
    return [sys.executable, *sys.orig_argv[1:]]


def done(name: str) -> None:
    """A model's training came to its end."""
    _done[_plain(name)] += 1


def locked(path: Path) -> Any:
    """An open file that this process alone has, until it is closed or the process ends; None if another has it.

    By POSIX's locks, which a fork's child does not have: one that outlives its parent holds nobody up.
    """
    file = path.open('w')
    try:
        import fcntl
    except ImportError:  # Windows
        return file
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.close()
        return None
    except OSError:  # a file system without locks
        return file
    return file
