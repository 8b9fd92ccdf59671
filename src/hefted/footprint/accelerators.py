"""Accelerators by the names that drivers give them: their power, memory and, where published, their making.

Every figure is the vendor's own, or one that a life-cycle study published (see the sources of the table).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hefted import settings
from hefted.errors import unknown_name
from hefted.footprint.tables import number, table


class Accelerator(NamedTuple):
    """One GPU, TPU or the like; None is a figure that its vendor does not publish.

    Attributes:
        name: The product's name.
        vendor: Such as 'NVIDIA'.
        kind: 'gpu', 'tpu' or 'npu'.
        released: Year.
        tdp_watts: Design power of one as a driver counts it (half a board that holds two).
        memory_gb: GB of its own memory.
        memory_gb_per_s: Peak bandwidth of that memory, GB/s.
        die_mm2: Area of its die.
        fp32_tflops: Peak of plain float32.
        bf16_tflops: Peak of dense bfloat16 matrix products.
        with_host: Whether its published making holds a share of the host too.
        row: The whole row of the table.
    """

    name: str
    vendor: str
    kind: str
    released: int | None
    tdp_watts: float | None
    memory_gb: float | None
    memory_gb_per_s: float | None
    die_mm2: float | None
    fp32_tflops: float | None
    bf16_tflops: float | None
    with_host: bool
    row: dict[str, str]


def find_accelerator(name: str) -> Accelerator | None:
    """Find an accelerator by what its driver, JAX or a person calls it.

    Args:
        name: Such as 'NVIDIA H100 80GB HBM3' (NVML), 'A100-SXM4-40GB' or 'H100'. A part of one ('… MIG 1g.10gb') is
            found as the whole.

    Returns:
        None where it is not known. A short name that fits several is the first of them in the table.

    Example:
        >>> find_accelerator('NVIDIA H100 80GB HBM3').tdp_watts
        700.0
        >>> find_accelerator('H200').memory_gb
        141.0
        >>> find_accelerator('Voodoo 2') is None
        True
    """
    said = _key(name)
    known = _index(settings.tables_folder()) if said else ()
    exact = (row for key, row in known if key == said)
    # 'h100' begins several names; of names that are part of what is said, the longest says most.
    begun = (row for key, row in known if key.startswith(said))
    held = sorted((pair for pair in known if len(pair[0]) > 3 and pair[0] in said), key=lambda pair: -len(pair[0]))
    held = [pair for pair in held if not _goes_on(name, pair[1])]
    row = next(exact, None) or next(begun, None) or next((row for _, row in held), None)
    return None if row is None else _of(row)


def _goes_on(said: str, row: dict[str, str]) -> bool:
    """Whether a number that is said goes on where the accelerator's own ends: a P1000 is no P100, an H2000 no H200."""
    own = set(re.findall(r'\d+', f'{row["name"]} {row["aliases"]}'))
    told = re.findall(r'\d+(?!\d| ?gb)', said.lower())  # of memory there are several sizes
    return any(number.startswith(tuple(own)) and number not in own for number in told)


def accelerator(name: str) -> Accelerator:
    """The accelerator of a name that a person wrote.

    Raises:
        UnknownNameError: If it is not known; the message holds the nearest names.

    Example:
        >>> accelerator('Tesla V100-SXM2-32GB').tdp_watts
        300.0
    """
    found = find_accelerator(name)
    if found is None:
        raise unknown_name('device', name, [row['name'] for row in table('accelerators').values()])
    return found


@cache
def _index(own: Path | None) -> tuple[tuple[str, dict[str, str]], ...]:
    """Every name of every accelerator, in short."""
    del own  # it decides what the table holds
    rows = table('accelerators').values()
    return tuple((_key(name), row) for row in rows for name in (row['name'], *row['aliases'].split('|')))


_SAID_BESIDE = ('(r)', '(tm)', 'nvidia', 'amd ', 'intel', 'google', 'tesla', 'geforce', 'generation')


def _key(name: str) -> str:
    """Letters and figures alone, without the vendor and the words that drivers add."""
    bare = name.lower().partition(' mig ')[0]
    for word in _SAID_BESIDE:
        bare = bare.replace(word, '')
    return ''.join(filter(str.isalnum, bare))


def _of(row: dict[str, str]) -> Accelerator:
    released = number(row['released'])
    return Accelerator(
        row['name'],
        row['vendor'],
        row['kind'],
        None if released is None else int(released),
        number(row['tdp_w']),
        number(row['memory_gb']),
        number(row['memory_gb_per_s']),
        number(row['die_mm2']),
        number(row['fp32_tflops']),
        number(row['bf16_tflops']),
        bool(row['with_host']),
        row,
    )
