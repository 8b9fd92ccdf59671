"""Machines that are not at hand, as people write them: '64 x V100', 'tpu-v5e:16', '2 x aws:p4d.24xlarge'."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hefted.errors import ArgumentError, UnknownNameError, unknown_name
from hefted.footprint.accelerators import Accelerator, accelerator
from hefted.forecast.called import FORM, called
from hefted.forecast.chips import Chip, chip
from hefted.forecast.tables import rows
from hefted.metering.machine import Machine, with_gpus

_MOST = 10_000_000
_COUNT = r'([0-9][0-9_,]*)'
THIS_MACHINE = ('this', 'this machine', 'here', 'local', 'laptop', 'desktop', 'cpu')
"""What people call the machine that they sit at."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Some machines of one kind.

    Attributes:
        chip: The accelerator, with its peak and its links.
        count: How many accelerators in all.
        per_node: How many in one node.
        nodes: How many nodes.
        host: One node, as the footprint prices it.
        cpu_watts: W of design power of one node's processors.
        instance: The cloud's instance, such as 'aws:p4d.24xlarge', where one was named.
    """

    chip: Chip
    count: int
    per_node: int
    nodes: int
    host: Machine
    cpu_watts: float
    instance: str | None = None

    @property
    def accelerator(self) -> Accelerator:
        """Its row of the footprint's table."""
        return self.chip.accelerator

    def __str__(self) -> str:
        if self.instance:
            return f'{self.nodes} x {self.instance} ({self.count} x {self.chip.name})'
        return f'{self.count:,} x {self.chip.name}'


def machines(text: str | Machines, per_node: int | None = None) -> Machines:
    """Read what a person writes of machines.

    Args:
        text: Such as '64 x V100', '8xH200', 'tpu-v5e:16', 'v4-128' (64 chips of two cores), 'DGX A100', 'H100',
            'aws:p4d.24xlarge' or '2 x p4d.24xlarge'.
        per_node: How many accelerators one node holds, where it is not as usual.

    Raises:
        ArgumentError: If it cannot be read.
        UnknownNameError: If the accelerator or the instance is not known; the message holds the nearest names.

    Example:
        >>> found = machines('64xV100')
        >>> str(found), found.nodes
        ('64 x Tesla V100 SXM2 16GB', 8)
        >>> str(machines('2 x aws:p4d.24xlarge'))
        '2 x aws:p4d.24xlarge (16 x A100 SXM4 40GB)'
    """
    if isinstance(text, Machines):
        return text
    count, name = _parted(text)
    if name.lower() in THIS_MACHINE:
        raise ArgumentError(
            f'on: received {text!r}, a machine whose peak no catalogue holds. Ask model.forecast without on= there: it '
            f'tries a few steps. {FORM}'
        )
    instance = _instance(name)
    if instance is not None:
        return _of_instance(instance, count)
    meant = called(name)
    found, count = chip(meant.accelerator), count * meant.number
    return _of(found, count, min(per_node or found.per_node, count))


def _parted(text: object) -> tuple[int, str]:
    """How many, and of what."""
    said = ' '.join(text.split()) if isinstance(text, str) else ''
    before = re.fullmatch(rf'{_COUNT} ?(?:x|×|\*) ?(.+)', said, re.IGNORECASE)
    # 'A100x8' and 'A100 x 8', though not 'RTX4090'
    after = re.fullmatch(rf'(.+?)(?: ?[×*:] ?|(?<=[0-9])x ?| x ?){_COUNT}', said, re.IGNORECASE)
    bare = re.fullmatch(rf'{_COUNT} (\D.*)', said)
    if before:
        number, name = before.groups()
    elif after:
        name, number = after.groups()
    else:
        number, name = bare.groups() if bare else ('1', said)
    count = int(re.sub('[_,]', '', number))
    if not name or not 0 < count <= _MOST:
        raise ArgumentError(f'on: expected machines, at least one and at most {_MOST:,}, received {text!r}. {FORM}')
    return count, name


def _of(found: Chip, count: int, per_node: int) -> Machines:
    row = _host_row(found)
    node = Machine(
        'server',
        threads=float(row['threads']) * per_node,
        memory_bytes=round(float(row['memory_gb']) * per_node * 2**30),
    )
    return Machines(
        found,
        count,
        per_node,
        math.ceil(count / per_node),
        _placed(node, found, per_node),
        float(row['cpu_w']) * per_node,
    )


def _placed(node: Machine, found: Chip, per_node: int) -> Machine:
    """The node with its accelerators; TPUs of the third and fourth generation are cooled by liquid (Jouppi 2023)."""
    names = (_driver_name(found.accelerator),) * per_node
    placed = with_gpus(node, names)
    if found.accelerator.kind == 'tpu':
        return placed._replace(kind='gpu-server', cooling='liquid' if found.name in _IN_LIQUID else 'air')
    return placed


_IN_LIQUID = ('TPU v3', 'TPU v4', 'TPU v5p', 'TPU v7x (Ironwood)')


def _driver_name(found: Accelerator) -> str:
    """The name by which a driver tells it: by that, models of the machine know a baseboard from a slot."""
    first = found.row['aliases'].partition('|')[0]
    return first if any(word in first for word in ('NVIDIA', 'Tesla', 'AMD')) else found.name


def _host_row(found: Chip) -> dict[str, str]:
    released = found.accelerator.released or 0
    return [row for row in rows('hosts') if int(row['released_from']) <= released][-1]


def _instance(said: str) -> dict[str, str] | None:
    """The row of a cloud's instance, with its cloud or without; None where it is no instance's name.

    Raises:
        UnknownNameError: If it looks like one and is not known.
    """
    key = re.sub(r'[\s_]+', '_', said.lower())
    cloud, colon, name = key.partition(':') if key.partition(':')[0].isalpha() else ('', '', key)
    name = name.removeprefix('standard_').removeprefix('ml.')
    known = {row['instance']: row for row in rows('instances')}
    wanted = [f'{each}:{name}' for each in ([cloud] if colon else _CLOUDS)]
    found = [known[each] for each in wanted if each in known]
    found = found or [row for each, row in known.items() if _without_chip(each) in wanted]
    if found:
        return found[0]
    if colon or _INSTANCE.search(name):
        raise _no_instance(said, known)
    return None


_CLOUDS = ('aws', 'azure', 'gcp')
_INSTANCE = re.compile(r'\.(?:\d*x?large|medium|small|micro|nano|metal)|gpu-\d+g$|^[a-z]\d[a-z]?-\w+-\d+$|^n[cdv]\d')


def _without_chip(instance: str) -> str:
    """As Azure writes the first sizes of a series: Standard_ND96asr_v4."""
    return instance.replace('_a100', '')


def _no_instance(said: str, known: dict[str, dict[str, str]]) -> UnknownNameError:
    near = unknown_name('instance', said, [*known, *(each.partition(':')[2] for each in known)], FORM)
    return UnknownNameError(f'{near} The catalogue holds instances with accelerators, none of processors alone.')


def _of_instance(row: dict[str, str], count: int) -> Machines:
    key = row['instance']
    found, per_node = chip(accelerator(row['accelerator'])), int(row['count'])
    node = Machine(
        'server',
        virtual=True,
        threads=float(row['threads']),
        memory_bytes=round(float(row['memory_gb']) * 2**30),
        provider=key.partition(':')[0],
    )
    watts = float(_host_row(found)['cpu_w']) * per_node
    return Machines(found, count * per_node, per_node, count, _placed(node, found, per_node), watts, key)
