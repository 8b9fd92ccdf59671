"""Apple's chips: the energies that the system's own power model counts, through zeus-apple-silicon.

That package (Apache-2.0, from PyPI, an extra of this one's) reads IOReport without root. Apple calls these figures
estimates that should not be compared between devices (`man powermetrics`), so they are labelled modelled. On one chip
lie the processor, the graphics, the memory and the neural engine; the last is 'other'.

The tests hand in a library that answers as it does; `TRIED_ON` says whether a real one was read.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant, SensorError
from hefted.quantities import Error, Quantity, Source

TRIED_ON = ''
INSTALL = "Apple's energy counters can be read with zeus-apple-silicon: pip install zeus-apple-silicon."

IOREPORT = Source('Apple IOReport', "Apple's own estimates (man powermetrics); 25 % assumed", 2024, None, 'fact')
_FIELDS: dict[Component, tuple[str, ...]] = {
    'cpu': ('cpu_total_mj',),
    'gpu': ('gpu_mj', 'gpu_sram_mj'),
    'dram': ('dram_mj',),
    'other': ('ane_mj',),
}


def present() -> bool:
    """Whether this is a Mac with Apple's own chip."""
    return sys.platform == 'darwin' and os.uname().machine == 'arm64'


class ApplePart:
    """One part of the chip: its energies in millijoules, added up.

    Args:
        monitor: `zeus_apple_silicon.AppleEnergyMonitor()`, or what answers as it does.
        component: Which part.
        device: What the chip is called, such as 'Apple M2'.
    """

    __slots__ = ('_monitor', 'accuracy', 'component', 'device', 'name')
    counts_always = False  # a neural engine, or the graphics of a server, may be off

    def __init__(self, monitor: Any, component: Component, device: str = ''):
        self.name = f'apple:{component}'
        self.component: Component = component
        self.device = device
        self.accuracy = Quantity(1.0, '1', 'modelled', (Error(IOREPORT.key, -0.25, 0.25),), (IOREPORT,))
        self._monitor = monitor

    def read(self, instant: Instant) -> float:
        del instant
        try:
            told = self._monitor.get_cumulative_energy()
        except RuntimeError as error:
            raise SensorError(f'IOReport said: {error}.') from None
        parts = [getattr(told, field, None) for field in _FIELDS[self.component]]
        known = [float(part) for part in parts if part is not None]
        if not known:
            raise SensorError('This chip does not tell it.')
        return sum(known) / 1e3


def load() -> Any:
    """Import the package and make a monitor.

    Raises:
        SensorError: If that cannot be done.
    """
    try:
        library: Any = import_module('zeus_apple_silicon')
    except ImportError:
        raise SensorError(INSTALL) from None
    try:
        return library.AppleEnergyMonitor()
    except RuntimeError as error:
        raise SensorError(f'IOReport could not be opened: {error}.') from None


def find(monitor: Any, *, device: str = '') -> list[ApplePart]:
    """The parts that this chip tells; older ones tell no memory, and what is not told stays modelled or absent."""
    return [part for component in _FIELDS if _tells(part := ApplePart(monitor, component, device))]


def _tells(part: ApplePart) -> bool:
    try:
        part.read(Instant(0.0))
    except SensorError:
        return False
    return True
