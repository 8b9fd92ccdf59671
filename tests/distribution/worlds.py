"""Real processes that work as one: started by plain variables, and what came of each."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / 'src'


@dataclass(frozen=True)
class Ended:
    """How one process ended."""

    code: int
    out: str
    error: str


def free_port() -> int:
    """One that nobody listens on, below those that systems give out by themselves, and apart from other workers'."""
    own = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) % 16
    while True:
        port = 15_008 + 16 * secrets.randbelow(1000) + own
        with suppress(OSError), socket.create_server(('', port)):
            return port


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would make it one of several."""
    launchers = ('HEFTED_', 'KERAS_', 'SLURM_', 'OMPI_', 'PMI', 'XLA_FLAGS', 'RANK', 'WORLD_', 'MASTER_', 'LOCAL_')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(launchers)}
    return kept | {'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(SOURCE), 'PYTHONUNBUFFERED': '1'} | more


def plain(rank: int, size: int, port: int) -> dict[str, str]:
    return {
        'HEFTED_COORDINATOR': f'127.0.0.1:{port}', 'HEFTED_NUM_PROCESSES': str(size), 'HEFTED_PROCESS_ID': str(rank),
    }  # fmt: skip


class Group:
    """Processes that run one program.

    Args:
        code: The program.
        size: How many.
        folder: Where they work.
        variables: What the environment of each adds, by rank.
    """

    def __init__(self, code: str, size: int, folder: Path, variables: list[dict[str, str]] | None = None):
        port = free_port()
        told = variables or [plain(rank, size, port) for rank in range(size)]
        self.processes = [
            subprocess.Popen(
                [sys.executable, '-c', code],
                env=environment(HEFTED_DATA_DIR=str(folder / 'data')) | each,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for each in told
        ]

    def end(self, timeout: float = 120) -> list[Ended]:
        """Wait for all."""
        ended: list[Ended] = []
        try:
            for each in self.processes:
                out, error = each.communicate(timeout=timeout)
                ended.append(Ended(each.returncode, out, error))
        finally:
            for each in self.processes:
                each.kill()
        return ended


def run(code: str, size: int, folder: Path, variables: list[dict[str, str]] | None = None) -> list[Ended]:
    """Run a program as so many processes."""
    return Group(code, size, folder, variables).end()


def on_devices(program: Any, count: int) -> Any:
    """What a program of this folder, a module, prints as JSON when it is run with so many virtual devices."""
    done = subprocess.run(
        [sys.executable, program.__file__, str(count)],
        env=environment(), capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
