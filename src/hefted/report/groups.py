"""Processes that trained together, and devices that shared their steps: what a receipt tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hefted.quantities import Quantity

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint


class GroupFacts(NamedTuple):
    """Processes that trained together.

    Attributes:
        rank: Of the process whose receipt it is.
        size: How many there were.
        hosts: Of each host, its ranks and its energy; only where the receipt is of all of them, which is rank 0's.
        missing: Ranks of which nothing is known.
    """

    rank: int
    size: int
    hosts: tuple[tuple[tuple[int, ...], Quantity | None], ...] = ()
    missing: tuple[int, ...] = ()


def group_facts(group: Mapping[str, Any], others: Sequence[Mapping[str, Any]], own: Footprint | None) -> GroupFacts:
    """What is told of a group.

    Args:
        group: Who of it the run is of, as its journal says.
        others: What the others took, as it says.
        own: What the run's own process took.
    """
    from hefted.footprint.group import by_host

    rank, size = int(group['rank']), int(group['size'])
    if rank or own is None:
        return GroupFacts(rank, size)
    shares = by_host(own, group, others)
    known = {each for share in shares for each in share.ranks}
    hosts = tuple((share.ranks, share.footprint.energy) for share in shares)
    return GroupFacts(rank, size, hosts, tuple(each for each in range(size) if each not in known))


def shared_by(plan: Any) -> dict[str, Any]:
    """Those of `Facts` that a plan tells, or that as a journal holds it: `devices` and `sent`.

    Example:
        >>> shared_by({'devices': 8, 'bytes_between_devices': 1400.0}), shared_by('a word')
        ({'devices': 8, 'sent': 1400.0}, {})
    """

    def told(name: str) -> Any:
        return cast('dict[str, Any]', plan).get(name) if isinstance(plan, dict) else getattr(plan, name, None)

    devices, sent = told('devices'), told('bytes_between_devices')
    if not isinstance(devices, int) or isinstance(devices, bool) or devices < 2:
        return {}
    return {'devices': devices, 'sent': sent if isinstance(sent, int | float) else None}


def ranks_told(ranks: Sequence[int]) -> str:
    """Such as 'ranks 0 to 3'."""
    if len(ranks) == 1:
        return f'rank {ranks[0]}'
    whole = list(ranks) == list(range(ranks[0], ranks[-1] + 1))
    return f'ranks {ranks[0]} to {ranks[-1]}' if whole and len(ranks) > 2 else f'ranks {", ".join(map(str, ranks))}'


def part_of(group: GroupFacts | None) -> float:
    """Which part of a training the energy of a receipt is of: of a process that is not the first, its own alone.

    Example:
        >>> part_of(None), part_of(GroupFacts(rank=1, size=4))
        (1.0, 0.25)
    """
    if group is None:
        return 1.0
    return (group.size - len(group.missing)) / group.size if group.hosts else 1 / group.size


def group_json(group: GroupFacts) -> dict[str, Any]:
    hosts = [{'ranks': list(ranks), 'energy': energy and energy.to_json()} for ranks, energy in group.hosts]
    return {'rank': group.rank, 'size': group.size, 'hosts': hosts, 'missing': list(group.missing)}
