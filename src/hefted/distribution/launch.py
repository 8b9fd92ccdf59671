"""`initialize`: makes the processes that a launcher has started one, by JAX's distributed runtime.

    srun python train.py            # or mpirun, torchrun, an indexed Job of Kubernetes, plain variables: hefted.world

    hefted.distribution.initialize()
    model.fit(x, y, batch_size=256)         # on all devices of all hosts

What is started by none of these is a world of one, and `initialize()` does nothing.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hefted import host, world
from hefted.distribution import hosts, rendezvous, together
from hefted.distribution.quiet import without_lines
from hefted.errors import ArgumentError, DistributionError
from hefted.world import World

_MEET_SECONDS = 300.0
_OF_RECOVERABILITY = b'Using experimental recoverable task feature'  # JAX's warning of what is wanted here
_HEARTBEAT_SECONDS = 40  # JAX's own of its coordinator: `together` ends a run within a minute
_now: World | None = None


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = _MEET_SECONDS,
) -> World:
    """Make this process one with the others that were started with it; call it before anything is computed.

    Args:
        job_addresses: Host and port of process 0, at which all meet; or those of all processes, comma-separated.
        num_processes: How many there are.
        process_id: Which of them this is, from 0. What is None is what the launcher's variables say (`hefted.world`).
        timeout: Seconds to wait for all to come.

    Returns:
        The world: `.rank`, `.size`, `.local_rank`, `.local_size`. Called again, the same.

    Raises:
        ArgumentError: A variable or an argument is missing, wrong, or contradicts another.
        DistributionError: JAX has begun to compute already; some process did not come in time, or the port is taken.
        HostsDifferError: They count one another differently, or have other versions of Hefted or JAX; raised by all.

    Example:
        >>> initialize('localhost:1234', num_processes=1, process_id=0).size
        1
    """
    global _now
    asked = _asked(job_addresses, num_processes, process_id)
    if _now is not None:
        return _again(_now, asked)
    if asked.size == 1:
        return asked
    _nothing_computed()
    all_told = rendezvous.meet(asked, _own(asked), timeout, _verdict)
    placed = _placed(asked, all_told)
    sigterm = signal.getsignal(signal.SIGTERM)
    _start(placed, _devices(placed, all_told), timeout)
    _now = placed
    world.join(placed)
    together.begin(placed, [str(each['host']) for each in all_told], sigterm)
    _seed(all_told)
    return placed


def current() -> World:
    """The world that `initialize` has made; of one process where it was not called."""
    return _now or World()


def _asked(addresses: str | None, size: int | None, rank: int | None) -> World:
    for name, given in (('num_processes', size), ('process_id', rank)):
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            raise ArgumentError(f'Expected {name} to be a whole number, received {given!r}.')
    if addresses is not None and not isinstance(addresses, str):
        raise ArgumentError(
            f"Expected job_addresses to be a string, such as '10.0.0.1:1234', received {type(addresses).__name__}."
        )
    if addresses is None and size is None and rank is None:
        return world.found()
    if None not in (addresses, size, rank):
        return world.checked(world.from_keras(addresses, size or 0, rank or 0))
    return world.found(_filled(addresses, size, rank))


def _filled(addresses: str | None, size: int | None, rank: int | None) -> dict[str, str]:
    """The environment with what was given put over it, under Keras's names."""
    names = [f'KERAS_DISTRIBUTION_{name}' for name in ('JOB_ADDRESSES', 'NUM_PROCESSES', 'PROCESS_ID')]
    told = {name: os.environ[name] for name in names if name in os.environ}
    given = {name: str(value) for name, value in zip(names, (addresses, size, rank), strict=True) if value is not None}
    launched = world.found()
    if launched.size > 1:  # what the launcher knows completes what was given
        known = dict(zip(names, map(str, (launched.coordinator, launched.size, launched.rank)), strict=True))
        return known | told | given
    return told | given


def _again(now: World, asked: World) -> World:
    if (asked.rank, asked.size) != (now.rank, now.size):
        raise DistributionError(
            f'This process is rank {now.rank} of {now.size} since `initialize` was first called; it cannot become rank '
            f'{asked.rank} of {asked.size}. Start another process.'
        )
    return now


