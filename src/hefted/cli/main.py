"""The `hefted` command. A subcommand's file is imported when it is asked for, so that help comes at once."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import NoReturn

import click

from hefted.errors import ArgumentError, LedgerError

# name: (the file that holds it, its line in the list of commands)
_COMMANDS = {
    'compare': ('hefted.cli.compare', 'Price one training on several machines and places side by side.'),
    'demo': ('hefted.cli.demonstration', 'Train a classifier on real data and see what it took.'),
    'doctor': ('hefted.cli.doctor', 'Say which sensors can be read here, and what is modelled instead.'),
    'export': ('hefted.cli.export', 'Write one run for a registry, a standard, a dashboard or a paper.'),
    'forecast': ('hefted.cli.forecast', 'Say what a training takes on machines that you do not have yet.'),
    'land': ('hefted.cli.land', 'Ask Native Land Digital whose land a position lies in.'),
    'ledger': ('hefted.cli.ledger', 'List your runs, the newest first.'),
    'paper': ('hefted.cli.paper', 'Compute a famous table again: what it took to train BERT in 2019.'),
    'receipt': ('hefted.cli.receipt', 'Show what one run took.'),
    'resume': ('hefted.cli.resume', 'Let a training that was cut short go on.'),
    'story': ('hefted.cli.story', 'Tell what it took to train BERT: as published, in fact, and today.'),
}


class _Late(click.Group):
    """A group whose commands are imported when they are called, and that helps with a mistyped name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith('-'):
            near = difflib.get_close_matches(args[0].lower(), _COMMANDS, n=2)
            hint = f'Did you mean {" or ".join(near)}?' if near else f'There are {", ".join(_COMMANDS)}.'
            ctx.fail(f'Unknown command: {args[0]!r}. {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section('Commands'):
            formatter.write_dl([(name, told) for name, (_, told) in _COMMANDS.items()])


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f'hefted {version("hefted")}')
        except PackageNotFoundError:
            click.echo('hefted, run from its source tree: no version')
        ctx.exit()


@click.group(
    cls=_Late,
    context_settings={'help_option_names': ['-h', '--help']},
    epilog='hefted COMMAND --help tells more. Runs are kept on this machine alone (HEFTED_DATA_DIR).',
)
@click.option(
    '--version',
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help='Say the version.',
)
def hefted() -> None:
    """Neural networks that know what they weigh.

    Every fit keeps a journal of its energy and carbon. Here you read them.
    """


def main() -> NoReturn:
    """Run the command; an error of the user's is one line on stderr and exit code 2, never a traceback."""
    try:
        hefted(prog_name='hefted')
    except (ArgumentError, LedgerError) as error:
        click.echo(f'hefted: {error}', err=True)
        sys.exit(2)
    sys.exit(0)


if __name__ == '__main__':
    main()
