"""`hefted export`: one run in the format of a registry, a standard, a dashboard or a paper."""

from __future__ import annotations

from pathlib import Path

import click

from hefted.cli.ledger import opened
from hefted.report.exports import FORMATS, export
from hefted.report.stream import Stream

_TOLD = '\n'.join(f'  {name:<16}{chosen.told}' for name, chosen in FORMATS.items())


@click.command('export', epilog=f'\b\nFormats:\n{_TOLD}')
@click.argument('run', default='last', metavar='[RUN]')
@click.option('--as', 'format_', metavar='FORMAT', help='One of those below.')
@click.option('--all-attempts', is_flag=True, help='Of a training that was resumed: all attempts at it, summed.')
@click.option('--output', type=click.Path(path_type=Path), help='Write to this file, in place of what is there.')
@click.option(
    '--include', default='', metavar='WHAT,…', help='Of host, user, arguments and paths, what the export should hold.'
)
@click.option('--unit', default='training run', show_default=True, help='sci: the functional unit.')
@click.option('--units', default=1.0, show_default=True, help='sci: how many of them the run was.')
@click.option('--training-type', metavar='TYPE', help='huggingface, cyclonedx, spdx: pre-training or fine-tuning.')
def command(
    run: str,
    format_: str | None,
    all_attempts: bool,
    output: Path | None,
    include: str,
    unit: str,
    units: float,
    training_type: str | None,
) -> None:
    """Write what one run took in another program's format.

    RUN is the start of a run's id, as `hefted ledger` lists them; without it, the newest run is written. No export
    holds the host, the user, arguments or paths unless you ask for them.
    """
    if format_ is None:
        raise click.UsageError(f'--as: expected a format, received none. There are {", ".join(FORMATS)}.')
    names = [name for name in include.replace(',', ' ').split() if name]
    found = opened().training(run) if all_attempts else opened().get(run)
    text = export(found, format_, include=names, unit=unit, units=units, training_type=training_type)
    if output is None:
        Stream().write(text)
        return
    try:
        output.write_text(text, 'utf-8', newline='\n')
    except OSError as error:
        raise click.ClickException(f'--output: {output} cannot be written: {error.strerror}.') from error
    click.echo(f'{format_}: {output}', err=True)
