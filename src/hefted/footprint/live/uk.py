"""The Carbon Intensity API of Great Britain (National Energy System Operator): no key, half-hourly.

It counts the CO2 of generation alone, imports with it, so its figure is brought to the life cycle as the tables' direct
rows are (1.16 x direct + 23 g/kWh, see `hefted.footprint.grid`) and has their wider interval. It does not cover
Northern Ireland, whose grid is Ireland's.

Source: https://carbon-intensity.github.io/api-definitions/ (GET /intensity, /intensity/{from}/fw24h and fw48h), and
"About" on https://carbonintensity.org.uk: CO2 of generation only, with imports and the losses of the grid.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hefted.footprint import grid
from hefted.footprint.live import web
from hefted.footprint.live.forecasts import Slot, moment, to_come
from hefted.footprint.live.source import BOUNDARY, FACTORS, FORESEEN, REVISED, check_age, figure, told
from hefted.footprint.live.web import Unanswered, Web
from hefted.footprint.place import Place
from hefted.quantities import Quantity, Source


@dataclass(frozen=True)
class Uk:
    """Asks the Carbon Intensity API.

    Args:
        web: The service.
        clock: Seconds since 1970.
    """

    web: Web
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return self.web.name

    @property
    def address(self) -> str:
        return self.web.address

    def now(self, place: Place) -> Quantity:
        """Ask for the present half hour of Great Britain: what was, else what was forecast of it.

        Raises:
            Unanswered: If the place is elsewhere, or the service says nothing that can be used.
        """
        self._check(place)
        answer = self.web.get('/intensity')
        intensity = web.field(answer, 'data', 0, 'intensity')
        actual = web.field(intensity, 'actual')
        direct = figure(web.field(intensity, 'forecast') if actual is None else actual, self.name)
        check_age(web.field(answer, 'data', 0, 'from'), self.name, self.clock())
        return told(grid.life_cycle(direct), (FACTORS, BOUNDARY, REVISED), self._source())

    def ahead(self, place: Place, hours: float) -> list[Slot]:
        """Ask for the half hours to come, two days of them at most: what is forecast of each.

        Raises:
            Unanswered: If the place is elsewhere, or the service says nothing that can be used.
        """
        self._check(place)
        now = time.strftime('%Y-%m-%dT%H:%MZ', time.gmtime(self.clock()))
        answer = self.web.get(f'/intensity/{now}/{"fw24h" if hours <= 24 else "fw48h"}')
        source, found = self._source(), list[Slot]()
        for row in web.rows(answer, 'data'):
            start, end = (moment(web.field(row, name), self.name) for name in ('from', 'to'))
            direct = figure(web.field(row, 'intensity', 'forecast'), self.name)
            ratios = (FACTORS, BOUNDARY, REVISED, FORESEEN)
            found.append(Slot(start, end, told(grid.life_cycle(direct), ratios, source)))
        return to_come(found, self.name, self.clock())

    def _check(self, place: Place) -> None:
        if place.country != 'GB' or place.code == 'GB-NIR':
            raise Unanswered(f"{self.name} covers Great Britain alone: say place='GB'.", refused=True)

    def _source(self) -> Source:
        return Source(
            'grid:live:uk',
            'National Energy System Operator, Carbon Intensity API: Great Britain in this half hour',
            time.gmtime(self.clock()).tm_year,
            'https://carbonintensity.org.uk',
        )
