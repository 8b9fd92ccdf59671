"""What a sensor says: energy by component between two instants, with its basis and its gaps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from hefted.quantities import Quantity

Component = Literal['cpu', 'dram', 'gpu', 'other', 'unseen', 'switches', 'network', 'storage']
"""What energy is of. 'unseen' is what no sensor sees: supplies, fans, board, disks; 'switches' are
the network between the nodes of one training; 'network' and 'storage' are outside the machine and its data centre."""

COMPONENTS: tuple[Component, ...] = get_args(Component)

ELSEWHERE: frozenset[Component] = frozenset(('network', 'storage'))
"""What is outside the machine, its data centre and any meter of either."""


class Gap(NamedTuple):
    """A stretch for which a sensor said nothing that can be used, and why.

    Attributes:
        sensor: The sensor's name, such as 'rapl:package-0'.
        reason: One sentence for a person.
        start: When it began, in seconds of CLOCK_MONOTONIC.
        end: When it ended; None while it lasts.
    """

    sensor: str
    reason: str
    start: float
    end: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data."""
        return {'sensor': self.sensor, 'reason': self.reason, 'start': self.start, 'end': self.end}


class Reading(NamedTuple):
    """Energy between two instants.

    Attributes:
        start: Seconds of CLOCK_MONOTONIC.
        end: Seconds of CLOCK_MONOTONIC.
        energy: Joules by component; a component that nothing reads or models is absent, never 0.
        gaps: What is missing in it.
    """

    start: float
    end: float
    energy: dict[Component, Quantity]
    gaps: tuple[Gap, ...] = ()


class RawReading(NamedTuple):
    """The counters behind a reading, as they go to the journal: cumulative since the meter's start.

    Attributes:
        monotonic: Seconds of CLOCK_MONOTONIC at the reading.
        boot: Seconds of CLOCK_BOOTTIME (it counts suspends; the difference to `monotonic` finds them).
        joules: Cumulative joules by sensor name (central values).
        cpu_seconds: Cumulative CPU time of the process tree.
        resident_bytes: Resident memory of the process tree at this instant.
        occupied: Cumulative seconds for which the machine was this run's: less than have passed where it is shared.
        machine_joules: Cumulative joules of the whole machine or device, by sensor, of those that were divided; with
            the two below, an auditor can divide them again.
        others_seconds: Cumulative CPU time of all others on the threads that are given to this process.
        meters: How many processes were metered on the machine, this one among them.
    """

    monotonic: float
    boot: float
    joules: Mapping[str, float] = MappingProxyType({})
    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    occupied: float = 0.0
    machine_joules: Mapping[str, float] = MappingProxyType({})
    others_seconds: float = 0.0
    meters: int = 1
