"""Measure one process as the system sees it: wall and CPU seconds, peak memory, and what it says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_BYTES = 1 if sys.platform == 'darwin' else 1024  # the unit of ru_maxrss


class Failed(Exception):
    """A peer's program did not end well."""


def measure(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        environment: Variables beside the system's own.
        folder: Where it runs.

    Returns:
        `wall` and `cpu` (s, children too) and `memory` (bytes, the peak) of the whole process, each of which
        the JSON object on the program's last line may replace, and whatever else is there.

    Raises:
        Failed: If its exit status is not 0.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=own_environment() | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    # Nothing that a peer says on stderr is long, so reading one pipe after the other cannot stall it.
    told, complained = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = complained.decode(errors='replace').strip().splitlines()[-1:]
        raise Failed(f'exit status {process.returncode}: {" ".join(last)}')
    figures = {
        'wall': wall,
        'cpu': used.ru_utime + used.ru_stime,
        'memory': used.ru_maxrss * _BYTES,
    }
    last_line = told.decode().strip().rpartition('\n')[2]
    return figures | (json.loads(last_line) if last_line.startswith('{') else {})


def own_environment() -> dict[str, str]:
    """The system's variables without those that would set a library up in a way its defaults do not."""
    prefixes = ('HEFTED_', 'JAX_', 'XLA_', 'KERAS_', 'TF_', 'TORCH', 'OMP_', 'MKL_', 'OPENBLAS_', 'PYTHON')
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
