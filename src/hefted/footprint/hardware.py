"""What a machine took to make, by the hour for which it is taken: carbon (embodied) and minerals.

    rate = sum over its parts of  what making one took x how many are taken  /  hours of its life

- **A server, or a part of one** (a virtual machine, a control group): board, case, supplies and disks by its share
  of the threads, the CPU by threads, memory by GB. How many threads its server has follows from the microarchitecture
  (servers with one or two sockets in SPECpower's results), else 48 to 512 is assumed.
- **GPUs** by name (a MIG instance by its slices): what the vendor or a study published; else, by NVIDIA's own
  breakdown of the HGX H100, 54 kg + 0.051 kg/mm2 of die + 0.853 kg/GB of memory. For the A100 SXM 40 GB it gives
  130 kg, where Falk et al. have 128. **Methods differ by up to 5 times** for the same GPU (H100: NVIDIA 164, Hubblo
  and ADEME 239, EcoLogits 273, BoaviztAPI 2.5.0 575 kg; B200: 284 to 1415), mostly in what a GB of stacked memory
  takes, from 0.5 to 6 kg: the interval holds them all.
- **A laptop or a desktop** as a whole, and any GPU of a desktop beside it.

Hours are those of ISO/IEC 21031 (SCI): all of a server's expected life, though the interval reaches to one that is
taken half of the time; for a personal computer, those in which it is used.

Sources: UBA Texte 94/2021 (a CPU 9.14 kg + 1.97 kg/cm2 and 0.0204 kg Sb eq, here of 7 cm2 and 128 threads; board, case
and supplies 368 kg); Dell's LCA of the R740, 2019 (memory 533 kg for 384 GB; eight large SSDs 3,373 kg, which is the
high end of disks); Cloud Carbon Footprint (drives); NVIDIA 2025; Schneider et al. 2025; Falk et al. 2025; Apple 2021;
ADEME. Making reaches to the gate: use and end of life are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from hefted.footprint.tables import cited, number, table
from hefted.metering.machine import Machine
from hefted.metering.tables import rows
from hefted.quantities import Basis, Quantity, total

if TYPE_CHECKING:
    from hefted.footprint.accelerators import Accelerator

Kind = Literal['kg_co2e', 'kg_sb_eq']
_UNITS = {'kg_co2e': 'kg CO2e', 'kg_sb_eq': 'kg Sb eq'}
_SMALL_WATTS = 75.0  # cards that a slot alone supplies have little heat sink and board, which hold most minerals
_DIE_MM2 = 800.0  # where it is not published: about what one exposure of a wafer's mask can make
_GB_PER_THREAD = 4.0  # where the memory is not known


def embodied(machine: Machine) -> Quantity:
    """Tell the embodied carbon of taking a machine for an hour.

    Args:
        machine: What is taken.

    Returns:
        'g CO2e/h', with its interval.

    Example:
        >>> server = Machine(virtual=True, threads=8, memory_bytes=32 * 2**30, microarchitecture='Zen 4 (Genoa)')
        >>> str(embodied(server))
        '1.3 g CO2e/h (0.7 to 4.7, assumed)'
    """
    return _rate('kg_co2e', machine, 'g CO2e/h')


def minerals(machine: Machine) -> Quantity:
    """Tell the minerals of taking a machine for an hour.

    Args:
        machine: What is taken.

    Returns:
        'kg Sb eq/h' (abiotic depletion of elements), with its interval.
    """
    return _rate('kg_sb_eq', machine, 'kg Sb eq/h')


def making(accelerator: Accelerator | None, of: Kind = 'kg_co2e') -> Quantity:
    """Tell what making one accelerator took.

    Args:
        accelerator: Which; None for one that is not known.
        of: Carbon (kg CO2e) or minerals (kg Sb eq).

    Example:
        >>> from hefted.footprint.accelerators import find_accelerator
        >>> str(making(find_accelerator('NVIDIA H100 80GB HBM3')))
        '160 kg CO2e (130 to 600, modelled)'
        >>> making(find_accelerator('NVIDIA H100 80GB HBM3'), 'kg_sb_eq').value
        0.00895
    """
    # All GPUs err together: what they differ by is the method.
    key = f'making:gpu:{of}'
    if accelerator is None:
        return _figure(table('parts')['gpu'], of, key, 'assumed')
    if accelerator.row[of]:
        row = accelerator.row | {'source': accelerator.row[f'{of}_source'], 'year': ''}
        return _figure(row, of, key, 'modelled')
    if of == 'kg_co2e' and accelerator.memory_gb:
        basis: Basis = 'modelled' if accelerator.die_mm2 else 'assumed'
        rows_of = (table('parts')[f'gpu {part}'] for part in ('base', 'die', 'memory'))
        base, die, memory = (_figure(row, of, key, basis) for row in rows_of)
        return base + die * (accelerator.die_mm2 or _DIE_MM2) + memory * accelerator.memory_gb
    small = (accelerator.tdp_watts or _SMALL_WATTS + 1) <= _SMALL_WATTS
    return _figure(table('parts')['small gpu' if small else 'gpu'], of, key, 'assumed')


def _rate(of: Kind, machine: Machine, unit: str) -> Quantity:
    return total(_parts(of, machine)).to(unit)


def _parts(of: Kind, machine: Machine) -> Iterator[Quantity]:
    """What each part adds by the hour."""
    found = [(_find(name), machine.gpus.count(name) * _part(name)) for name in dict.fromkeys(machine.gpus)]
    if machine.kind in ('laptop', 'desktop'):
        yield _figure(table('parts')[machine.kind], of, f'making:{machine.kind}', 'assumed') / _hours(machine.kind)
        if machine.kind == 'desktop':  # a laptop's is part of it
            yield from (making(gpu, of) * count / _hours('desktop') for gpu, count in found)
        return
    if not any(gpu and gpu.with_host for gpu, _ in found):
        yield from _of_server(of, machine)
    yield from (making(gpu, of) * count / _hours('gpu') for gpu, count in found)


def _find(name: str) -> Accelerator | None:
    from hefted.footprint.accelerators import find_accelerator  # late: most machines have none

    return find_accelerator(name)


def _part(name: str) -> float:
    """The part of a GPU that a name tells: '… MIG 2g.10gb' is two of seven slices."""
    slices = name.lower().partition(' mig ')[2].partition('g.')[0]
    return int(slices) / 7 if slices.isdigit() else 1.0


def _of_server(of: Kind, machine: Machine) -> Iterator[Quantity]:
    parts, hours = table('parts'), _hours('server')
    share = _share(machine)
    for name in ('server', 'disks'):
        yield _figure(parts[name], of, f'making:{name}') * share / hours
    yield _figure(parts['cpu'], of, 'making:cpu') * machine.threads / hours
    gigabytes = machine.memory_bytes / 2**30 or _GB_PER_THREAD * machine.threads
    yield _figure(parts['memory'], of, 'making:memory') * gigabytes / hours


def _share(machine: Machine) -> Quantity:
    """The part of its server that is taken, by threads."""
    known = table('server_threads')
    name = machine.microarchitecture
    group = next((row['watts'] for row in rows('cpuid') if row['microarchitecture'] == name), name)
    row = known.get(group) or known['any server']
    basis: Basis = 'modelled' if group in known and group != 'any server' else 'assumed'
    # Low and high of a share: of the most and of the fewest threads.
    value, low, high = (min(machine.threads / float(row[end]), 1.0) for end in ('threads', 'high', 'low'))
    return Quantity.between(value, low, high, '1', basis=basis, source=cited(row, f'threads:{row["group"]}'))


def _hours(kind: str) -> Quantity:
    """The hours of a life."""
    row = table('lifetimes')[kind]
    ends = [(float(row[f'years{end}']), float(row[f'hours{also}'])) for end, also in _ENDS]
    value, low, high = (years * hours for years, hours in ends)
    return Quantity.between(value, low, high, 'h', basis='assumed', source=cited(row, f'life:{kind}'))


_ENDS = (('', '_per_year'), ('_low', '_low'), ('_high', '_high'))


def _figure(row: dict[str, str], of: Kind, key: str, basis: Basis = 'modelled') -> Quantity:
    value = float(row[of])
    low, high = number(row[f'{of}_low']) or value, number(row[f'{of}_high']) or value
    return Quantity.between(value, low, high, _UNITS[of], basis=basis, source=cited(row, key))
