"""Sensors that do what no sensor should, by a seeded generator: for runs of other tests under faults.

With HEFTED_TEST_FAULTS=1 in the environment, every meter of a test's process has them.
"""

from __future__ import annotations

import math
import random
import time

from hefted.metering import SensorError, register
from hefted.quantities import Quantity


class Faulty:
    """Raises, hangs for 0.2 s, is no number, is negative, jumps, freezes, or goes back; now and then it is well.

    Args:
        name: Its name.
        seed: Of its generator.
    """

    component = 'gpu'
    counts_always = True
    accuracy = Quantity(1.0, '1')

    def __init__(self, name: str, seed: int):
        self.name = name
        self.draw = random.Random(seed)
        self.joules = 1000.0
        self.reads = 0

    def read(self, instant):
        self.reads += 1
        return self.draw.choice([self.well, self.raises, self.slips, self.hangs, self.junk, self.jumps, self.falls])()

    def well(self) -> float:
        self.joules += self.draw.random()
        return self.joules

    def raises(self) -> float:
        raise SensorError('It is away.')

    def slips(self) -> float:
        raise self.draw.choice([ZeroDivisionError, OSError, KeyError, MemoryError])('a fault of a driver')

    def hangs(self) -> float:
        time.sleep(0.2)
        return self.well()

    def junk(self):
        return self.draw.choice([math.nan, math.inf, -1e9, 'text', None])

    def jumps(self) -> float:
        self.joules += 1e9
        return self.joules

    def falls(self) -> float:
        self.joules = self.draw.random() * 1000
        return self.joules


def register_them() -> None:
    """Register three: two of a part, and one that is said to be at the wall."""
    register(Faulty('faulty-0', 0))
    register(Faulty('faulty-1', 1))
    register(Faulty('faulty-wall', 2), whole_machine=True)
