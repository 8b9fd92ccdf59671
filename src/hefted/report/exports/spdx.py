"""An SPDX 3.0.1 document whose one package is the model, with its energy in the AI profile.

Source: ISO/IEC 5962 (SPDX) 3.0.1, AI profile: EnergyConsumption. SPDX has no field for carbon or for an interval, so
these are in the package's comment.
"""

from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Any

from hefted.errors import ArgumentError
from hefted.report.exports import Options
from hefted.report.exports.record import Record, unknown_figure
from hefted.report.exports.words import activity, boundaries, by_hefted, dumped, exact, hardware, instant, place

_SLOTS = {
    'training': 'ai_trainingEnergyConsumption',
    'fine-tuning': 'ai_finetuningEnergyConsumption',
    'inference': 'ai_inferenceEnergyConsumption',
}
_CREATION = '_:creation'


def write(record: Record, options: Options) -> str:
    """Write it, as JSON-LD.

    Raises:
        ArgumentError: If the run's energy is not known, or it neither trained nor predicted.
    """
    facts = record.facts
    root = f'urn:hefted:{re.sub("[^0-9A-Za-z-]", "-", facts.run_id)}'
    created = instant(time.time() if facts.started is None else facts.started)
    graph: list[dict[str, Any]] = [
        {'type': 'CreationInfo', '@id': _CREATION, 'specVersion': '3.0.1', 'created': created}
        | {'createdBy': [f'{root}#hefted']},
        _element('SoftwareAgent', f'{root}#hefted', name=by_hefted()),
        _element('SpdxDocument', root, rootElement=[f'{root}#model'], profileConformance=['core', 'software', 'ai']),
        _model(record, options, f'{root}#model'),
    ]
    return dumped({'@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld', '@graph': graph})


def _element(kind: str, spdx_id: str, **fields: Any) -> dict[str, Any]:
    return {'type': kind, 'spdxId': spdx_id, 'creationInfo': _CREATION, **fields}


def _model(record: Record, options: Options, spdx_id: str) -> dict[str, Any]:
    electricity = record.electricity
    if electricity is None:
        raise unknown_figure(record, 'energy')
    doing = activity(record, options.training_type)
    if doing not in _SLOTS:
        raise ArgumentError(
            f'run: expected one that trained or predicted, received the {record.facts.kind} '
            f'{record.facts.run_id[:18]}. SPDX has a place for the energy of training, fine-tuning and inference alone.'
        )
    described = {
        'type': 'ai_EnergyConsumptionDescription',
        'ai_energyQuantity': _decimal(electricity.to('kWh').value),
        'ai_energyUnit': 'kilowattHour',
    }
    return _element(
        'ai_AIPackage',
        spdx_id,
        name=record.facts.name or 'model',
        comment=' '.join(_said(record)),
        software_primaryPurpose='model',
        ai_informationAboutTraining='; '.join(
            text for text in (hardware(record), f'place: {place(record)}', record.facts.status) if text
        ),
        ai_energyConsumption={'type': 'ai_EnergyConsumption', _SLOTS[doing]: [described]},
    )


def _decimal(value: float) -> str:
    """A number as XML Schema's decimal, which has no exponent.

    Example:
        >>> _decimal(5.04e-07)
        '0.000000504'
    """
    return f'{Decimal(repr(exact(value))):f}'


def _said(record: Record) -> list[str]:
    embodied = record.footprint and record.footprint.embodied
    figures = {'Energy': record.electricity, 'Operational carbon': record.operational, 'Embodied carbon': embodied}
    told = [f'{name}: {figure}.' for name, figure in figures.items() if figure is not None]
    asked = [f'{name.capitalize()}: {text}.' for name, text in record.included.items()]
    return [*told, *boundaries(record, inside=True), *asked, f'Run {record.facts.run_id}, weighed by {by_hefted()}.']
