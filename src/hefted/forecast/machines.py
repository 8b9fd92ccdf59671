"""Machines that are not at hand, as people write them: '64 x V100', 'tpu-v5e:16', '2 x aws:p4d.24xlarge'."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hefted import settings
from hefted.errors import ArgumentError, unknown_name
from hefted.footprint.accelerators import Accelerator, accelerator, find_accelerator
from hefted.footprint.tables import table
from hefted.forecast.chips import Chip, chip
from hefted.forecast.tables import rows
from hefted.metering.machine import Machine, with_gpus

_MOST = 10_000_000
_COUNT = r'([0-9][0-9_,]*)'
_FORM = "Write an accelerator, how many and of what, such as '64 x V100', 'tpu-v5e:16' or '2 x aws:p4d.24xlarge'."
_HERE = ('this', 'this machine', 'here', 'local', 'laptop', 'desktop', 'cpu')
# Accelerators of these families are trained on in servers' baseboards far more often than in slots.
_FAMILY = re.compile(r'(?:nvidia|tesla)?[ -]*((?:p|v|a|h|b)\d00)(?:[ -]*sxm\d?)?(?:[ -]*(\d+) ?gb)?')


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

    @property
    def fabric_gb_per_s(self) -> float:
        """GB/s, one way, by which one accelerator reaches the farthest other."""
        return self.chip.link_gb_per_s if self.nodes == 1 else self.chip.network_gb_per_s

    def __str__(self) -> str:
        if self.instance:
            return f'{self.nodes} x {self.instance} ({self.count} x {self.chip.name})'
        return f'{self.count:,} x {self.chip.name}'


def machines(text: str | Machines, per_node: int | None = None) -> Machines:
    """Read what a person writes of machines.

    Args:
        text: Such as '64 x V100', '8xH200', 'tpu-v5e:16', 'H100', 'aws:p4d.24xlarge', '2 x aws:p4d.24xlarge'.
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
    if name.lower() in _HERE:
        raise ArgumentError(
            f'on: received {text!r}, a machine whose peak no catalogue holds. Ask model.forecast without on= there: it '
            f'tries a few steps. {_FORM}'
        )
    cloud, colon, _ = name.partition(':')
    if colon and cloud.isalpha():
        return _of_instance(name, count)
    found = chip(_accelerator(name))
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
        raise ArgumentError(f'on: expected machines, at least one and at most {_MOST:,}, received {text!r}. {_FORM}')
    return count, name


def _accelerator(name: str) -> Accelerator:
    """The accelerator of a name; of a family's bare name, the one for baseboards, and with the memory that is said."""
    exactly = _by_whole_name(_squeezed(name))
    if exactly:
        return exactly
    known = _FAMILY.fullmatch(name.lower())
    if known:
        family, memory = known.groups()
        of = [row['name'] for row in table('accelerators').values() if f'{family.upper()} SXM' in row['name']]
        exact = [each for each in of if memory and each.endswith(f' {memory}GB')]
        if exact or of:
            return accelerator((exact or of)[0])
    said = re.sub(r'^(tpu)[ _-]?(v\d)', r'\1 \2', name.lower())
    found = find_accelerator(said) or _by_word(said)
    if found is None or _cut_short(said, found):
        raise unknown_name('on', name, _names(), _FORM)
    return found


def _by_whole_name(key: str) -> Accelerator | None:
    name = _whole_names(settings.tables_folder()).get(key)
    return None if name is None else accelerator(name)


@cache
def _whole_names(own: Path | None) -> dict[str, str]:
    del own  # it decides what the table holds
    rows = table('accelerators').values()
    return {_squeezed(each): row['name'] for row in rows for each in _all_names(row) if each}


def _all_names(row: dict[str, str]) -> tuple[str, ...]:
    return (row['name'], *row['aliases'].split('|'))


def _cut_short(said: str, found: Accelerator) -> bool:
    """Whether a number was cut: 'H20' is no H200, though it begins its name."""
    key = _squeezed(said)
    names = [_squeezed(each) for each in _all_names(found.row)]
    after = [each.partition(key)[2][:1] for each in names if key in each]
    return bool(after) and key[-1:].isdigit() and all(map(str.isdigit, after))


def _squeezed(name: str) -> str:
    return ''.join(filter(str.isalnum, name.lower()))


def _by_word(said: str) -> Accelerator | None:
    """The accelerator whose name holds this word, such as 'Instinct MI300X'."""
    rows = table('accelerators').values()
    name = next((row['name'] for row in rows if said in row['name'].lower().split()), None)
    return None if name is None else accelerator(name)


def _names() -> set[str]:
    """What people might have meant: whole names, and the words in them that hold figures."""
    rows = table('accelerators').values()
    words = {word for row in rows for word in row['name'].lower().split() if word[:1].isalpha()}
    return words | {row['name'].lower() for row in rows}


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


def _of_instance(said: str, count: int) -> Machines:
    key = re.sub(r'[\s_]+', '_', said.lower()).replace(':standard_', ':')
    known = {row['instance']: row for row in rows('instances')}
    if key not in known:
        raise unknown_name('instance', said, known)
    row = known[key]
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
