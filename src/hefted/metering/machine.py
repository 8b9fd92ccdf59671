"""What kind of machine this is: what its unseen parts draw, and what it took to make, depends on that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from hefted import host
from hefted.metering.cpu_model import watts_for

Kind = Literal['laptop', 'desktop', 'server', 'gpu-server']


class Machine(NamedTuple):
    """A machine, or the part of one that was given to this process.

    Attributes:
        kind: What it is, by its firmware and its processor.
        virtual: Whether it is a virtual machine; None when that cannot be told.
        threads: Hardware threads given to this process (affinity and quota).
        memory_bytes: Memory given: the machine's, cut by the control group's limit.
        microarchitecture: The processor's, such as 'Zen 5 (Turin)'.
        gpus: Names of the GPUs that this process may use, as the driver tells them.
        cooling: Of a GPU server: 'air' or 'liquid'.
        provider: The cloud that its firmware names: 'aws', 'azure', 'gcp' or None.
    """

    kind: Kind = 'server'
    virtual: bool | None = None
    threads: float = 1.0
    memory_bytes: int = 0
    microarchitecture: str = ''
    gpus: tuple[str, ...] = ()
    cooling: Literal['air', 'liquid'] = 'air'
    provider: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data."""
        return self._asdict()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Machine:
        """Read what `to_json` wrote; unknown keys are passed over."""
        known: dict[str, Any] = {name: data[name] for name in cls._fields if name in data}
        return cls(**known)._replace(gpus=tuple(known.get('gpus', ())))


@cache
def this_machine() -> Machine:
    """The machine that this process runs on."""
    identity = host.cpu_identity()
    return Machine(
        virtual=identity.hypervisor,
        threads=host.threads_given(),
        memory_bytes=host.memory_given(),
        microarchitecture=watts_for(identity).microarchitecture,
    )
