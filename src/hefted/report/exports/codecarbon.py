"""A row of CodeCarbon's emissions.csv, for what reads that file: its columns, its units, its meanings.

Kilograms, kilowatt-hours and seconds. Its energies hold the facility's overhead (PUE), its powers do not; its
emissions are of the electricity alone and its water is what the cooling evaporates. What a run does not know is an
empty cell, which pandas reads as NaN; the columns that would tell of a person's machine (`os`) or that Hefted does not
record (utilisation) are empty too.

Columns: CodeCarbon 3.3, `EmissionsData`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports.iso3166 import ALPHA_3
from hefted.report.exports.record import Record
from hefted.report.exports.words import by_hefted, exact, finite_ratio

COLUMNS: tuple[str, ...] = (
    'timestamp',
    'project_name',
    'run_id',
    'experiment_id',
    'duration',
    'emissions',
    'emissions_rate',
    'cpu_power',
    'gpu_power',
    'ram_power',
    'cpu_energy',
    'gpu_energy',
    'ram_energy',
    'energy_consumed',
    'water_consumed',
    'country_name',
    'country_iso_code',
    'region',
    'cloud_provider',
    'cloud_region',
    'os',
    'python_version',
    'codecarbon_version',
    'cpu_count',
    'cpu_model',
    'gpu_count',
    'gpu_model',
    'longitude',
    'latitude',
    'ram_total_size',
    'tracking_mode',
    'cpu_utilization_percent',
    'gpu_utilization_percent',
    'ram_utilization_percent',
    'ram_used_gb',
    'on_cloud',
    'pue',
    'wue',
)
_GIB = 2**30  # its GB
_PARTS = {'cpu': 'cpu', 'gpu': 'gpu', 'ram': 'dram'}


def write(record: Record, _options: Options) -> str:
    """Write a header and the run's row."""
    import csv
    import io

    cells = _run(record) | _figures(record) | _place(record) | _machine(record)
    out = io.StringIO(newline='')
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(COLUMNS)
    writer.writerow([_cell(cells.get(name)) for name in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return exact(value) if isinstance(value, float) else value


def _run(record: Record) -> dict[str, Any]:
    facts = record.facts
    ended = None if facts.started is None else datetime.fromtimestamp(facts.started + _after_start(record))
    return {
        'timestamp': ended and f'{ended:%Y-%m-%dT%H:%M:%S}',  # local and without a zone, as its own are
        'project_name': facts.name or 'hefted',
        'run_id': facts.run_id,
        'experiment_id': record.parent,
        'python_version': record.versions.get('python'),
        'codecarbon_version': by_hefted().replace(' ', '-').lower(),
        'tracking_mode': 'process',
    }


def _after_start(record: Record) -> float:
    """Seconds from the run's start to its end; its duration counts what the process took before it too."""
    told = record.footprint
    if told is None:
        return 0.0
    return told.duration.to('s').value - sum(share.seconds for name, share in told.phases.items() if name == 'start-up')


def _figures(record: Record) -> dict[str, Any]:
    told = record.footprint
    if told is None:
        return {}
    seconds = told.duration.to('s').value
    watts = {
        f'{column}_power': finite_ratio(told.components[name].to('J').value, seconds)
        for column, name in _PARTS.items()
        if name in told.components
    }
    energies = {
        f'{column}_energy': told.components[name].to('kWh').value * record.pue
        for column, name in _PARTS.items()
        if name in told.components
    }
    emissions, water = _in(record.operational, 'kg CO2e'), _in(told.water_on_site, 'L')
    return {
        'duration': seconds,
        'emissions': emissions,
        'emissions_rate': None if emissions is None else finite_ratio(emissions, seconds),
        **watts,
        **energies,
        'energy_consumed': _in(record.electricity, 'kWh'),
        'water_consumed': water,
        'pue': record.pue,
        'wue': None if water is None else finite_ratio(water, record.joules_here / 3.6e6),
    }


def _in(quantity: Quantity | None, unit: str) -> float | None:
    return None if quantity is None else quantity.to(unit).value


def _place(record: Record) -> dict[str, Any]:
    if record.footprint is None:
        return {}
    place = record.footprint.place
    provider, _, region = (place.cloud_region or '').partition(':')
    *parts, country = place.name.split(', ')
    return {
        'country_name': country if place.country else None,
        'country_iso_code': ALPHA_3.get(place.country or ''),
        'region': ', '.join(parts).lower() if place.subdivision else None,
        'cloud_provider': provider,
        'cloud_region': region,
        'longitude': place.longitude,
        'latitude': place.latitude,
        'on_cloud': _on_cloud(record, region),
    }


def _on_cloud(record: Record, region: str) -> str | None:
    if region:
        return 'Y'
    return record.machine and ('Y' if record.machine.provider else 'N')


def _machine(record: Record) -> dict[str, Any]:
    machine = record.machine
    if machine is None:
        return {}
    return {
        'cpu_count': machine.threads,
        'cpu_model': machine.microarchitecture,
        'gpu_count': len(machine.gpus) or None,
        'gpu_model': ', '.join(f'{machine.gpus.count(name)} x {name}' for name in dict.fromkeys(machine.gpus)),
        'ram_total_size': machine.memory_bytes / _GIB if machine.memory_bytes else None,
    }
