"""Where the work runs: what was said about it, and how that is known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hefted import settings
from hefted.errors import ArgumentError, unknown_name
from hefted.footprint.tables import table
from hefted.quantities import Basis

KnownBy = Literal['argument', 'environment', 'settings', 'assumed']

WORLD = 'world'
_HINT = "Say where it runs: place='FR' (or 'US-WA', 'aws:us-west-2'), or set HEFTED_PLACE."


_FORM = (
    "Expected a country ('FR'), a state or region of one ('US-WA'), a cloud's region ('aws:us-west-2') or coordinates "
    "('47.6,-122.3')."
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
        known_by: Who said so: the argument, the environment, the settings file, or nobody (assumed).
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

    def __post_init__(self) -> None:
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
        if self.latitude is not None and self.code == WORLD:
            return "Coordinates do not tell the grid; the world's mean is used. " + _HINT
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
    config: Mapping[str, str] | None = None,
) -> Place:
    """Find where the work runs: the argument, HEFTED_PLACE, the settings file, or else the world, assumed.

    Args:
        argument: What the program said.
        environ: The environment; the process's own by default.
        config: The settings file's entries; the user's own by default.

    Raises:
        UnknownNameError: If what was said is not a place known here; the message names who said it.

    Example:
        >>> find(environ={'HEFTED_PLACE': 'FR'}).known_by
        'environment'
    """
    if isinstance(argument, Place):
        return argument
    if argument is not None:
        return _resolve(argument, 'place')
    if said := (os.environ if environ is None else environ).get('HEFTED_PLACE', '').strip():
        return replace(_resolve(said, 'HEFTED_PLACE'), known_by='environment')
    # The setting is the environment's where that has one; it was asked above, so what is left is the file's.
    said = settings.place_setting() if config is None and environ is None else (config or {}).get('place')
    if said:
        return replace(_resolve(said, 'place in the settings file'), known_by='settings')
    return _resolve(None, 'place')


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
    code = text.upper()
    if code not in table('grid'):
        code = _by_name(text.lower()) or code
    if code in table('grid') or _plain_subdivision(code):
        return _coded(code)
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
    return Place(WORLD, name, latitude=latitude, longitude=longitude)
