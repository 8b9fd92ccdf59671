"""What kind of machine this is: what its unseen parts draw, and what it took to make, depends on that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from hefted import host, processor, settings
from hefted.metering.cpu_model import watts_for
from hefted.metering.firmware import Firmware, read

Kind = Literal['laptop', 'desktop', 'server', 'gpu-server']

# Types of case: System Management BIOS Reference Specification (DMTF DSP0134) 3.7, table 17.
_LAPTOPS = {8, 9, 10, 11, 14, 30, 31, 32}
_DESKTOPS = {3, 4, 5, 6, 7, 13, 15, 16, 35, 36}
_SERVERS = {17, 23, 28, 29}
_FOR_PEOPLE = ('Core(TM)', 'Ryzen', 'Apple')  # in names of processors that no server has

# GPUs that sit on a baseboard rather than in a slot; NVML calls an H100 on one 'NVIDIA H100 80GB HBM3'.
_ON_BASEBOARDS = ('SXM', 'HGX', 'OAM', 'HBM3', 'NVIDIA H20', 'NVIDIA H800', 'B200', 'B300', 'MI250', 'MI300', 'MI325')
_IN_SLOTS = ('PCIe', 'NVL')
_IN_LIQUID = ('GB200', 'GB300')


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
    """The machine that this process runs on, without its GPUs, which their driver tells later (`with_gpus`).

    Raises:
        ArgumentError: If HEFTED_MACHINE (or `machine` in config.toml) is no kind of machine.
    """
    identity, firmware = processor.cpu_identity(), read()
    machine = Machine(
        kind_of(firmware, identity),
        virtual=identity.hypervisor,
        threads=host.threads_given(),
        memory_bytes=host.memory_given(),
        microarchitecture=watts_for(identity).microarchitecture,
        provider=firmware.provider,
    )
    return as_set(machine, settings.machine_kind())


def kind_of(firmware: Firmware, identity: processor.CpuIdentity) -> Kind:
    """Tell a machine's kind, short of its GPUs.

    A virtual machine's case is made up; one on a person's machine is part of that, all others are taken to be
    parts of servers.

    Args:
        firmware: What the firmware says.
        identity: What the processor says.

    Example:
        >>> kind_of(Firmware(chassis=10, vendor='LENOVO'), processor.CpuIdentity('GenuineIntel'))
        'laptop'
    """
    if firmware.provider:
        return 'server'
    chassis = 0 if identity.hypervisor else firmware.chassis
    if chassis in _SERVERS:
        return 'server'
    if chassis in _LAPTOPS or (firmware.battery and chassis not in _DESKTOPS):
        return 'laptop'
    if chassis in _DESKTOPS or any(word in identity.name for word in _FOR_PEOPLE):
        return 'desktop'
    return 'server'


def with_gpus(machine: Machine, names: Iterable[str]) -> Machine:
    """Add the GPUs that a driver tells: a server with four, or with such as sit on a baseboard, is a GPU server.

    What the user has set stands. One GPU of a baseboard, as a cloud lends them, is part of a GPU server.

    Args:
        machine: The machine without them.
        names: As the driver tells them, such as 'NVIDIA H100 80GB HBM3'.

    Example:
        >>> with_gpus(Machine('server'), ['Tesla V100-SXM2-32GB']).kind
        'gpu-server'
    """
    machine = machine._replace(gpus=tuple(names))
    if settings.machine_kind() or machine.kind != 'server':
        return machine
    if len(machine.gpus) >= 4 or any(on_baseboard(name) for name in machine.gpus):
        liquid = any(word in name for word in _IN_LIQUID for name in machine.gpus)
        return machine._replace(kind='gpu-server', cooling='liquid' if liquid else 'air')
    return machine


def on_baseboard(name: str) -> bool:
    """Whether a GPU of this name sits on a baseboard with others, rather than on a card in a slot.

    Example:
        >>> on_baseboard('NVIDIA H100 80GB HBM3'), on_baseboard('NVIDIA H100 PCIe')
        (True, False)
    """
    return any(word in name for word in _ON_BASEBOARDS) and not any(word in name for word in _IN_SLOTS)


def as_set(machine: Machine, setting: settings.MachineKind | None) -> Machine:
    """The machine as the user says that it is; as found where nothing is said."""
    if setting is None:
        return machine
    if setting == 'gpu-server-liquid':
        return machine._replace(kind='gpu-server', cooling='liquid')
    return machine._replace(kind=setting)
