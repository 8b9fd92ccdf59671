"""What a chip can do at its peak, and how it is tied to others: data sheets beside the table of accelerators.

`hefted.footprint.accelerators` holds power, memory and making; here is what only a forecast asks for.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from hefted.footprint.accelerators import Accelerator
from hefted.footprint.tables import number
from hefted.forecast.tables import rows

_TF32_SINCE = 2020  # NVIDIA's chips multiply float32 in TF32, at half the rate of bfloat16, from Ampere on
_LINK = 16.0  # GB/s: PCI Express 3.0 x 16, where nothing faster is known
_NETWORK = 1.25  # GB/s: Ethernet of 10 Gbit/s
_HALF, _FULL, _EIGHTH = ('bfloat16', 'float16'), 'float32', 'float8'


class Chip(NamedTuple):
    """One accelerator as a forecast sees it; None is what its vendor does not publish.

    Attributes:
        accelerator: Its row of the footprint's table.
        half_tflops: Peak of dense matrix products of 16-bit numbers.
        watts: Design power of one.
        mean_watts: Mean power in use, where the vendor tells it.
        memory_gb: GB of its memory.
        memory_gb_per_s: Peak bandwidth of that.
        link_gb_per_s: To its neighbours in a node, one way.
        network_gb_per_s: To other nodes, its share, one way.
        per_node: How many are usually in one node.
    """

    accelerator: Accelerator
    half_tflops: float | None
    watts: float | None
    mean_watts: float | None
    memory_gb: float | None
    memory_gb_per_s: float | None
    link_gb_per_s: float
    network_gb_per_s: float
    per_node: int

    @property
    def name(self) -> str:
        """As the tables name it."""
        return self.accelerator.name

    def peak(self, precision: str = 'bfloat16') -> float | None:
        """Operations a second of dense matrix products; None where no peak is known.

        Args:
            precision: Of the products: 'float32', 'bfloat16', 'float16' or 'float8'.

        Example:
            >>> from hefted.footprint.accelerators import accelerator
            >>> v100 = chip(accelerator('V100-SXM2-16GB'))
            >>> v100.peak('float16'), v100.peak('float32')
            (125000000000000.0, 15700000000000.0)
        """
        half, full = self.half_tflops, self.accelerator.fp32_tflops
        if precision == _EIGHTH:
            eighth = number(self.accelerator.row['fp8_tflops'])
            return _tera(eighth or half or full)
        if precision in _HALF:
            return _tera(half or full)
        if self.accelerator.kind == 'tpu':  # float32 is multiplied as bfloat16 unless more is asked for
            return _tera(half)
        fast = (self.accelerator.released or 0) >= _TF32_SINCE and self.accelerator.vendor == 'NVIDIA'
        return _tera(half / 2 if fast and half else full or half)

    @property
    def tensor_cores(self) -> bool:
        """Whether 16-bit products are much faster than plain float32."""
        full = self.accelerator.fp32_tflops
        return bool(self.half_tflops and (not full or self.half_tflops > 2.5 * full))


def chip(accelerator: Accelerator) -> Chip:
    """Tell what a forecast needs of an accelerator.

    Args:
        accelerator: As `hefted.footprint.accelerators` finds it.

    Example:
        >>> from hefted.footprint.accelerators import accelerator
        >>> chip(accelerator('TPU v3')).memory_gb
        32.0
    """
    row = _table().get(accelerator.name, {})
    told = {name: number(row.get(name, '')) for name in _COLUMNS}
    return Chip(
        accelerator,
        accelerator.bf16_tflops or told['tensor_tflops'],
        accelerator.tdp_watts or told['tdp_w'],
        told['mean_w'],
        accelerator.memory_gb or told['memory_gb'],
        accelerator.memory_gb_per_s or told['memory_gb_per_s'],
        told['link_gb_per_s'] or _LINK,
        told['network_gb_per_s'] or _NETWORK,
        int(told['per_node'] or 8),
    )


_COLUMNS = (
    'tensor_tflops',
    'tdp_w',
    'mean_w',
    'memory_gb',
    'memory_gb_per_s',
    'link_gb_per_s',
    'network_gb_per_s',
    'per_node',
)


@cache
def _table() -> dict[str, dict[str, str]]:
    return {row['name']: row for row in rows('chips')}


def _tera(tflops: float | None) -> float | None:
    return None if tflops is None else tflops * 1e12
