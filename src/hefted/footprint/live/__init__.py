"""Carbon intensity of this hour, from a service that the user has chosen (HEFTED_GRID) and that is asked in background.

Nothing here runs unless HEFTED_GRID names a service. It is asked at most once in five minutes, from a thread of its
own, so no training waits for it. Where it does not answer, the table's yearly mean stands, and a gap says why.

`pip install "hefted[live]"` brings httpx, which it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hefted import settings

if TYPE_CHECKING:
    from hefted.footprint.live.source import GridSource
    from hefted.footprint.live.watch import Watch
    from hefted.footprint.place import Place

_ADDRESSES = {
    'electricitymaps': 'https://api.electricitymaps.com',
    'watttime': 'https://api.watttime.org',
    'uk': 'https://api.carbonintensity.org.uk',
}


def watch_over(place: Place) -> Watch | None:
    """Make what keeps an eye on the intensity at a place; None where the tables are used (HEFTED_GRID=table).

    Raises:
        ArgumentError: If a setting is wrong.
    """
    mode = settings.grid_mode()
    if mode == 'table':
        return None
    from hefted.footprint.live.watch import Kept, Watch

    source = chosen(mode, os.environ)
    return Watch(source, place, Kept(settings.cache_folder() / 'grid', source, place))


def chosen(mode: str, environ: Mapping[str, str]) -> GridSource:
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
