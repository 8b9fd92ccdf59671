"""`hefted doctor`: what can be measured on this machine, what is modelled instead and why, and how wide that is."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Any

import click

_LABEL = 18
_WIDEST, _NARROWEST = 100, 50


@click.command('doctor')
@click.option('--json', 'as_json', is_flag=True, help='The same as plain data.')
def command(as_json: bool) -> None:
    """Say which energy sensors can be read on this machine, what is modelled where none can, and why.

    It also says how wide the figures are, what one command would improve them, and which place they are told for.
    """
    from hefted.report.checkup import checkup
    from hefted.report.stream import Stream

    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in checkup()], indent=2, ensure_ascii=False))
        return
    out: Any = Stream()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDEST
    section = ''
    for finding in checkup():
        if finding.section != section:
            click.echo(('\n' if section else '') + click.style(finding.section, bold=True), out)
            section = finding.section
        for line in _lines(finding.label, finding.text, max(_NARROWEST, min(width, _WIDEST))):
            click.echo(line, out)


def _lines(label: str, text: str, width: int) -> list[str]:
    """A finding in lines, its label beside the first."""
    wrapped = textwrap.wrap(text, width - _LABEL - 2, break_long_words=False, break_on_hyphens=False) or ['']
    heads = [label, *[''] * (len(wrapped) - 1)]
    return [click.style(f'  {head:<{_LABEL}}', fg='cyan') + line for head, line in zip(heads, wrapped, strict=True)]
