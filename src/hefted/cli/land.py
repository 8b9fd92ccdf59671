"""`hefted land`: whose land a position lies in, as Native Land Digital tells it."""

from __future__ import annotations

import os
import sys

import click


# A position may begin with a minus, which is no option.
@click.command('land', context_settings={'ignore_unknown_options': True})
@click.argument('position', required=False)
def command(position: str | None) -> None:
    """Ask Native Land Digital whose territories POSITION lies in, such as 47.6,-122.3 (latitude first).

    Without POSITION it is that of your place, if you have set coordinates for it. The service is asked with your own
    key (NATIVE_LAND_KEY, free of charge at native-land.ca), for the position to a tenth of a degree. Its answer is
    shown and not kept. To have a land told in your receipts, say it in your own words: HEFTED_LAND.
    """
    from hefted.footprint import land
    from hefted.footprint.live.web import Unanswered

    latitude, longitude = _position(position)
    try:
        answer = land.ask(latitude, longitude, os.environ.get(land.KEY, '').strip())
    except Unanswered as error:
        click.echo(f'hefted: {error.reason}', err=True)
        sys.exit(1)
    for line in answer.lines:
        click.echo(line)


def _position(said: str | None) -> tuple[float, float]:
    from hefted.errors import ArgumentError
    from hefted.footprint.place import Place, find

    place = find() if said is None else Place.of(said)
    if place.latitude is None or place.longitude is None:
        raise ArgumentError(
            f'position: expected coordinates, latitude first, received {said or place.name!r}. '
            "Write hefted land 47.6,-122.3, or set HEFTED_PLACE='47.6,-122.3'."
        )
    return place.latitude, place.longitude
