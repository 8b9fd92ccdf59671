"""What a chip can do at its peak, and how it is tied to others: data sheets beside the table of accelerators.

`hefted.footprint.accelerators` holds power, memory, making and most peaks; here is what only a forecast asks for. Each
row says how its figures were checked (column `checked`):

- document: read in the vendor's own documentation (November 2026), but for what its source says is recalled;
- copy: the peak, or where none is here the links, was read in a public copy that cites the vendor's data sheet;
- arithmetic: the peak is the whole multiple of plain float32 that the tensor cores of its generation make;
- recalled: as remembered of the vendor's data sheet, and not read again. A forecast on such a peak says so.

Bandwidths of links are one way: PCI Express by its standard, others half of what vendors tell of both directions.
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
# Where JAX has two devices of one chip. TPUs whose two cores do not work as one (docs.jax.dev, pallas.tpu.ChipVersion:
# "Megacore support", read November 2026); of an MI250 each die (Hugging Face's guide to connections of AMD's GPUs).
_DEVICES = {'TPU v2': 2, 'TPU v3': 2, 'TPU v7x (Ironwood)': 2, 'Instinct MI250': 2, 'Instinct MI250X': 2}
# Since when the tables' rate of 16-bit products is bfloat16's too: NVIDIA's tensor cores multiply it from sm_80 on
# (CUTLASS, MmaF16BF16Op); of AMD's MI100 bfloat16 has half of it, and that of earlier ones is of plain float16.
_BFLOAT16_SINCE = {'NVIDIA': 2020, 'AMD': 2021}


class Chip(NamedTuple):
    """One accelerator as a forecast sees it; None is what its vendor does not publish.

    Attributes:
        accelerator: Its row of the footprint's table.
        half_tflops: Peak of dense matrix products of 16-bit numbers.
        eighth_tflops: And of 8-bit numbers.
        watts: Design power of one.
        mean_watts: Mean power in use, where the vendor tells it.
        memory_gb: GB of its memory.
        memory_gb_per_s: Peak bandwidth of that.
        link_gb_per_s: To its neighbours in a node, one way.
        network_gb_per_s: To other nodes, its share, one way.
        per_node: How many are usually in one node.
        recalled: Whether its peak was not read again in any document.
        devices: How many devices JAX has of one: each of its cores or dies that work alone.
    """

    accelerator: Accelerator
    half_tflops: float | None
    eighth_tflops: float | None
    watts: float | None
    mean_watts: float | None
    memory_gb: float | None
    memory_gb_per_s: float | None
    link_gb_per_s: float
    network_gb_per_s: float
    per_node: int
    recalled: bool = False
    devices: int = 1

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
            return _tera(self.eighth_tflops or half or full)
        if precision in _HALF:
            return _tera(half or full)
        if self.accelerator.kind == 'tpu':  # float32 is multiplied as bfloat16 unless more is asked for
            return _tera(half)
        fast = (self.accelerator.released or 0) >= _TF32_SINCE and self.accelerator.vendor == 'NVIDIA'
        return _tera(half / 2 if fast and half else full or half)

    def published_peak(self, precision: str = 'bfloat16') -> float | None:
        """The same where the vendor publishes a rate of just these numbers: what MFU is over, and nothing is guessed.

        Args:
            precision: Of the products.

        Example:
            >>> from hefted.footprint.accelerators import accelerator
            >>> chip(accelerator('H200 SXM 141GB')).published_peak()  # dense; sparse it is twice that
            989000000000000.0
            >>> chip(accelerator('GB10 (DGX Spark)')).published_peak() is None
            True
            >>> v100 = chip(accelerator('V100-SXM2-16GB'))
            >>> v100.published_peak('bfloat16'), v100.published_peak('float16')
            (None, 125000000000000.0)
        """
        half = self.half_tflops
        told = {_EIGHTH: self.eighth_tflops, **dict.fromkeys(_HALF, half)}.get(precision, self._fast_full)
        return None if told is None or not self._has_rate(precision) else self.peak(precision)

    def _has_rate(self, precision: str) -> bool:
        """Whether it has units for these numbers, of the two kinds of 16 bits."""
        if precision == 'float16':
            return self.accelerator.kind != 'tpu'
        since = _BFLOAT16_SINCE.get(self.accelerator.vendor, 0)
        return precision != 'bfloat16' or (self.accelerator.released or since) >= since

    @property
    def _fast_full(self) -> float | None:
        """Of float32, where it is multiplied as it is, or the rate of what it is multiplied in is known."""
        fast = (self.accelerator.released or 0) >= _TF32_SINCE and self.accelerator.vendor == 'NVIDIA'
        return self.half_tflops if fast else self.accelerator.fp32_tflops or self.half_tflops

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
        number(accelerator.row['fp8_tflops']) or told['fp8_tflops'],
        accelerator.tdp_watts or told['tdp_w'],
        told['mean_w'],
        accelerator.memory_gb or told['memory_gb'],
        accelerator.memory_gb_per_s or told['memory_gb_per_s'],
        told['link_gb_per_s'] or _LINK,
        told['network_gb_per_s'] or _NETWORK,
        int(told['per_node'] or 8),
        accelerator.bf16_tflops is None and row.get('checked') == 'recalled',
        _DEVICES.get(accelerator.name, 1),
    )


_COLUMNS = (
    'tensor_tflops',
    'fp8_tflops',
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
