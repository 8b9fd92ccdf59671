"""Software Carbon Intensity as a report: the score, its boundary, its functional unit, and how each part is known.

ISO/IEC 21031:2024: SCI = (O + M) per R, O = E x I, M = TE x TS x RS with TS = TiR / EL and RS = RR / ToR.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hefted.footprint.sci import Sci, sci
from hefted.quantities import Quantity
from hefted.report.exports import Options
from hefted.report.exports.record import Record, unknown_figure
from hefted.report.exports.words import boundaries, by_hefted, called, cited, hardware, place
from hefted.report.exports.words import dumped as _dumped


def write(record: Record, options: Options) -> str:
    """Write it.

    Raises:
        ArgumentError: If nothing is known of the run's carbon, or `units` is not a number above 0.
    """
    told = record.known('carbon')
    if record.operational is None and told.embodied is None:
        raise unknown_figure(record, 'carbon')
    found = sci(told, options.units, options.unit)
    report: dict[str, Any] = {
        'standard': 'ISO/IEC 21031:2024, Software Carbon Intensity',
        'equation': 'SCI = (O + M) per R; O = E × I; M = TE × TS × RS',
        'told': f'{found.score} per {found.unit}',
        'complete': found.complete,
        'left_out': list(_left_out(record, found)),
        'functional_unit': {'R': found.unit, 'count': found.units},
        'score': found.score.to_json() | {'unit': f'g CO2e per {found.unit}'},
        'boundary': list(boundaries(record, inside=True)),
        'components': _components(record, found),
        'market_based_measures': 'None: I is location-based, and no certificate or offset is taken off.',
        'software': {'run': record.facts.run_id, 'what': called(record), 'status': record.facts.status},
        'hardware': hardware(record),
        'place': place(record),
        'reported_by': by_hefted(),
    }
    return _dumped(report | ({'included': dict(record.included)} if record.included else {}))


def _left_out(record: Record, found: Sci) -> Iterator[str]:
    if found.embodied is None:
        yield 'M: nothing is known of the hardware’s making, so the score is O per R alone and not the standard’s.'
    if found.operational is None:
        yield 'O: no energy or no intensity is known, so the score is M per R alone and not the standard’s.'
    if record.footprint is not None and record.footprint.facility is None:
        yield 'The facility’s energy: no PUE is known, so E is the machine’s own.'


def _components(record: Record, found: Sci) -> dict[str, Any]:
    rate = record.factors.embodied
    reserved = found.embodied.value / rate.to('g CO2e/h').value if found.embodied and rate and rate.value else None
    electricity = record.electricity
    return {
        'E': _part('Electricity, the facility’s counted where known', electricity and electricity.to('kWh')),
        'I': _part('Carbon intensity of the grid, location-based', record.intensity),
        'O': _part('Operational emissions, E × I', found.operational),
        'M': _part('Embodied emissions', found.embodied)
        | {
            'TE': None,
            'TS': None,
            'RS': None,
            'rate': rate and rate.to_json(),
            'time_reserved_h': reserved,
            'told': 'M is rate × time reserved; rate is TE × RS / EL, for the part of the machine that was given.'
            if rate
            else 'TE, TS and RS are not known.',
        },
    }


def _part(what: str, quantity: Quantity | None) -> dict[str, Any]:
    """A component with its methodology, in the words of the standard: measured or calculated."""
    if quantity is None:
        return {'what': what, 'quantity': None, 'methodology': 'not known'}
    words = {'measured': 'measured', 'modelled': 'calculated: modelled', 'assumed': 'calculated: assumed'}
    source = cited(quantity.sources)
    method = words[quantity.basis] + (f', from {source}' if source else '')
    return {'what': what, 'quantity': quantity.to_json(), 'methodology': method}
