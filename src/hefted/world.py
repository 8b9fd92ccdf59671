"""What this process is one of: its rank and how many there are, as its launcher's environment variables say.

| by | variables |
|---|---|
| 'hefted' | HEFTED_COORDINATOR, HEFTED_NUM_PROCESSES, HEFTED_PROCESS_ID |
| 'keras' | KERAS_DISTRIBUTION_JOB_ADDRESSES, KERAS_DISTRIBUTION_NUM_PROCESSES, KERAS_DISTRIBUTION_PROCESS_ID |
| 'torchrun' | MASTER_ADDR, MASTER_PORT, WORLD_SIZE, RANK; LOCAL_RANK, LOCAL_WORLD_SIZE |
| 'openmpi' | OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE and their like |
| 'slurm' | SLURM_PROCID, SLURM_STEP_NUM_TASKS and their like, which `srun` sets |
| 'mpi' | PMI_RANK, PMI_SIZE (MPICH, Intel MPI); MPI_LOCALRANKID, MPI_LOCALNRANKS |
| 'kubernetes' | JOB_COMPLETION_INDEX (an indexed Job's), with HEFTED_NUM_PROCESSES and HEFTED_COORDINATOR |

The first that is there counts: what is started inside another launcher's task knows better than that one. A
HEFTED_COORDINATOR is right for all of them. No JAX here: a run tells its rank whether or not it trains.

Sources: Slurm's srun(1), section "Output environment variables"; Open MPI's FAQ, "What environment variables does
Open MPI set?"; PyTorch's torchrun, "Environment variables"; Kubernetes' "Indexed Job"; Keras's
`keras.distribution.initialize`; MPICH's wiki on PMI.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hefted.errors import ArgumentError

COORDINATOR, SIZE, RANK = 'HEFTED_COORDINATOR', 'HEFTED_NUM_PROCESSES', 'HEFTED_PROCESS_ID'
_PORTS = 61440, 4096  # from which on, and how many: the upper end of those that no service has for its own
_MPI_PORT = 51427

_Environment = Mapping[str, str]

endings: list[Callable[[BaseException], object]] = []
"""What is to be done before a process is left that waits for one that is lost, such as closing journals."""


_joined: World | None = None


@dataclass(frozen=True)
class World:
    """The processes that work as one, and which of them this is.

    Attributes:
        rank: This process's number, from 0.
        size: How many there are.
        coordinator: Host and port at which rank 0 waits for the others; None where there are none.
        by: What said so, such as 'slurm'; 'alone' where nothing did.
        local_rank: This process's number on its host, from 0; None where that was not told.
        local_size: How many there are on its host; None where that was not told.
        group: The launcher's own name of them all, such as 'slurm-1234.0'; None where it has none.
        machines: On how many they run, once they have met.

    Example:
        >>> found({'SLURM_JOB_ID': '7', 'SLURM_STEP_ID': '0', 'SLURM_PROCID': '1', 'SLURM_STEP_NUM_TASKS': '4',
        ...        'SLURM_LOCALID': '1', 'SLURM_STEP_NODELIST': 'node[03-06]'})
        World(rank=1, size=4, coordinator='node03:61447', by='slurm', local_rank=1, local_size=None, group='slurm-7.0')
    """

    rank: int = 0
    size: int = 1
    coordinator: str | None = None
    by: str = 'alone'
    local_rank: int | None = None
    local_size: int | None = None
    group: str | None = None
    machines: int = field(default=1, repr=False)


def found(environment: _Environment | None = None) -> World:
    """Read what the environment says.

    Args:
        environment: The variables; those of the process if None.

    Raises:
        ArgumentError: A variable is missing, is not what it should be, or contradicts another.
    """
    told = os.environ if environment is None else environment
    for look in _LAUNCHERS:
        if (world := look(told)) is not None:
            return checked(world)
    return World()


def found_or_alone(environment: _Environment | None = None) -> World:
    """The same for the meter, which raises nothing: a world that cannot be told is one process."""
    try:
        return found(environment)
    except ArgumentError:
        return World()


def join(world: World) -> None:
    """From now on this process works in a world (`hefted.distribution.initialize`)."""
    global _joined
    _joined = world


def joined() -> World | None:
    """The world that this process works in; None where it works alone."""
    return _joined


def checked(world: World) -> World:
    """Return the world, if it can be.

    Raises:
        ArgumentError: A rank that is not below the size, or no coordinator.
    """
    if world.size < 1:
        raise _wrong(world.by, f'Expected at least 1 process, received {world.size}.')
    if not 0 <= world.rank < world.size:
        expected = f'Expected a rank from 0 to {world.size - 1}, as there are {world.size} processes'
        raise _wrong(world.by, f'{expected}, received {world.rank}. Ranks count from 0.')
    if world.size > 1 and world.coordinator is None:
        raise _wrong(
            world.by,
            f'Expected {COORDINATOR} to say where rank 0 waits for the others, such as node1:1234, received '
            'nothing. Set it to the same host and port for all processes.',
        )
    if world.coordinator is not None:
        address(world.coordinator, COORDINATOR if world.by in ('hefted', 'kubernetes') else world.by)
    return world


def address(text: str, variable: str) -> tuple[str, int]:
    """Split 'host:port' or '[IPv6]:port'.

    Raises:
        ArgumentError: It is neither.

    Example:
        >>> address('node1:1234', 'HEFTED_COORDINATOR'), address('[::1]:80', 'job_addresses')
        (('node1', 1234), ('::1', 80))
    """
    host, colon, port = text.strip().rpartition(':')
    bare = host.removeprefix('[').removesuffix(']')
    whole = bool(colon and bare) and (':' not in bare or host.startswith('['))
    if not whole or not port.isdigit() or not 0 < int(port) < 65536:
        raise ArgumentError(
            f'{variable}: expected host:port, such as node1:1234 or [fe80::1]:1234, received {text!r}. '
            'Any port will do that is free on the host of rank 0.'
        )
    return bare, int(port)


def _wrong(by: str, message: str) -> ArgumentError:
    return ArgumentError(f'What {_NAMES.get(by, by)} says of the processes cannot be: {message}')


def _number(told: _Environment, variable: str, least: int = 0) -> int:
    text = told.get(variable, '').strip()
    if not text:
        raise ArgumentError(f'{variable} is not set: expected a whole number. {_REMEDY}')
    if not text.isdecimal() or int(text) < least:
        raise ArgumentError(f'{variable}: expected a whole number from {least} on, received {text!r}. {_REMEDY}')
    return int(text)


_REMEDY = 'Every process needs its own rank, and the same count and coordinator as the others.'


def _if_there(told: _Environment, variable: str) -> int | None:
    return _number(told, variable) if told.get(variable, '').strip() else None


def _some(told: _Environment, *variables: str) -> bool:
    return any(told.get(variable, '').strip() for variable in variables)


def _hefted(told: _Environment) -> World | None:
    if not _some(told, RANK):
        return None
    return World(
        _number(told, RANK), _number(told, SIZE, 1), told.get(COORDINATOR) or None, 'hefted',
        _if_there(told, 'HEFTED_LOCAL_RANK'), _if_there(told, 'HEFTED_LOCAL_SIZE'), told.get('HEFTED_GROUP') or None,
    )  # fmt: skip


def _keras(told: _Environment) -> World | None:
    names = [f'KERAS_DISTRIBUTION_{name}' for name in ('JOB_ADDRESSES', 'NUM_PROCESSES', 'PROCESS_ID')]
    if not _some(told, *names):
        return None
    return from_keras(told.get(names[0]), _number(told, names[1], 1), _number(told, names[2]), *names[:1])


def from_keras(addresses: str | None, size: int, rank: int, name: str = 'job_addresses') -> World:
    """The world of Keras's three arguments: of all addresses, the first is the coordinator's.

    Raises:
        ArgumentError: There are more or fewer addresses than processes.
    """
    listed = [each.strip() for each in (addresses or '').split(',') if each.strip()]
    if len(listed) > 1 and len(listed) != size:
        raise ArgumentError(
            f'{name}: expected the coordinator alone or one address for each of {size} processes, received '
            f'{len(listed)}: {addresses!r}. Give the address of process 0, such as 10.0.0.1:1234.'
        )
    return World(rank, size, listed[0] if listed else None, 'keras')


def _torchrun(told: _Environment) -> World | None:
    if not (_some(told, 'RANK') and _some(told, 'WORLD_SIZE', 'MASTER_ADDR')):
        return None
    host, given = told.get('MASTER_ADDR', '').strip(), told.get(COORDINATOR) or None
    if given is None and host:
        given = f'{f"[{host}]" if ":" in host else host}:{_number(told, "MASTER_PORT", 1)}'
        if _some(told, 'TORCHELASTIC_RUN_ID'):  # torchrun's own store listens there
            given = _next_port(given)
    return World(
        _number(told, 'RANK'), _number(told, 'WORLD_SIZE', 1), given, 'torchrun',
        _if_there(told, 'LOCAL_RANK'), _if_there(told, 'LOCAL_WORLD_SIZE'), told.get('TORCHELASTIC_RUN_ID') or None,
    )  # fmt: skip


def _next_port(coordinator: str) -> str:
    host, _, port = coordinator.rpartition(':')
    return f'{host}:{int(port) % 65535 + 1}'


def _openmpi(told: _Environment) -> World | None:
    if not _some(told, 'OMPI_COMM_WORLD_RANK'):
        return None
    size, local = _number(told, 'OMPI_COMM_WORLD_SIZE', 1), _if_there(told, 'OMPI_COMM_WORLD_LOCAL_SIZE')
    job = told.get('OMPI_MCA_ess_base_jobid') or told.get('PMIX_NAMESPACE') or ''
    return World(
        _number(told, 'OMPI_COMM_WORLD_RANK'), size,
        told.get(COORDINATOR) or _launcher_of(told, job, alone=size == local), 'openmpi',
        _if_there(told, 'OMPI_COMM_WORLD_LOCAL_RANK'), local, f'openmpi-{job}' if job else None,
    )  # fmt: skip


def _launcher_of(told: _Environment, job: str, *, alone: bool) -> str | None:
    """Where `mpirun` was started: it puts rank 0 on the first host, which is its own unless a list says otherwise."""
    if alone:
        return f'127.0.0.1:{_port(job)}'
    uri = told.get('OMPI_MCA_orte_hnp_uri') or ''
    host = re.search(r'tcp://([^,:;]+)|tcp6://\[([^\],]+)', uri)
    if host is None:
        return None
    return f'{host[1]}:{_port(job)}' if host[1] else f'[{host[2]}]:{_port(job)}'


def _port(job: str) -> int:
    """A port that the processes of a job find alike, and those of others hardly ever."""
    import zlib

    first, count = _PORTS
    return first + (int(job) if job.isdecimal() else zlib.crc32(job.encode())) % count


def _slurm(told: _Environment) -> World | None:
    # The script of `sbatch` has SLURM_PROCID and SLURM_NTASKS as well, and is one process: only `srun` says how many
    # tasks its step has.
    if not (_some(told, 'SLURM_STEP_NUM_TASKS') and _some(told, 'SLURM_PROCID')):
        return None
    job, step = told.get('SLURM_JOB_ID', ''), told.get('SLURM_STEP_ID', '')
    first = _first_host(told.get('SLURM_STEP_NODELIST') or told.get('SLURM_NODELIST', ''))
    coordinator = told.get(COORDINATOR) or (f'{first}:{_port(job)}' if first else None)
    return World(
        _number(told, 'SLURM_PROCID'), _number(told, 'SLURM_STEP_NUM_TASKS', 1), coordinator, 'slurm',
        _if_there(told, 'SLURM_LOCALID'), _tasks_here(told), f'slurm-{job}.{step}' if job else None,
    )  # fmt: skip


def _first_host(nodes: str) -> str:
    """The first of Slurm's list of hosts.

    Example:
        >>> _first_host('gpu[007,009-012]'), _first_host('a1,a2'), _first_host('n[1-2]-ib')
        ('gpu007', 'a1', 'n1-ib')
    """
    many = re.match(r'([^,\[]*)\[(\w+)[^\]]*\]([^,\[]*)', nodes)
    return f'{many[1]}{many[2]}{many[3]}' if many else nodes.partition(',')[0].strip()


def _tasks_here(told: _Environment) -> int | None:
    """How many tasks of the step are on this host, from such as '4(x2),3'."""
    counts: list[int] = []
    for count, times in re.findall(r'(\d+)(?:\(x(\d+)\))?', told.get('SLURM_STEP_TASKS_PER_NODE', '')):
        counts += [int(count)] * min(int(times or 1), 100_000)
    node = _if_there(told, 'SLURM_NODEID')
    return counts[node] if node is not None and node < len(counts) else None


def _mpi(told: _Environment) -> World | None:
    if not (_some(told, 'PMI_RANK') and _some(told, 'PMI_SIZE')):
        return None
    size, local = _number(told, 'PMI_SIZE', 1), _if_there(told, 'MPI_LOCALNRANKS')
    coordinator = told.get(COORDINATOR) or (f'127.0.0.1:{_MPI_PORT}' if size == local else None)
    return World(_number(told, 'PMI_RANK'), size, coordinator, 'mpi', _if_there(told, 'MPI_LOCALRANKID'), local)


def _kubernetes(told: _Environment) -> World | None:
    if not (_some(told, 'JOB_COMPLETION_INDEX') and _some(told, SIZE, COORDINATOR)):
        return None
    coordinator = told.get(COORDINATOR) or None
    return World(_number(told, 'JOB_COMPLETION_INDEX'), _number(told, SIZE, 1), coordinator, 'kubernetes')


def _half(told: _Environment) -> World | None:
    """A count without a rank: somebody meant more than one."""
    if _some(told, SIZE, COORDINATOR):
        _number(told, RANK)
    return None


# What is innermost comes first: torchrun and mpirun are started by srun, and PMI's variables are set by it too.
_LAUNCHERS: tuple[Callable[[_Environment], World | None], ...] = (
    _hefted, _keras, _torchrun, _openmpi, _slurm, _mpi, _kubernetes, _half,
)  # fmt: skip
_NAMES = {
    'hefted': f'the environment ({RANK}, {SIZE})',
    'keras': 'the environment (KERAS_DISTRIBUTION_*)',
    'torchrun': 'the environment (RANK, WORLD_SIZE, MASTER_ADDR)',
    'openmpi': 'Open MPI (OMPI_COMM_WORLD_*)',
    'slurm': 'Slurm (SLURM_PROCID, SLURM_STEP_NUM_TASKS)',
    'mpi': 'MPI (PMI_RANK, PMI_SIZE)',
    'kubernetes': f'Kubernetes (JOB_COMPLETION_INDEX, {SIZE})',
}
