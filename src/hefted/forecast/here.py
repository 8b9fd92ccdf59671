"""A published recipe on the machine that asks, before anything is tried there, and without JAX.

Its GPUs are priced by the catalogue. A machine without any computes on its processors:

    duration = operations / (products a second x reached)        energy = watts at full load x duration

Products a second are those that an earlier fit calibrated here, else so many by hardware thread, as processors go: a
core of 3 GHz does 96 GFLOP/s with AVX2 and half of that is sustained, an older or a shared one far less, one with
AVX-512 or matrix units more. `model.forecast` tries a few steps instead, and knows a hundred times better.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hefted import host, processor, settings
from hefted.errors import ArgumentError
from hefted.footprint.account import priced
from hefted.footprint.factors import factors_for
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place, find
from hefted.forecast.analytic import forecast_recipe
from hefted.forecast.forecast import Forecast
from hefted.forecast.recipes import Recipe
from hefted.metering.cpu_model import CpuModel, CpuWatts, watts_for
from hefted.metering.discover import add_gpus, discover
from hefted.metering.dram_model import DramModel
from hefted.metering.machine import Machine, this_machine
from hefted.metering.reading import Component
from hefted.quantities import Quantity, Source, total

HERE = 'this machine'
_A_THREAD = Quantity.between(
    30e9,
    6e9,
    120e9,
    '1/s',
    basis='assumed',
    source=Source('products a thread', 'Assumed: 30 (6 to 120) GFLOP/s in float32 by hardware thread', 2026),
)
_REACHED = Quantity.between(
    0.7,
    0.35,
    0.95,
    '1',
    basis='assumed',
    source=Source('reached here', "Assumed: a transformer's step reaches 0.7 (0.35 to 0.95) of a large product", 2026),
)
_CALIBRATED = Source('calibration', 'A product of 1,024 x 1,024 numbers, timed on this machine')
_TIMED = (0.7, 2.0)  # times what was timed: a clock falls under long work; what ran beside the timing took its half


def forecast_here(
    recipe: Recipe,
    place: Place | str | None = None,
    *,
    machine: Machine | None = None,
    products: Quantity | None = None,
    watts: CpuWatts | None = None,
    gpus: Callable[[], tuple[str, ...]] | None = None,
) -> Forecast:
    """Tell what a recipe takes on this machine.

    Args:
        recipe: The training.
        place: Where it stands; what the settings say if None.
        machine: This one, if None.
        products: Operations a second of all its threads, '1/s'; as calibrated or assumed if None.
        watts: Of its processor; as the model knows it if None.
        gpus: Tells the names of its GPUs; asks the driver if None.

    Example:
        >>> from hefted.forecast.recipes import MODERN_BASE
        >>> told = forecast_here(MODERN_BASE, 'FR', machine=Machine(threads=2, memory_bytes=8 * 2**30), gpus=tuple)
        >>> told.on, told.duration.to('d').value > 100
        ('this machine', True)
    """
    names = (gpus or _gpus)()
    if names and (found := _in_catalogue(recipe, names, place)):
        return found
    machine = machine or this_machine()
    timed = products or calibrated()
    rate = (timed or _A_THREAD * machine.threads) * _REACHED
    whole = recipe.computed_in('float32').whole
    duration = Quantity(whole.flops or 0.0, '1') / rate
    footprint = _footprint(duration, machine, find(place), _watts(watts, machine, whole.peak_bytes or 0))
    fits = None if not machine.memory_bytes else (whole.peak_bytes or 0) <= machine.memory_bytes
    return Forecast(whole, footprint, HERE, 'roofline', fits=fits, notes=(_note(timed is not None),))


def _note(timed: bool) -> str:
    how = 'as an earlier fit timed them here' if timed else 'as assumed of processors; no fit has timed them here yet'
    return (
        'This machine has no GPU that the catalogue holds: its processors are reckoned in float32, by products of '
        f'matrices {how}. Nothing of the recipe was tried.'
    )


def calibrated(folder: Path | None = None) -> Quantity | None:
    """Operations a second that an earlier fit measured here, the newest; None where none did.

    Args:
        folder: Where calibrations are kept; that of the cache if None.
    """
    folder = folder or settings.cache_folder() / 'calibration'
    try:
        if not host.is_private_folder(folder):
            return None
        newest = max(folder.glob('*.json'), key=lambda path: path.stat().st_mtime, default=None)
        read: Any = None if newest is None else json.loads(newest.read_text('utf-8'))
        flops = float(read['flops']) if isinstance(read, dict) else math.nan
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not 0 < flops < math.inf:
        return None
    low, high = (flops * times for times in _TIMED)
    return Quantity.between(flops, low, high, '1/s', basis='measured', source=_CALIBRATED)


def _gpus() -> tuple[str, ...]:
    """Names of the GPUs that this process may use; no driver, no import."""
    if not host.nvidia_driver_present() and not host.amd_driver_present():
        return ()
    meter = discover()
    add_gpus(meter)
    return tuple(meter.gpus)


def _in_catalogue(recipe: Recipe, names: tuple[str, ...], place: Place | str | None) -> Forecast | None:
    """By the catalogue, where it holds the GPUs of a machine, which are alike."""
    try:
        told = forecast_recipe(recipe, f'{len(names)} x {names[0]}', place)
    except ArgumentError:
        return None
    return replace(told, on=f'{HERE}, {told.on}')


def _watts(watts: CpuWatts | None, machine: Machine, held: int) -> dict[Component, Quantity]:
    """W of processors that are all busy, and of the memory that is held."""
    model, memory = CpuModel(watts or watts_for(processor.cpu_identity()), machine.threads), DramModel()
    used = model.between(1.0, machine.threads)
    parts = [part.accuracy * Quantity(used[part.name], 'W') for part in model.sensors if used[part.name]]
    return {'cpu': total(parts), 'dram': memory.accuracy * Quantity(memory.between(1.0, held), 'W')}


def _footprint(duration: Quantity, machine: Machine, where: Place, watts: Mapping[Component, Quantity]) -> Footprint:
    joules: dict[str, Quantity] = {name: (each * duration).to('J') for name, each in watts.items()}
    energy = total(list(joules.values()))
    figures: dict[str, Any] = priced(joules, duration, factors_for(where, machine))
    return Footprint(
        energy=energy,
        **figures,
        duration=duration,
        place=where,
        components=joules,
        phases={'train': PhaseShare(energy, duration.value)},
        covers='processors and memory, modelled',
    )
