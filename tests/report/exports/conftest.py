"""Runs to export: journals written by hand, so that every figure is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hefted import ledger
from hefted.footprint.factors import Factors
from hefted.footprint.place import Place
from hefted.ledger import RunSummary
from hefted.metering.machine import Machine
from hefted.quantities import Quantity, Source

RUN = '0193a7c4-5f21-7abc-8000-1234567890ab'
KWH = 3.6e6


def factor(value: float, unit: str, key: str) -> dict[str, Any]:
    source = Source(key, f'A table of {key}', 2025, f'https://example.org/{key}', 'CC0')
    return Quantity.between(value, value * 0.9, value * 1.2, unit, source=source).to_json()


FACTORS = {
    'intensity': factor(100, 'g CO2e/kWh', 'grid:US-OR'),
    'pue': factor(1.2, '1', 'pue'),
    'water_on_site': factor(1.8, 'L/kWh', 'wue'),
    'water_off_site': factor(3.0, 'L/kWh', 'generation'),
    'electricity_minerals': factor(1e-8, 'kg Sb eq/kWh', 'minerals'),
    'embodied': factor(10, 'g CO2e/h', 'making'),
    'price': factor(2, 'USD/h', 'price'),
}
MACHINE = Machine('gpu-server', False, 32.0, 2**38, 'Zen 5 (Turin)', ('NVIDIA H100', 'NVIDIA H100'), provider='aws')
SENSORS = {
    'rapl:package-0': {'component': 'cpu', 'accuracy': Quantity(1.0, '1', 'measured').to_json()},
    'gpu-model': {'component': 'gpu', 'accuracy': factor(1.0, '1', 'watts')},
}


def header(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        'schema': 1, 'run': RUN, 'parent': None, 'kind': 'fit', 'name': 'net', 'attributes': {},
        'versions': {'python': '3.12.4', 'hefted': '0.1.0', 'jax': '0.10.2'},
        'place': Place.of('aws:us-west-2').to_json(), 'machine': MACHINE.to_json(), 'factors': FACTORS,
        'sensors': SENSORS, 'start_up': None, 'gaps': [],
        'start': {'monotonic': 0.0, 'boot': 0.0, 'joules': dict.fromkeys(SENSORS, 0.0), 'cpu_seconds': 0.0},
    }  # fmt: skip
    return told | changes


def line(seconds: float, **more: Any) -> dict[str, Any]:
    """An hour takes 1 kWh of the CPU and 2 kWh of the GPUs."""
    hours = seconds / 3600
    joules = {'rapl:package-0': hours * KWH, 'gpu-model': 2 * hours * KWH}
    return {'phase': 'train', 'monotonic': seconds, 'boot': seconds, 'joules': joules, 'cpu_seconds': seconds} | more


Make = Callable[..., RunSummary]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Keeps a run in a ledger: its header changed as told, with its lines and its end, and finds it there."""

    def keep(
        run: str = RUN,
        *,
        lines: list[dict[str, Any]] | None = None,
        status: str | None = 'finished',
        find: str | None = None,
        **changes: Any,
    ) -> RunSummary:
        said = [header(**changes), *([line(1800), line(3600)] if lines is None else lines)]
        if status is not None:
            said.append((said[-1] if len(said) > 1 else {}) | {'end': True, 'status': status})
        (tmp_path / f'{run}.jsonl').write_text(''.join(json.dumps(each) + '\n' for each in said), 'utf-8')
        return ledger.open(tmp_path).get(find or run)

    return keep


@pytest.fixture
def bare() -> dict[str, Any]:
    """What changes a header to that of a machine of which nothing is known but its energy."""
    only = Factors(intensity=Quantity.from_json(FACTORS['intensity'])).to_json()
    return {'factors': only, 'machine': None, 'place': Place.of(None).to_json(), 'versions': {}}


@pytest.fixture
def sweep(make: Make) -> RunSummary:
    """Four runs of one parent, which kept no journal: one of them failed, one was killed."""
    parent = '0193a7c4-5f20-7abc-8000-1234567890ab'
    for number, status in enumerate(('finished', 'failed', None)):
        make(f'0193a7c4-5f2{number + 2}-7abc-8000-1234567890ab', parent=parent, status=status)
    return make('0193a7c4-5f25-7abc-8000-1234567890ab', parent=parent, find=parent)
