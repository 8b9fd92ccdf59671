"""`hefted doctor`: what can be measured on this machine, what is modelled instead, and why."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

_LABEL = 12
_NAMES = {'cpu': 'CPU', 'dram': 'memory', 'gpu': 'GPU', 'other': 'other'}


@click.command('doctor')
def command() -> None:
    """Say which energy sensors can be read on this machine, what is modelled where none can, and why.

    It also says where your runs are kept and which place their carbon is told for.
    """
    for label, text in (*_sensors(), *_setting()):
        lines = textwrap.wrap(text, 76, break_long_words=False, break_on_hyphens=False) or ['']
        for number, line in enumerate(lines):
            click.echo(click.style(f'{"" if number else label:<{_LABEL}}', fg='cyan') + line)


def _sensors() -> Iterator[tuple[str, str]]:
    from hefted import host
    from hefted.metering import discover
    from hefted.metering.cpu_model import watts_for
    from hefted.metering.discover import add_gpus

    meter = discover()
    add_gpus(meter)
    reading = meter.read()
    found: dict[str, dict[str, str]] = {}
    for name in reading.joules:
        component, accuracy = meter.accuracies[name]
        if not accuracy.value:  # what a share is in doubt by: no sensor of its own
            continue
        found.setdefault(component, {})[name.partition(':')[0] if '-model' in name else name] = accuracy.basis
    for component, sensors in found.items():
        told = ', '.join(f'{basis} ({name})' for name, basis in sensors.items())
        if 'cpu-model' in sensors:
            told += f': {watts_for(host.cpu_identity()).microarchitecture}, {host.threads_given():g} threads'
        yield _NAMES.get(component, component), told
    if 'gpu' not in found:
        yield (
            'GPU',
            'none read: ' + ('see below' if host.nvidia_driver_present() else 'no NVIDIA driver on this machine'),
        )
    for gap in meter.gaps(0.0):
        yield 'not read', f'{gap.sensor}: {gap.reason}'


def _setting() -> Iterator[tuple[str, str]]:
    from hefted import settings
    from hefted.footprint.place import find

    mode = settings.meter_mode()
    told = {'auto': 'on wherever it can be', 'on': 'on', 'off': 'off: no run is metered'}[mode]
    yield 'meter', f'{told} (HEFTED_METER={mode})'
    whose = {'process': "each run has its process's part", 'machine': 'each run has all of it'}[settings.share_mode()]
    yield 'machine', f'{whose} (HEFTED_SHARE={settings.share_mode()})'
    place = find()
    yield 'place', f'{place}. {place.hint}' if place.hint else str(place)
    if (grid := settings.grid_mode()) != 'table':
        yield 'grid', f'this hour’s, asked of a service while a run goes on (HEFTED_GRID={grid})'
    folder = settings.data_folder() / 'runs'
    yield (
        'journals',
        f'{folder}{"" if _can_be_written(folder) else " cannot be written: set HEFTED_DATA_DIR"}',
    )


def _can_be_written(folder: Path) -> bool:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)
