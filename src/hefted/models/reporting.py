"""The receipt at the end of a run, made and shown; nothing here stops a training."""

from __future__ import annotations

import sys
from typing import Any

from hefted import runs
from hefted.report.receipt import Facts, Receipt, receipt


def receipt_of(run: Any, name: str, status: str, footprint: Any) -> Receipt | None:
    """The receipt of a finished run; None where nothing was metered."""
    if footprint is None:
        return None
    seconds = footprint.duration.value
    facts = Facts(
        run.id, 'fit', name, status,
        meter_share=run.meter_cost / seconds if seconds else None,
        journal_failure=run.journal_failure,
    )  # fmt: skip
    return receipt(footprint, facts)


def show(told: Receipt) -> None:
    """Print a receipt; after the first of a process, one line and the total so far."""
    from hefted.report.terminal import show as on_terminal

    try:
        total = runs.process()
        if total.ended > 1:
            print(f'{one_line(told)} · {total.ended} runs of this process: {total.energy}')
        else:
            on_terminal(told, sys.stdout)
    except (OSError, ValueError):  # a closed stream is no reason to lose a training
        pass


def one_line(told: Receipt) -> str:
    """Such as '17 J (14 to 21, modelled) · 2.3 mg CO2e'."""
    footprint = told.footprint
    if footprint is None or footprint.energy is None:
        return 'energy not known'
    return f'{footprint.energy} · {footprint.carbon}' if footprint.carbon is not None else str(footprint.energy)
