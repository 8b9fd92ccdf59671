"""`hefted resume`: a training that was killed, or stopped, goes on."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click

from hefted import host, ledger
from hefted.errors import ArchiveError, ArgumentError, LedgerError
from hefted.ledger import attempts as records
from hefted.ledger.attempts import Attempts


@click.command('resume')
@click.argument('run', default='', metavar='[RUN]')
@click.option('--yes', is_flag=True, help='Do not ask.')
@click.option('--forget', is_flag=True, help='Delete its checkpoints instead: the next time it begins anew.')
def command(run: str, yes: bool, forget: bool) -> None:
    """Run the command of a training again, which goes on from its last checkpoint.

    RUN is the start of the id of one of its runs; without it, what can go on is listed. The command is one that you
    ran on this machine, with fit(resume=...); it is shown first, and run in the folder that it was run in, with the
    environment as it is now. Whatever a journal says, nothing of it is run.
    """
    if not run:
        _list()
        return
    found = _found(run)
    if forget:
        _forget(found, yes)
        return
    _refuse(found)
    click.echo(f'{_state(found)}\n\n  cd {shlex.quote(found.working)}\n  {shlex.join(found.command)}\n')
    if yes or click.confirm('Run it?'):
        _run(found)


def _list() -> None:
    known = list(records.listed())
    if not known:
        click.echo('Nothing can go on: no training with fit(resume=...) was cut short here.')
    for each in known[::-1]:
        click.echo(f'{each.runs[-1][: ledger.SHORT]}  {each.name}: {_state(each)}')


def _found(run: str) -> Attempts:
    known = list(records.listed())
    matches = [each for each in known if any(one.startswith(run.lower()) for one in each.runs)]
    if run == 'last':
        matches = known[-1:]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise LedgerError(f'run: {run!r} is the start of {len(matches)} trainings. Give more of it.')
    kept = ledger.open()
    told = kept.get(run)  # which says so where there is no such run
    first = told.resumes or told.id
    end = next((each for each in kept.runs(kind=told.kind) if _is_end(each, first)), None)
    if end is not None:
        by = ', which has finished' if end.id == told.id else f', whose training was finished by {end.short_id}'
        raise LedgerError(f'run: expected a training that was cut short, received {told.short_id}{by}.')
    raise LedgerError(
        f'run: expected one that can go on, received {told.short_id}: it has no checkpoints here. '
        'Only a training that was begun on this machine, by you, with fit(resume=True) can; `hefted resume` lists them.'
    )


def _is_end(run: ledger.RunSummary, first: str) -> bool:
    return first in (run.id, run.resumes) and run.status == 'finished'


def _refuse(found: Attempts) -> None:
    """Raise where a command cannot be run, or is not this machine's."""
    if found.machine != host.machine_id():
        raise LedgerError(
            f'run: expected a training of this machine, received {found.runs[-1][: ledger.SHORT]}, which was begun on '
            'another. Run its program here; with resume= a folder that holds its checkpoints it goes on.'
        )
    if not found.command:
        raise LedgerError(
            f'run: expected a training of a program, received {found.runs[-1][: ledger.SHORT]}, which was begun by '
            'hand. Call the same fit again in a notebook: it goes on.'
        )
    if not Path(found.working).is_dir():
        raise LedgerError(f'run: expected its folder to be there, but {found.working!r} is gone.')


def _state(found: Attempts) -> str:
    """Such as 'step 320 of 1,000, 12.3 J spent so far'."""
    energy = ledger.open().energy_of(found.runs)
    return f'{_step(found)}; {energy or "energy not known"} spent so far, attempts: {len(found.runs)}'


def _step(found: Attempts) -> str:
    from hefted.train import state_file  # late: it imports NumPy

    folder = Path(found.checkpoints)
    for path in (folder / 'latest.state', folder / 'latest.state.bkp'):
        try:
            told = state_file.look(path)
            steps = told['about']['steps']
            whole = f' of {steps * told["about"]["epochs"]:,}' if steps else ''
            return f'step {told["place"][2]:,}{whole}'
        except (ArchiveError, OSError, TypeError, KeyError, IndexError):
            continue
    return 'no checkpoint yet, it begins anew'


def _forget(found: Attempts, yes: bool) -> None:
    click.echo(_state(found))
    if yes or click.confirm(f'Delete the checkpoints in {found.checkpoints}?'):
        records.forget(found)


def _run(found: Attempts) -> None:
    """Become that program."""
    try:
        os.chdir(found.working)
        if os.name == 'nt':  # where what replaces a process is another one
            sys.exit(subprocess.call(found.command))
        sys.stdout.flush()
        os.execv(found.command[0], found.command)
    except OSError as error:
        raise ArgumentError(f'run: {shlex.join(found.command)} cannot be run: {error}.') from error
