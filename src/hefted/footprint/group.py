"""One training of several processes: what each of them took, told so that the sum can be made again for ever.

Every device and every host's package is counted once, however many processes share a host: each process has its part of
its host by the rules of all metered processes (`hefted.metering.share`, `hefted.metering.gpu_share`), and the parts add
up to one at most. So the sum over processes is the sum over hosts.

An account is what one process sends to the one that counts for all: who it is, and the lines of a journal that hold
only what a receipt needs (sensors, factors, and for each phase its seconds and joules).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from hefted.footprint.account import Accuracies, Shares, rebuild
from hefted.footprint.factors import Factors
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place
from hefted.metering.reading import Gap

Account = Mapping[str, Any]


@dataclass(frozen=True)
class HostShare:
    """What the processes of one host took.

    Attributes:
        number: The host's, from 1, in the order of its first rank. Its name is nobody's business.
        ranks: Its processes.
        footprint: The sum of theirs.
    """

    number: int
    ranks: tuple[int, ...]
    footprint: Footprint


def lines_of(
    shares: Shares, accuracies: Accuracies, place: Place, factors: Factors, gaps: Iterable[Gap] = ()
) -> list[dict[str, Any]]:
    """The lines from which `account.rebuild` makes the same footprint again.

    Args:
        shares: Seconds and joules by phase.
        accuracies: Component and accuracy of each sensor.
        place: Where it ran.
        factors: What it is priced by.
        gaps: What the sensors missed.
    """
    used = shares.by_sensor()
    header: dict[str, Any] = {
        'sensors': {
            name: {'component': component, 'accuracy': accuracy.to_json()}
            for name, (component, accuracy) in accuracies.items()
            if name in used
        },
        'start': {'monotonic': 0.0, 'joules': {}, 'occupied': 0.0},
        'factors': factors.to_json(),
        'place': place.to_json(),
        'gaps': [gap.to_json() for gap in gaps],
    }
    seconds, joules, whole = 0.0, dict[str, float](), sum(shares.seconds.values())
    lines: list[dict[str, Any]] = [header]
    for phase, lasted in list(shares.seconds.items()):
        seconds += lasted
        for name, more in list(shares.joules[phase].items()):
            joules[name] = joules.get(name, 0.0) + more
        occupied = shares.occupied * seconds / whole if whole else shares.occupied
        lines.append({'phase': phase, 'monotonic': seconds, 'joules': dict(joules), 'occupied': occupied})
    return lines


def whole(own: Footprint, others: Iterable[Account], without: Iterable[str] = ()) -> Footprint:
    """The footprint of all processes: figures add, durations do not, as they worked at the same time.

    Args:
        own: Of the process that counts for all.
        others: The accounts of the others.
        without: Components to leave out.
    """
    told = reduce(add, (rebuild(each['lines'], without) for each in others), own)
    phases = {
        name: PhaseShare(share.energy, own.phases[name].seconds if name in own.phases else share.seconds)
        for name, share in told.phases.items()
    }
    return replace(told, duration=own.duration, phases=phases, gaps=_distinct(told.gaps))


def by_host(own: Footprint, mine: Account, others: Sequence[Account], without: Iterable[str] = ()) -> list[HostShare]:
    """What each host took, in the order of their ranks.

    Args:
        own: Of the process that counts for all, alone.
        mine: Who that is (`machine`, `rank`).
        others: The accounts of the others.
        without: Components to leave out.
    """
    parts: dict[str, list[tuple[int, Footprint]]] = {str(mine['machine']): [(int(mine['rank']), own)]}
    for each in sorted(others, key=lambda account: int(account['rank'])):
        parts.setdefault(str(each['machine']), []).append((int(each['rank']), rebuild(each['lines'], without)))
    return [
        HostShare(number, tuple(rank for rank, _ in found), reduce(add, (took for _, took in found)))
        for number, found in enumerate(parts.values(), 1)
    ]


def _distinct(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Each gap once: what one host's sensor misses, its processes all say."""
    return tuple({(gap.sensor, gap.reason): gap for gap in gaps}.values())
