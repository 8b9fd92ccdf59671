"""A model card's front matter: `co2_eq_emissions`, in grams, as the Hugging Face Hub reads it.

The Hub's figure is that of the electricity, so embodied carbon is told in words and is not in the number.
Source: https://huggingface.co/docs/hub/model-cards-co2
"""

from __future__ import annotations

import json

from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports.record import Record, unknown_figure
from hefted.report.exports.words import by_hefted, ending, grams, hardware


def write(record: Record, options: Options) -> str:
    """Write it, between the two lines that mark front matter: it goes to the top of a README.md.

    Raises:
        ArgumentError: If the run's operational carbon is not known.
    """
    if record.operational is None:
        raise unknown_figure(record, 'carbon')
    where = record.known('carbon').place
    fields = {
        'source': _source(record, record.operational),
        'training_type': options.training_type,
        'geographical_location': None if where.known_by == 'assumed' else str(where),
        'hardware_used': hardware(record),
    }
    lines = [f'  {name}: {json.dumps(text, ensure_ascii=False)}' for name, text in fields.items() if text]
    emissions = f'  emissions: {_plain(grams(record.operational))}  # grams of CO2e'
    return '\n'.join(('---', 'co2_eq_emissions:', emissions, *lines, '---')) + '\n'


def _plain(value: float) -> str:
    """A number that YAML 1.1 takes for one: it has a point, also before an exponent.

    Example:
        >>> _plain(1e-07), _plain(12.0), _plain(0.0010523)
        ('1.0e-07', '12.0', '0.001052')
    """
    told = f'{float(f"{value:.4g}")!r}'
    head, e, exponent = told.partition('e')
    return f'{head if "." in head else head + ".0"}{e}{exponent}'


def _source(record: Record, operational: Quantity) -> str:
    told = record.known('carbon')
    overhead = 'without the data centre’s' if told.facility is None else 'with the data centre’s'
    covers = f' ({told.covers})' if told.covers else ''
    grid = (
        ', by a figure for the grids of the world, as the place was not said'
        if told.place.known_by == 'assumed'
        else ''
    )
    aside = 'is not known' if told.embodied is None else f'is {told.embodied}'
    told_too = ''.join(f' {sentence}' for sentence in ending(record))
    return (
        f'{by_hefted()}, run {record.facts.run_id}: {operational} for the electricity{covers}, {overhead} overhead; '
        f'location-based and life-cycle{grid}. The carbon of making the hardware is not in it and {aside}.{told_too}'
    )
