"""What the bits of a training depend on besides its program, and whether that is another here than where it began."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import jax

from hefted import host, processor

if TYPE_CHECKING:
    from hefted.train.checkpoint import Checkpoint

_NO_BITS = ('--xla_dump', '--xla_force_host_platform_device_count', '--xla_hlo_profile')  # flags that change none


def machine_here() -> dict[str, str]:
    """What the bits of a training depend on besides its program.

    JAX, the device, and what was set of how XLA compiles; on CPUs the number of threads too, which split sums.
    """
    device = jax.local_devices()[0]
    told = {'jax': jax.__version__, 'device': device.device_kind}
    if jax.device_count() > 1:
        told['devices'] = str(jax.device_count())
    if device.platform == 'cpu':
        cpu = processor.cpu_identity()
        told['device'] = cpu.name or f'{cpu.vendor} {cpu.family} {cpu.model}'
        said = os.environ.get('PJRT_NPROC') or os.environ.get('NPROC')  # XLA takes as many as these say
        told['threads'] = said or str(len(host.cpus_given() or ()) or os.cpu_count())
    flags = [flag for flag in os.environ.get('XLA_FLAGS', '').split() if not flag.startswith(_NO_BITS)]
    if flags:
        told['XLA_FLAGS'] = ' '.join(sorted(flags))
    if (precision := jax.config.jax_default_matmul_precision) is not None:  # pyright: ignore[reportAttributeAccessIssue]
        told['matmul precision'] = str(precision)
    return told


def other_machine(checkpoint: Checkpoint) -> str | None:
    """What is another here than where a checkpoint was made, for people; None where its bits go on."""
    here = machine_here()
    parts = [
        f'{name} {here.get(name, "not set")} here, {checkpoint.machine.get(name, "not set")} there'
        for name in sorted(here.keys() | checkpoint.machine.keys())
        if here.get(name) != checkpoint.machine.get(name)
    ]
    return '; '.join(parts) or None
