"""Electricity Maps: the average, life-cycle intensity of a zone's consumption, for the present hour.

Source: Electricity Maps, API reference, version 3: GET /v3/carbon-intensity/latest with the header `auth-token`,
`emissionFactorType=lifecycle`, and either `zone` or `lat` and `lon`; GET /v3/carbon-intensity/forecast likewise, with
`horizonHours` of 24, 48 or 72.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hefted.footprint.live import web
from hefted.footprint.live.forecasts import Slot, moment, slots, to_come
from hefted.footprint.live.source import ESTIMATED, FACTORS, FORESEEN, REVISED, check_age, figure, told
from hefted.footprint.live.web import Unanswered, Web
from hefted.footprint.place import WORLD, Place
from hefted.quantities import Quantity, Source


@dataclass(frozen=True)
class ElectricityMaps:
    """Asks Electricity Maps.

    Args:
        web: The service.
        token: The user's key.
        clock: Seconds since 1970.
    """

    web: Web
    token: str = field(repr=False)
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return self.web.name

    @property
    def address(self) -> str:
        return self.web.address

    def now(self, place: Place) -> Quantity:
        """Ask for the average of the hour at a place: by its coordinates where there are any, else by its code.

        Returns:
            Its life-cycle intensity. The interval holds the factors by fuel (16 %), revisions (10 %) and, where the
            service calls the figure an estimate, 28 % more in quadrature.

        Raises:
            Unanswered: If there is no key, the place is not known, or the service says nothing that can be used.
        """
        answer = self._ask('latest', place)
        value = figure(web.field(answer, 'carbonIntensity'), self.name)
        check_age(web.field(answer, 'datetime'), self.name, self.clock())
        estimated = web.field(answer, 'isEstimated') is True
        ratios = (FACTORS, REVISED, ESTIMATED) if estimated else (FACTORS, REVISED)
        return told(value, ratios, self._source(web.field(answer, 'zone'), estimated))

    def ahead(self, place: Place, hours: float) -> list[Slot]:
        """Ask for the hours to come, three days of them at most.

        Raises:
            Unanswered: As `now`, or if the user's plan there has no forecasts.
        """
        horizon = next((each for each in (24, 48) if hours <= each), 72)
        answer = self._ask('forecast', place, horizonHours=str(horizon))
        source = self._source(web.field(answer, 'zone'), False)
        points: list[tuple[float, Quantity]] = []
        for row in web.rows(answer, 'forecast'):
            value = figure(web.field(row, 'carbonIntensity'), self.name)
            begins = moment(web.field(row, 'datetime'), self.name)
            points.append((begins, told(value, (FACTORS, REVISED, FORESEEN), source)))
        return to_come(slots(points), self.name, self.clock())

    def _ask(self, what: str, place: Place, **more: str) -> object:
        if not self.token:
            raise Unanswered('ELECTRICITYMAPS_TOKEN is not set, and Electricity Maps wants a key.', refused=True)
        query = {'emissionFactorType': 'lifecycle', **_where(place), **more}
        answer = self.web.get(f'/v3/carbon-intensity/{what}', query, {'auth-token': self.token})
        if web.field(answer, 'emissionFactorType') not in (None, 'lifecycle'):
            raise Unanswered(f'{self.name} sent a figure that is not of the life cycle.')
        return answer

    def _source(self, zone: object, estimated: bool) -> Source:
        # A name from outside: letters, digits and dashes alone, so that it can be shown anywhere.
        name = (
            ''.join(mark for mark in str(zone or '') if mark.isascii() and (mark.isalnum() or mark == '-'))[:20]
            or 'unnamed'
        )
        title = f'Electricity Maps: average life-cycle intensity of zone {name} in this hour'
        year = time.gmtime(self.clock()).tm_year
        return Source(
            f'grid:live:electricitymaps:{name}',
            title + (', estimated' if estimated else ''),
            year,
            'https://www.electricitymaps.com',
        )


def _where(place: Place) -> dict[str, str]:
    if place.latitude is not None and place.longitude is not None:
        # A tenth of a degree (11 km) tells the zone; nobody needs to know the street.
        return {'lat': f'{place.latitude:.1f}', 'lon': f'{place.longitude:.1f}'}
    if place.code == WORLD:
        raise Unanswered("Electricity Maps wants a place: say place='FR' or place='47.6,-122.3'.", refused=True)
    return {'zone': place.code}
