"""One footprint of many: what a sweep took in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hefted.quantities import Quantity, total

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint, PhaseShare


def summed(quantities: Iterable[Quantity | None]) -> Quantity | None:
    """Add what is known; None where nothing is."""
    known = [quantity for quantity in quantities if quantity is not None]
    return total(known) if known else None


def combined(parts: Sequence[Footprint]) -> Footprint:
    """Add footprints up, figure by figure; durations add too, for parts that ran one after the other.

    Args:
        parts: At least one; the place is the first one's.
    """
    from hefted.footprint.footprint import Footprint

    unread = sum(part.energy is None for part in parts)
    covers = list(dict.fromkeys(part.covers for part in parts if part.covers))
    if unread:
        covers.append(f'without the energy of {unread} of {len(parts)} runs, which is not known')
    return Footprint(
        energy=summed(part.energy for part in parts),
        carbon=summed(part.carbon for part in parts),
        duration=total(part.duration for part in parts),
        place=parts[0].place,
        water=summed(part.water for part in parts),
        minerals=summed(part.minerals for part in parts),
        cost=summed(part.cost for part in parts),
        components={
            name: total(part.components[name] for part in parts if name in part.components)
            for name in dict.fromkeys(name for part in parts for name in part.components)
        },
        phases={
            name: _phase([part.phases[name] for part in parts if name in part.phases])
            for name in dict.fromkeys(name for part in parts for name in part.phases)
        },
        gaps=tuple(gap for part in parts for gap in part.gaps),
        covers='; '.join(covers),
    )


def _phase(shares: Sequence[PhaseShare]) -> PhaseShare:
    from hefted.footprint.footprint import PhaseShare

    return PhaseShare(summed(share.energy for share in shares), sum(share.seconds for share in shares))
