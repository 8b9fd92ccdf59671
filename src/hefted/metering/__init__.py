"""The meter: sensors, the thread that reads them, and models where no counter can be read. No JAX here."""

from __future__ import annotations

from hefted.metering.discover import discover, register, unregister
from hefted.metering.meter import Meter
from hefted.metering.reading import Component, Gap, RawReading, Reading
from hefted.metering.sampler import Sampler
from hefted.metering.sensor import Instant, Sensor, SensorError, measured

__all__ = [
    'Component',
    'Gap',
    'Instant',
    'Meter',
    'RawReading',
    'Reading',
    'Sampler',
    'Sensor',
    'SensorError',
    'discover',
    'measured',
    'register',
    'unregister',
]
