"""Carbon intensity of this hour, from a service that the user has chosen (HEFTED_GRID) and that is asked in background.

Nothing here runs unless HEFTED_GRID names a service, or HEFTED_GRID_TRACE a file, which stands before it. A service is
asked at most once in five minutes, from a thread of its own, so no training waits for it. Where it does not answer, the
table's yearly mean stands, and a gap says why. What is to come is asked for where a training waits
by it (`fit(when=…)`).

`pip install "hefted[live]"` brings httpx, which it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hefted import settings
from hefted.errors import ArgumentError

if TYPE_CHECKING:
    from hefted.footprint.live.forecasts import GridForecast, GridService
    from hefted.footprint.place import Place
    from hefted.footprint.repricing import Looks

_ADDRESSES = {
    'electricitymaps': 'https://api.electricitymaps.com',
    'watttime': 'https://api.watttime.org',
    'uk': 'https://api.carbonintensity.org.uk',
}


def watch_over(place: Place) -> Looks | None:
    """Make what keeps an eye on the intensity at a place; None where the tables are used (HEFTED_GRID=table).

    Raises:
        ArgumentError: If a setting, or the file that it names, is wrong.
    """
    if (trace := settings.grid_trace()) is not None:
        from hefted.footprint.live.trace import Follow, Trace

        return Follow(Trace(trace))
    mode = settings.grid_mode()
    if mode == 'table':
        return None
    from hefted.footprint.live.watch import Kept, Watch

    source = chosen(mode, os.environ)
    return Watch(source, place, Kept(settings.cache_folder() / 'grid', source, place))


def forecaster() -> GridForecast:
    """Make what tells the hours to come: the trace, else the service, that the user has named.

    Raises:
        ArgumentError: If none is named, or a setting is wrong.
    """
    if (trace := settings.grid_trace()) is not None:
        from hefted.footprint.live.trace import Trace

        return Trace(trace)
    mode = settings.grid_mode()
    if mode == 'table':
        raise ArgumentError(
            "when: expected a forecast of the grid to wait by, and none is set. Set HEFTED_GRID to 'uk', "
            "'electricitymaps' or 'watttime', which is asked then, or HEFTED_GRID_TRACE to a file with time,intensity."
        )
    return chosen(mode, os.environ)


def chosen(mode: str, environ: Mapping[str, str]) -> GridService:
    """Make the source of a service, with the keys that the environment holds.

    Args:
        mode: 'electricitymaps', 'watttime' or 'uk'.
        environ: Holds ELECTRICITYMAPS_TOKEN, or WATTTIME_USER and WATTTIME_PASSWORD; and HEFTED_GRID_URL, where the
            service is reached at another address. Keys are read nowhere else, and written nowhere.

    Raises:
        ArgumentError: If HEFTED_GRID_URL is not https:// (or http:// on this machine).
    """
    from hefted.footprint.live.electricity_maps import ElectricityMaps
    from hefted.footprint.live.uk import Uk
    from hefted.footprint.live.watttime import WattTime
    from hefted.footprint.live.web import Web, safe_address

    address = safe_address('HEFTED_GRID_URL', environ.get('HEFTED_GRID_URL', '').strip() or _ADDRESSES[mode])

    def said(name: str) -> str:
        return environ.get(name, '').strip()

    if mode == 'electricitymaps':
        return ElectricityMaps(Web('Electricity Maps', address), said('ELECTRICITYMAPS_TOKEN'))
    if mode == 'watttime':
        return WattTime(Web('WattTime', address), said('WATTTIME_USER'), said('WATTTIME_PASSWORD'))
    return Uk(Web('The Carbon Intensity API', address))
