"""The forecast of a training of several processes: what all of them will take, as rank 0's receipt will be of all.

Each tells what it draws while it trains, W, as its sensors and models say; what rank 0 foresees of itself is multiplied
by how much more all draw. So its score compares like with like. The others foresee their own part, as their journals
hold no more. What a processor-hour costs, and which grid it is on, is taken to be as it is for rank 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hefted.distribution import lead
from hefted.footprint.footprint import Footprint
from hefted.forecast.local import Watts, scaled
from hefted.quantities import Error, Quantity, Source

Price = Callable[[Mapping[str, float]], Footprint]

_ALIKE = Source('processes alike', 'Several processes as rank 0, by the watts that each told', None, None, 'fact')
_DOUBT = 0.05  # they take turns on shared machines, and draw not quite in the same measure from then on


def drawn_by_all(watts: Watts) -> list[float] | None:
    """What each process draws while it trains, W, by rank; None where this one is alone.

    Args:
        watts: What this one does, by sensor.
    """
    if lead.watch() is None:
        return None
    from hefted.distribution import hosts

    return hosts.gather(sum(watts.values()), 'what each draws')


def priced_for_all(price: Price, drawn: Sequence[float] | None) -> tuple[Price, tuple[str, ...]]:
    """How seconds are priced for all processes, and a note that says so.

    Args:
        price: How they are for this one.
        drawn: W of each, by rank; None where this one is alone.

    Example:
        >>> _, notes = priced_for_all(lambda seconds: None, [20.0, 20.0])
        >>> notes
        ('Of all 2 processes: 2 times what rank 0 will take, by the watts that each draws.',)
    """
    if drawn is None or not lead.first() or not drawn[0]:
        return price, ()
    times = sum(drawn) / drawn[0]
    factor = Quantity(times, '1', 'modelled', (Error(_ALIKE.key, -_DOUBT, _DOUBT),), (_ALIKE,))
    silent = sum(not watts for watts in drawn)
    unknown = f'; of {silent} nothing is known' if silent else ''
    many = f'{times:.3g} times what rank 0 will take, by the watts that each draws'
    note = f'Of all {len(drawn)} processes: {many}{unknown}.'
    return lambda seconds: scaled(price(seconds), factor, duration=False), (note,)
