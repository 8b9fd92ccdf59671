"""`hefted story`: what a training that became famous took, then and now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hefted.errors import unknown_name

if TYPE_CHECKING:
    from hefted.footprint.place import Place
    from hefted.forecast.forecast import Forecast
    from hefted.forecast.recipes import Recipe

    Price = Callable[[Recipe, str, Place | str | None], Forecast]

_STORIES = ('bert',)


@click.command('story')
@click.argument('name', default='bert', metavar='[NAME]')
@click.option(
    '--on', multiple=True, help="A machine of today, such as 8xH100 or 'this machine'; several times for several."
)
@click.option('--place', 'places', multiple=True, help='Where it runs today, such as FR or aws:us-west-2.')
@click.option('--picture', type=click.Path(dir_okay=False, path_type=Path), help='Draw it to this file, .svg or .png.')
@click.option('--json', 'as_json', is_flag=True, help='Every figure with its interval, errors and sources.')
@click.pass_obj
def command(
    price: Price | None,
    name: str,
    on: tuple[str, ...],
    places: tuple[str, ...],
    picture: Path | None,
    as_json: bool,
) -> None:
    """Tell what it took to train BERT: as published, in fact, and today.

    In 2019 a paper put the training of BERT beside a flight across America, and people looked. Here are its figures,
    what they left out, what the same 64 GPUs draw, and what a modern recipe takes on machines of today and on this one.

    \b
    hefted story bert
    hefted story bert --on 8xH100 --on 'this machine' --place FR --place US-VA --picture bert.svg
    """  # noqa: D301 (click's mark for a paragraph that is not wrapped)
    from hefted.forecast.story import TODAY, story

    if name not in _STORIES:
        raise unknown_name('name', name, _STORIES)
    found = story(on or TODAY, places or (None,), forecast=price)
    if picture is not None:
        from hefted.report.story_picture import draw

        draw(found, picture)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    from hefted.cli.painting import paint, width
    from hefted.report.story import told

    paint(told(found, width()))
