"""WattTime: the marginal intensity, that of the plants which one kWh more makes run.

A marginal figure answers another question than the average that all other figures here are: what changes if this work
is done or not, rather than its share of what there is. The two are not to be compared. So its source says 'marginal'
and `is_marginal` tells it apart; it prices a run only where the user has set HEFTED_GRID=watttime. A part of a run for
which it did not answer has the table's average, and a gap that says so.

Its figure is CO2 of the stack (co2_moer, in lb/MWh). The interval holds that no meter sees which plant is the marginal
one (25 %, judgement), and its high end also the way from stack to life cycle of the gas plants that mostly are:
IPCC AR5 annex III, gas 490 over 370 g/kWh = 1.32.

Source: WattTime API reference, version 3: GET /login with basic authentication, /v3/region-from-loc, /v3/forecast.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hefted.footprint.live import web
from hefted.footprint.live.forecasts import Slot, moment, slots, to_come
from hefted.footprint.live.source import FORESEEN, MARGINAL, check_age, figure, told
from hefted.footprint.live.web import Unanswered, Web
from hefted.footprint.place import Place
from hefted.quantities import Quantity, Source

_SIGNAL = 'co2_moer'
_GRAMS_PER_POUND = 453.59237  # International Yard and Pound Agreement, 1959
_WHICH_PLANT = math.log(1.25)
_UPSTREAM = 490 / 370


@dataclass(frozen=True)
class WattTime:
    """Asks WattTime.

    Args:
        web: The service.
        user: The user's name there.
        password: The user's password.
        clock: Seconds since 1970.
    """

    web: Web
    user: str = field(repr=False)
    password: str = field(repr=False)
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return self.web.name

    @property
    def address(self) -> str:
        return self.web.address

    def now(self, place: Place) -> Quantity:
        """Ask for the marginal intensity at a place's coordinates.

        Raises:
            Unanswered: If there is no key, the place has no coordinates, or the service says nothing that can be used.
        """
        region, answer = self._ask(place, 0)
        value = self._grams(web.field(answer, 'data', 0, 'value'))
        check_age(web.field(answer, 'data', 0, 'point_time'), self.name, self.clock())
        return told(value, (_WHICH_PLANT,), self._source(region), beyond=_UPSTREAM)

    def ahead(self, place: Place, hours: float) -> list[Slot]:
        """Ask for the time to come in steps of five minutes, three days at most.

        Raises:
            Unanswered: As `now`.
        """
        region, answer = self._ask(place, min(math.ceil(hours), 72))
        source, points = self._source(region), list[tuple[float, Quantity]]()
        for row in web.rows(answer, 'data'):
            value, begins = web.field(row, 'value'), moment(web.field(row, 'point_time'), self.name)
            ratios = (_WHICH_PLANT, FORESEEN)
            points.append((begins, told(self._grams(value), ratios, source, beyond=_UPSTREAM)))
        return to_come(slots(points), self.name, self.clock())

    def _ask(self, place: Place, hours: int) -> tuple[str, object]:
        """The region of a place, and what is forecast of so many hours of it."""
        if not (self.user and self.password):
            reason = 'WATTTIME_USER and WATTTIME_PASSWORD are not set, and WattTime wants a key.'
            raise Unanswered(reason, refused=True)
        if place.latitude is None or place.longitude is None:
            raise Unanswered("WattTime wants coordinates: say place='47.6,-122.3'.", refused=True)
        # A token lives for half an hour, and is asked for once in five minutes: it is not kept.
        token = _word(self.web.get('/login', basic=(self.user, self.password)), 'token', self.name)
        headers = {'Authorization': f'Bearer {token}'}
        where = {'latitude': f'{place.latitude:.1f}', 'longitude': f'{place.longitude:.1f}', 'signal_type': _SIGNAL}
        region = _word(self.web.get('/v3/region-from-loc', where, headers), 'region', self.name)
        query = {'region': region, 'signal_type': _SIGNAL, 'horizon_hours': str(hours)}
        answer = self.web.get('/v3/forecast', query, headers)
        if web.field(answer, 'meta', 'units') not in (None, 'lbs_co2_per_mwh'):
            raise Unanswered(f'{self.name} sent a figure in another unit than pounds of CO2 per MWh.')
        return region, answer

    def _grams(self, pounds: object) -> float:
        """Bring pounds per MWh to grams per kWh."""
        return figure(pounds * _GRAMS_PER_POUND / 1000 if isinstance(pounds, float) else None, self.name)

    def _source(self, region: str) -> Source:
        title = f'WattTime, marginal: that of the next kWh (MOER) and no average, in {region}'
        return Source(f'{MARGINAL}{region}', title, time.gmtime(self.clock()).tm_year, 'https://watttime.org')


def _word(answer: object, name: str, service: str) -> str:
    """A word of an answer that is sent back to the service, or shown: printable ASCII without blanks."""
    word = web.field(answer, name)
    if not isinstance(word, str) or not word or not word.isascii() or any(not '!' <= mark <= '~' for mark in word):
        raise Unanswered(f'{service} sent no {name}.')
    return word
