"""A CycloneDX 1.6 bill of materials whose one component is the model, with its energy in the model card.

Source: ECMA-424 (CycloneDX 1.6), modelCard.considerations.environmentalConsiderations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hefted.footprint.footprint import Footprint
from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports.record import Record, unknown_figure
from hefted.report.exports.words import activity, boundaries, by_hefted, dumped, exact, instant, place

_TONNE = 1e6  # grams
_UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')


def write(record: Record, options: Options) -> str:
    """Write it.

    Raises:
        ArgumentError: If the run's energy is not known.
    """
    facts = record.facts
    bill: dict[str, Any] = {
        '$schema': 'http://cyclonedx.org/schema/bom-1.6.schema.json',
        'bomFormat': 'CycloneDX',
        'specVersion': '1.6',
        **({'serialNumber': f'urn:uuid:{facts.run_id}'} if _UUID.fullmatch(facts.run_id) else {}),
        'version': 1,
        'metadata': {'tools': {'components': [_tool()]}},
        'components': [_model(record, options.training_type)],
    }
    if facts.started is not None:
        bill['metadata']['timestamp'] = instant(facts.started)
    return dumped(bill)


def _tool() -> dict[str, str]:
    name, _, version = by_hefted().partition(' ')
    return {'type': 'application', 'name': name, 'version': version}


def _model(record: Record, training_type: str | None) -> dict[str, Any]:
    told = record.known('energy')
    environmental = {
        'energyConsumptions': [_consumption(record, told, training_type)],
        'properties': list(_properties(record, told)),
    }
    return {
        'type': 'machine-learning-model',
        'bom-ref': f'model-{record.facts.run_id}',
        'name': record.facts.name or 'model',
        'modelCard': {'considerations': {'environmentalConsiderations': environmental}},
    }


def _consumption(record: Record, told: Footprint, training_type: str | None) -> dict[str, Any]:
    if record.electricity is None:
        raise unknown_figure(record, 'energy')
    energy = {'value': exact(record.electricity.to('kWh').value), 'unit': 'kWh'}
    grid = f'The grid of {told.place}' + (f', at {record.intensity}' if record.intensity else '')
    provider = {
        'description': f'{grid}. Its mix and its supplier are not recorded.',
        'organization': {'name': 'not recorded'},
        'energySource': 'unknown',
        'energyProvided': energy,
    }
    consumption: dict[str, Any] = {
        'activity': activity(record, training_type),
        'energyProviders': [provider],
        'activityEnergyCost': energy,
    }
    if record.operational is not None:  # the schema's is that of the energy; embodied carbon is a property
        tonnes = exact(record.operational.to('g CO2e').value / _TONNE)
        consumption['co2CostEquivalent'] = {'value': tonnes, 'unit': 'tCO2eq'}
    return consumption


def _properties(record: Record, told: Footprint) -> Iterator[dict[str, str]]:
    figures: dict[str, Quantity | None] = {
        'energy': told.energy,
        'facility': told.facility,
        'carbon:operational': record.operational,
        'carbon:embodied': told.embodied,
        'water': told.water,
        'minerals': told.minerals,
        'duration': told.duration,
    }
    yield from (_property(name, str(figure)) for name, figure in figures.items() if figure is not None)
    yield _property('status', record.facts.status)
    yield _property('place', place(record) or 'not known')
    yield from (_property('boundary', sentence) for sentence in boundaries(record, inside=True))
    yield from (_property(name, text) for name, text in record.included.items())


def _property(name: str, value: str) -> dict[str, str]:
    return {'name': f'hefted:{name}', 'value': value}
