"""Where the work runs: what was said about it, and how that is known."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hefted import settings
from hefted.errors import ArgumentError, UnknownNameError, unknown_name
from hefted.footprint import cells, cloud, project
from hefted.footprint.tables import table
from hefted.quantities import Basis

KnownBy = Literal['argument', 'environment', 'project', 'settings', 'cloud', 'assumed']
Said = Mapping[str, str]
"""What somebody says, by key: 'place' and 'land'."""

WORLD = 'world'
_HINT = "Say where it runs: place='FR' ('US-WA', 'aws:us-west-2') or HEFTED_PLACE=FR."


_ALSO = {'UK': 'GB', 'USA': 'US', 'EL': 'GR'}  # what people, and the European Union, write

_FORM = (
    "Expected a country ('FR'), a state or region of one ('US-WA'), a cloud's region ('aws:us-west-2') or coordinates "
    "('47.6,-122.3', latitude first)."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the work runs.

    `Place('US-WA')` looks the rest up, as `Place.of` does.

    Attributes:
        code: ISO 3166 country ('FR') or subdivision ('US-WA'), a Nordic bidding zone ('SE-SE3'), or 'world'.
        name: What it is called.
        country: ISO 3166 code of the country, None for the world.
        subdivision: Code of the subdivision, None where only the country is known.
        cloud_region: Such as 'aws:us-west-2'.
        latitude: Degrees north, where coordinates were given.
        longitude: Degrees east.
        datacentre: The data centre, where it was named.
        land: Whose land it is, in the words of the person who declared it; never looked up.
        known_by: Who said so: the argument, the environment, the project (its pyproject.toml), the settings file, the
            cloud that the machine is of, or nobody (assumed).
        land_known_by: Who said whose land it is; None where nobody did.
    """

    code: str
    name: str = ''
    country: str | None = None
    subdivision: str | None = None
    cloud_region: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    datacentre: str | None = None
    land: str | None = None
    known_by: KnownBy = 'argument'
    land_known_by: KnownBy | None = None

    def __post_init__(self) -> None:
        if self.land and self.land_known_by is None:
            object.__setattr__(self, 'land_known_by', 'argument')
        if not self.name:
            found = _resolve(self.code, 'place')
            for field in ('code', 'name', 'country', 'subdivision', 'cloud_region', 'latitude', 'longitude'):
                if (known := getattr(found, field)) is not None:
                    object.__setattr__(self, field, known)

    @classmethod
    def of(cls, said: str | None) -> Place:
        """Resolve what a person writes.

        Args:
            said: A country ('FR', 'France'), a subdivision ('US-WA'), a cloud region ('aws:us-west-2'),
                coordinates ('47.6,-122.3'), or None for the world.

        Raises:
            UnknownNameError: If it is none of these; the message holds the nearest names.
            ArgumentError: If coordinates are off the globe.

        Example:
            >>> Place.of('aws:us-west-2').subdivision
            'US-OR'
            >>> str(Place.of(None))
            'the world (assumed)'
        """
        return _resolve(said, 'place')

    @property
    def basis(self) -> Basis:
        """'assumed' where nobody said where it is, or no grid is known there; else 'measured'."""
        return 'assumed' if self.known_by == 'assumed' or self.code == WORLD else 'measured'

    @property
    def hint(self) -> str | None:
        """How to say where the work runs; None where that is known."""
        if self.latitude is not None and self.longitude is not None and self.code == WORLD:
            around = ' or '.join(f"place='{code}'" for code in cells.near(self.latitude, self.longitude))
            tells = (
                f'do not tell one grid: say which it is, such as {around}' if around else 'are of no grid known here'
            )
            return f"The coordinates {tells}; the world's mean is used. " + _HINT
        return _HINT if self.basis == 'assumed' else None

    def __str__(self) -> str:
        region = f', {self.cloud_region}' if self.cloud_region else ''
        return f'{self.name}{region}' + (' (assumed)' if self.known_by == 'assumed' else '')

    def to_json(self) -> dict[str, Any]:
        """Write what is known of it as plain data."""
        fields = (field for field in self.__dataclass_fields__)
        return {field: value for field in fields if (value := getattr(self, field)) is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Place:
        """Read what `to_json` wrote; unknown keys are passed over."""
        return cls(**{field: data[field] for field in cls.__dataclass_fields__ if field in data})


def find(
    argument: Place | str | None = None,
    environ: Mapping[str, str] | None = None,
    config: Said | None = None,
    project_says: Said | None = None,
    cloud_says: Callable[[], str | None] | None = None,
) -> Place:
    """Find where the work runs: by the argument, else HEFTED_PLACE, the project, the settings file, the cloud.

    Nobody saying so, it is the world, assumed. Whose land it is, is found in the same order; what somebody says of the
    land beside a place holds for that place alone.

    Args:
        argument: What the program said.
        environ: The environment; the process's own by default.
        config: The settings file's entries; the user's own by default.
        project_says: What the project says; that of the current folder by default.
        cloud_says: Asks the cloud for its region, such as 'aws:us-west-2'; by default as the settings allow.

    Raises:
        UnknownNameError: If what was said is not a place known here; the message names who said it.

    Example:
        >>> find(environ={'HEFTED_PLACE': 'FR', 'HEFTED_LAND': 'mine'}).land_known_by
        'environment'
    """
    own = environ is None and config is None  # else a test's, from which nothing of this machine is read
    environ = os.environ if environ is None else environ
    levels: list[tuple[KnownBy, str, Said]] = [
        ('environment', 'HEFTED_PLACE', _in_environment(environ)),
        ('project', 'place in pyproject.toml', project.says() if own and project_says is None else project_says or {}),
        ('settings', 'place in the settings file', _in_config() if own else config or {}),
    ]
    place = _said(argument, levels)
    if place is None and (region := (cloud_says or (cloud.region if own else _nobody))()):
        place = _of_cloud(region)
    return _with_land(place or _resolve(None, 'place'), levels)


def _said(argument: Place | str | None, levels: list[tuple[KnownBy, str, Said]]) -> Place | None:
    if isinstance(argument, Place):
        return argument
    if argument is not None:
        return _resolve(argument, 'place')
    for known_by, name, says in levels:
        if said := says.get('place'):
            return replace(_resolve(said, name), known_by=known_by)
    return None


def _with_land(place: Place, levels: list[tuple[KnownBy, str, Said]]) -> Place:
    for known_by, name, says in levels:
        land, beside = says.get('land'), says.get('place')
        # 'ask' is a wish and no answer: what a service answers is shown and never kept.
        if place.land or not land or land.lower() == 'ask':
            continue
        if not beside or _same(place, _resolve(beside, name)):
            return replace(place, land=land, land_known_by=known_by)
    return place


def _same(one: Place, two: Place) -> bool:
    apart = None not in (one.latitude, two.latitude) and (one.latitude, one.longitude) != (two.latitude, two.longitude)
    return one.code == two.code and not apart


def _of_cloud(region: str) -> Place | None:
    try:
        return replace(_resolve(region, 'cloud'), known_by='cloud')
    except UnknownNameError:  # one that opened after the tables were made
        return None


def _in_environment(environ: Mapping[str, str]) -> Said:
    return {key: environ.get(f'HEFTED_{key.upper()}', '').strip() for key in project.KEYS}


def _in_config() -> Said:
    return {key: settings.in_file(key) or '' for key in project.KEYS}


def _nobody() -> None:
    return None


def _resolve(said: object, argument: str) -> Place:
    if said is None:
        return Place(WORLD, 'the world', known_by='assumed')
    if not isinstance(said, str):
        raise ArgumentError(f"{argument}: expected a name such as 'FR' or 'US-WA', received {said!r}.")
    text = ' '.join(said.split())
    if coordinates := _coordinates(text):
        return _at(*coordinates, argument)
    if text.lower() == WORLD:
        return Place(WORLD, 'the world')
    if ':' in text and (region := table('cloud_regions').get(text.lower())):
        return replace(_coded(region['code']), cloud_region=region['region'])
    code = _ALSO.get(text.upper(), text.upper())
    if code not in table('grid'):
        code = _by_name(text.lower()) or code
    if code in table('grid') or _plain_subdivision(code):
        return _coded(code)
    bare = [region for region in table('cloud_regions') if region.partition(':')[2] == text.lower()]
    if bare:
        raise UnknownNameError(
            f'Unknown {argument}: {said!r}. Did you mean {" or ".join(map(repr, bare))}? '
            "A cloud's region is written with the cloud's name."
        )
    raise unknown_name(argument, said, _known(), _FORM)


def _coded(code: str) -> Place:
    """Fill in a place from a code that is known to be right."""
    country, _, part = code.partition('-')
    grid = table('grid')
    whole = grid[country]['name']
    name = whole if not part else f'{grid[code]["name"] if code in grid else part}, {whole}'
    return Place(code, name, country, code if part else None)


def _plain_subdivision(code: str) -> bool:
    """Whether it reads as a subdivision of a country not listed in full; the country's grid stands."""
    country, _, part = code.partition('-')
    listed = country in ('US', 'CA')
    return country in table('grid') and not listed and part.isalnum() and len(part) <= 3


def _by_name(name: str) -> str | None:
    # Countries stand first in the table, so Georgia is the country.
    return next((code for code, row in table('grid').items() if row['name'].lower() == name), None)


def _known() -> list[str]:
    grid = table('grid')
    names = [row['name'].lower() for row in grid.values()]
    return [*(code.lower() for code in grid), *names, *table('cloud_regions')]


def _coordinates(text: str) -> tuple[float, float] | None:
    try:
        latitude, longitude = map(float, text.split(','))
    except ValueError:
        return None
    return latitude, longitude


def _at(latitude: float, longitude: float, argument: str) -> Place:
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # not a number is off the globe too
        raise ArgumentError(
            f'{argument}: expected latitude within ±90 and longitude within ±180 degrees, '
            f'received {latitude:g}, {longitude:g}. Write latitude first.'
        )
    north, east = ('N' if latitude >= 0 else 'S'), ('E' if longitude >= 0 else 'W')
    name = f'{abs(latitude):g}° {north}, {abs(longitude):g}° {east}'
    code = cells.code_at(latitude, longitude)
    there = Place(WORLD, name) if code is None else _coded(code)
    return replace(
        there, name=name if code is None else f'{there.name} ({name})', latitude=latitude, longitude=longitude
    )