def _nothing_computed() -> None:
    bridge = sys.modules.get('jax._src.xla_bridge')
    if bridge is not None and bridge.backends_are_initialized():
        raise DistributionError(
            'hefted.distribution.initialize() came too late: JAX has counted its devices already, as the first array '
            'or jax.devices() makes it do. Call it at the top of the program, right after the imports.'
        )


def _own(asked: World) -> dict[str, Any]:
    """What a process tells of itself."""
    from importlib.metadata import version

    return {
        'host': socket.gethostname(),
        'machine': host.boot_id(),
        'pid': os.getpid(),
        'versions': {'hefted': sys.modules['hefted'].__version__, 'jax': version('jax'), 'jaxlib': version('jaxlib')},
        'cuda': os.environ.get('CUDA_VISIBLE_DEVICES'),
        'gpus': _gpus(),
        'seed': secrets.randbits(31),
        'local_rank': asked.local_rank,
    }


def _verdict(told: list[Mapping[str, Any]]) -> str | None:
    """What keeps processes from working as one: other versions compile other programs."""
    return hosts.difference('their versions', [each['versions'] for each in told], [each['host'] for each in told])


def _placed(asked: World, told: Sequence[Mapping[str, Any]]) -> World:
    """The world with this process's place on its host, as all have told where they are."""
    here = [rank for rank, each in enumerate(told) if each['machine'] == told[asked.rank]['machine']]
    group = asked.group or f'{told[0]["machine"]}-{told[0]["pid"]}-{told[0]["seed"]}'
    machines = len({each['machine'] for each in told})
    return replace(asked, local_rank=here.index(asked.rank), local_size=len(here), group=group, machines=machines)


def _gpus() -> int:
    """How many NVIDIA devices this process could use, found without waking any."""
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    if visible is not None:
        return len([each for each in visible.split(',') if each.strip() not in ('', '-1')])
    if not host.nvidia_driver_present():
        return 0
    try:
        return len(os.listdir('/proc/driver/nvidia/gpus'))  # noqa: PTH208
    except OSError:
        return 0


def _devices(placed: World, told: Sequence[Mapping[str, Any]]) -> list[int] | None:
    """Which of its host's GPUs are this process's; None for all that it sees."""
    here = [each for each in told if each['machine'] == told[placed.rank]['machine']]
    if len(here) == 1 or len({str(each['cuda']) for each in here}) > 1:  # the launcher has divided them
        return None
    return divided(int(told[placed.rank]['gpus']), placed.local_rank or 0, len(here))


def divided(devices: int, local_rank: int, local_size: int) -> list[int] | None:
    """Which of a host's devices are one process's, where several share it and all see all of them.

    Args:
        devices: How many the host has.
        local_rank: Which of the host's processes.
        local_size: How many processes it has.

    Returns:
        Their numbers; None where there are none.

    Raises:
        DistributionError: They cannot be divided evenly.

    Example:
        >>> divided(8, 1, 4), divided(0, 1, 4)
        ([2, 3], None)
    """
    if devices == 0:
        return None
    if devices % local_size:
        raise DistributionError(
            f'{local_size} processes of one host cannot share its {devices} GPUs evenly. Start as many processes a '
            'host as it has GPUs, or one; or let the launcher give each its own by CUDA_VISIBLE_DEVICES.'
        )
    each = devices // local_size
    return list(range(local_rank * each, (local_rank + 1) * each))


def _start(placed: World, devices: list[int] | None, timeout: float) -> None:
    """Start JAX's runtime: all are there and waiting."""
    import jax

    # Else the coordination service ends all processes by SIGABRT when one is lost; `together` ends them with an error.
    jax.config.update('jax_enable_recoverability', True)
    with without_lines(_OF_RECOVERABILITY):
        jax.distributed.initialize(
            coordinator_address=placed.coordinator,
            num_processes=placed.size,
            process_id=placed.rank,
            local_device_ids=devices,
            cluster_detection_method='deactivate',
            initialization_timeout=int(max(timeout, 60)),
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
        )
    jax.devices()  # all are told of all devices, now that all are here: later a process would wait for one that failed


def _seed(told: Sequence[Mapping[str, Any]]) -> None:
    """Have all draw the same numbers, as Keras does, unless the program has said which."""
    from hefted import random
    from hefted.utils.seeding import set_random_seed

    if random.told_seed() is None:
        set_random_seed(int(told[0]['seed']))
