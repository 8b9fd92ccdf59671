"""The receipt at the end of a run, made and shown; nothing here stops a training."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hefted import config, runs
from hefted.quantities import Quantity, total
from hefted.report.stream import Stream
from hefted.train.progress import Logged

if TYPE_CHECKING:
    from hefted.report.receipt import Receipt

_shown_whole: set[str] = set()  # the runs whose receipt this process has shown whole: the first alone


def receipt_of(run: Any, name: str, status: str, attempts: Sequence[str] = ()) -> Receipt | None:
    """The receipt of a finished run; None where nothing was metered.

    Args:
        run: The run.
        name: The model's.
        status: How it ended.
        attempts: The runs of all attempts at its training, this one last.
    """
    footprint = run.footprint
    if footprint is None:
        return None
    from hefted.forecast.effort import done_of, yielded
    from hefted.report.foreseen import foreseen
    from hefted.report.groups import group_facts, part_of, shared_by
    from hefted.report.receipt import Facts, receipt

    forecast, plan = run.told.get('forecast'), run.told.get('plan')
    steps = done_of(run.step, run.told.get('resumed'))
    group = group_facts(run.group, run.others, run.alone) if run.group else None
    facts = Facts(
        run.id, 'fit', name, status,
        meter_share=run.meter_cost / run.cpu_seconds if run.cpu_seconds > 0 else None,
        journal_failure=run.journal_failure,
        attempt=max(1, len(attempts)),
        of_all_attempts=_of_all(attempts, footprint.energy) if len(attempts) > 1 else None,
        foreseen='' if forecast is None else foreseen(forecast, footprint, status),
        waited=run.told.get('when', {}).get('told', ''),
        budget=run.told.get('budget'),
        stopped_by=run.told.get('stopped_by'),
        group=group,
        yielded=yielded(plan, steps, footprint, part_of(group)),
        **shared_by(plan),
    )  # fmt: skip
    return receipt(footprint, facts)


def _of_all(attempts: Sequence[str], last: Quantity | None) -> Quantity | None:
    """What all attempts took: the earlier ones as their journals tell, so far as there are any."""
    from hefted import ledger

    known = [energy for energy in (ledger.open().energy_of(attempts[:-1]), last) if energy is not None]
    return total(known) if known else None


def say(line: str) -> None:
    """Print one line of a training that begins."""
    (Stream() if config.is_interactive_logging_enabled() else Stream(Logged())).line(line)


def show(told: Receipt, run: Any) -> None:
    """Print a receipt; after the first of a process, one line with the total so far."""
    if not config.is_interactive_logging_enabled():
        Stream(Logged()).line(one_line(told, runs.so_far(run)))
        return
    if not _shown_whole:
        from hefted.report.terminal import show as on_terminal

        _shown_whole.add(told.facts.run_id)
        if not Stream().isatty():
            Stream().line('')  # where no frame stands apart from the epochs' lines
        on_terminal(told)
        return
    out = Stream()
    width = shutil.get_terminal_size().columns if out.isatty() else 200
    out.line(textwrap.fill(one_line(told, runs.so_far(run)), width))


def one_line(told: Receipt, total: runs.Total) -> str:
    """Such as 'fold-2: 590 mJ · 79 µg CO2e; 2 runs so far: 7.1 J (4.7 to 13, modelled)'."""
    footprint, facts = told.footprint, told.facts
    figures = (footprint.energy, footprint.carbon) if footprint is not None else ()
    parts = [figure.rounded for figure in figures if figure is not None] or ['energy not known']
    if facts.status != 'finished':
        parts.append(f'{facts.status} by the {facts.stopped_by}' if facts.stopped_by else facts.status)
    if facts.journal_failure is not None:
        parts.append('journal not kept')
    line = f'{facts.name}: {" · ".join(parts)}'
    return f'{line}; {total.ended} runs so far: {total.energy}' if total.ended > 1 else line
