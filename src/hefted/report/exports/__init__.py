"""One run, every format: what registries, standards, dashboards and papers ask for, from the same journal.

    >>> from hefted.report.receipt import Facts, Receipt
    >>> print(export(Receipt(Facts('0193a7c4-5f21', 'fit', 'net'), None), 'codecarbon').partition(',')[0])
    timestamp

Each format has a file of its own, imported when it is asked for. No export holds a host, a user, arguments or paths
unless they are asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from hefted.errors import unknown_name

if TYPE_CHECKING:
    from hefted.ledger.index import RunSummary
    from hefted.report.receipt import Receipt

__all__ = ['FORMATS', 'Format', 'Options', 'export']


class Format(NamedTuple):
    """A format: the file here that writes it, the function in it, and what it is.

    Attributes:
        file: Without its ending.
        function: Takes a `Record` and `Options`, and returns text.
        told: One line for a person.
        includes: Whether it has room for what `include` asks for.
    """

    file: str
    function: str
    told: str
    includes: bool = True


TRAINING_TYPES = ('pre-training', 'fine-tuning')


class Options(NamedTuple):
    """What only some formats ask.

    Attributes:
        unit: SCI's functional unit.
        units: How many of them the run was.
        training_type: 'pre-training' or 'fine-tuning'; None where that was not said.
    """

    unit: str = 'training run'
    units: float = 1.0
    training_type: str | None = None


FORMATS = {
    'json': Format('as_json', 'write', 'every figure with its interval, basis and sources; has a JSON Schema'),
    'markdown': Format('markdown', 'write', 'tables for a README or an appendix, with a sentence to cite'),
    'html': Format('page', 'write', 'the receipt as a page', includes=False),
    'eu-ai-act': Format('eu_ai_act', 'markdown', 'EU AI Act, Annex XI, and the Model Documentation Form, in Markdown'),
    'eu-ai-act-json': Format('eu_ai_act', 'as_json', 'the same fields as JSON'),
    'sci': Format('sci', 'write', 'Software Carbon Intensity, ISO/IEC 21031, as JSON'),
    'huggingface': Format('huggingface', 'write', 'front matter for a model card: co2_eq_emissions', includes=False),
    'codecarbon': Format('codecarbon', 'write', "a row of CodeCarbon's emissions.csv", includes=False),
    'cyclonedx': Format('cyclonedx', 'write', 'a CycloneDX 1.6 bill of materials with a model card'),
    'spdx': Format('spdx', 'write', 'an SPDX 3.0.1 document with the AI profile'),
    'openmetrics': Format('openmetrics', 'write', 'metrics for Prometheus and its kin'),
}


def export(
    run: RunSummary | Receipt,
    format: str = 'json',
    *,
    include: Iterable[str] = (),
    unit: str = 'training run',
    units: float = 1.0,
    training_type: str | None = None,
) -> str:
    """Write a run in another program's format.

    Args:
        run: A run of the ledger (`hefted.ledger.open().get('last')`), or a receipt (`history.receipt()`), which knows
            less: no machine, no factors, no versions.
        format: One of `FORMATS`.
        include: Of 'host', 'user', 'arguments' and 'paths', those that the export should hold.
        unit: For 'sci', the functional unit.
        units: For 'sci', how many of them the run was.
        training_type: For 'huggingface', 'cyclonedx' and 'spdx', 'pre-training' or 'fine-tuning'.

    Returns:
        The text of a file.

    Raises:
        UnknownNameError: If the format is not known; the message names the nearest.
        ArgumentError: If an argument is wrong, or the run does not hold what the format cannot do without.
        LedgerError: If the run's journal is damaged.
    """
    if format not in FORMATS:
        raise unknown_name('format', format, FORMATS)
    if training_type not in (None, *TRAINING_TYPES):
        raise unknown_name('training_type', training_type, TRAINING_TYPES)
    chosen = FORMATS[format]
    from hefted.report.exports.record import included, record

    told = record(run)
    told = told._replace(included=included(told, include, format if not chosen.includes else None))
    module = importlib.import_module(f'{__name__}.{chosen.file}')
    return getattr(module, chosen.function)(told, Options(unit, units, training_type))
