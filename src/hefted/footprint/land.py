"""Whose land it is: what Native Land Digital answers, for a position that the user typed, with the user's own key.

Whose land work runs on is something that people say about themselves; no table of it is shipped, and none is made here.
Native Land Digital's answers are governed by its Data Sovereignty Treaty: they are shown, with its name, its links and
its disclaimer, and never kept: not in a journal, not in a cache. What the user has declared (`Place(land=…)`,
HEFTED_LAND) is the user's own, and is what a journal holds.

The position is sent to a tenth of a degree (11 km), and is never found by an address on the network.

Source: Native Land Digital, API documentation, https://api-docs.native-land.ca/ (GET /api/index.php with `maps`,
`position` as latitude and longitude, and `key`; the answer is an array of GeoJSON features).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import NamedTuple, cast

from hefted import settings
from hefted.errors import ArgumentError
from hefted.footprint.live.web import Unanswered, Web, field, safe_address
from hefted.footprint.place import Place

ADDRESS = 'https://native-land.ca'
KEY = 'NATIVE_LAND_KEY'
DISCLAIMER = (
    'Native Land Digital asks to say that its maps "do not represent or intend to represent official or legal '
    'boundaries". Which are theirs, the nations themselves can tell.'
)
CREDIT = 'Native Land Digital, https://native-land.ca, under its Data Sovereignty Treaty. Shown, and not kept.'
_MOST_BYTES = 16 * 2**20  # the answer holds the territories' outlines, of which nothing is read
_LONGEST = 120


class Territory(NamedTuple):
    """A territory.

    Attributes:
        name: As the service writes it.
        link: The page that tells more of it, on the service's own site; None where there is none.
    """

    name: str
    link: str | None = None


class Answer(NamedTuple):
    """What the service answered; to be shown whole, and not to be stored.

    Attributes:
        latitude: That was sent, in degrees.
        longitude: That was sent, in degrees.
        territories: Those that the position lies in; none where the maps hold none.
        disclaimer: What the service asks everybody to say of its maps.
        credit: Whose answer it is.
    """

    latitude: float
    longitude: float
    territories: tuple[Territory, ...]
    disclaimer: str = DISCLAIMER
    credit: str = CREDIT

    @property
    def lines(self) -> list[str]:
        """The answer as it is to be shown: names with their links, and never without its caveats."""
        where = f'{self.latitude:g},{self.longitude:g}'
        names = [f'  {each.name}' + (f'  {each.link}' if each.link else '') for each in self.territories]
        head = f'At {where}, to a tenth of a degree:' if names else f'No territory is mapped at {where}.'
        return [head, *names, '', *wrap(self.disclaimer, 80), *wrap(self.credit, 80)]


def ask(latitude: float, longitude: float, key: str, *, address: str | None = None) -> Answer:
    """Ask Native Land Digital whose territories a position lies in.

    Args:
        latitude: Degrees north.
        longitude: Degrees east.
        key: The user's own.
        address: Of the service; None for HEFTED_LAND_URL, or its own.

    Raises:
        ArgumentError: If there is no key, or the position is off the globe.
        Unanswered: If the service does not answer; its reason holds neither the key nor the position.
    """
    if not key:
        raise ArgumentError(
            f'{KEY}: expected your key for Native Land Digital, received none. '
            'It is free of charge at https://native-land.ca/auth/signup.'
        )
    Place.of(f'{latitude},{longitude}')  # says what is wrong with a position that is off the globe
    near = round(latitude, 1) + 0.0, round(longitude, 1) + 0.0  # + 0.0: no -0.0
    query = {'maps': 'territories', 'position': f'{near[0]:.1f},{near[1]:.1f}', 'key': key}
    address = address or os.environ.get('HEFTED_LAND_URL', '').strip() or ADDRESS
    web = Web('Native Land Digital', safe_address('HEFTED_LAND_URL', address), most_bytes=_MOST_BYTES)
    found = web.get('/api/index.php', query, {'Cache-Control': 'no-store'})
    if not isinstance(found, list):
        raise Unanswered('Native Land Digital sent what is no list of territories.')
    return Answer(*near, tuple(dict.fromkeys(_territories(cast('list[object]', found)))))


def told(place: Place, environ: Mapping[str, str] | None = None) -> Answer | None:
    """Ask for a place, if the user wants that (HEFTED_LAND=ask), has typed coordinates, and has declared no land.

    Args:
        place: Where the work runs.
        environ: Holds the key, as NATIVE_LAND_KEY; the process's own by default.

    Returns:
        The answer, to be shown; None where nothing is to be asked.

    Raises:
        ArgumentError: If there is no key.
        Unanswered: If the service does not answer.
    """
    wanted = (settings.land_setting() or '').lower() == 'ask'
    if not wanted or place.land or place.latitude is None or place.longitude is None:
        return None
    key = (os.environ if environ is None else environ).get(KEY, '').strip()
    return ask(place.latitude, place.longitude, key)


def _territories(features: list[object]) -> Iterator[Territory]:
    for feature in features:
        name = _plain(field(feature, 'properties', 'Name'))
        link = _plain(field(feature, 'properties', 'description'))
        if name:
            yield Territory(name, link if link.startswith(f'{ADDRESS}/') and ' ' not in link else None)


def _plain(text: object) -> str:
    """A text from outside, without what could move a terminal's cursor, and not longer than a line or two."""
    shown = text if isinstance(text, str) else ''
    return ''.join(mark for mark in ' '.join(shown.split()) if mark.isprintable())[:_LONGEST]
