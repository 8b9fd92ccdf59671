"""What several runs come to while their process goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hefted.footprint.account import Shares
    from hefted.quantities import Quantity


class Total(NamedTuple):
    """What the runs with one parent come to so far.

    Attributes:
        run: The parent's id.
        ended: How many have ended.
        energy: Of those, in J; None where nothing was metered.
    """

    run: str
    ended: int
    energy: Quantity | None


class Sum:
    """Of the runs with one parent.

    Attributes:
        ended: How many have ended.
        joules: Of those, by sensor.
    """

    __slots__ = ('ended', 'joules')

    def __init__(self) -> None:
        self.ended = 0
        self.joules: dict[str, float] = {}

    def add(self, shares: Shares) -> None:
        """Add what a run that has ended took."""
        self.ended += 1
        for sensor, joules in shares.by_sensor().items():
            self.joules[sensor] = self.joules.get(sensor, 0.0) + joules
