"""The count of what no sensor sees, from reading to reading: a model's joules follow from those that were read."""

from __future__ import annotations

from collections.abc import Mapping

from hefted.metering.reading import Component
from hefted.metering.share import DOUBT
from hefted.metering.unseen import Unseen
from hefted.quantities import Quantity

SHARE = 'unseen:share'
"""By how many of its joules this process's share is in doubt (`hefted.metering.share`)."""

Accuracies = Mapping[str, tuple[Component, Quantity]]


class UnseenCount:
    """Counts by a model that may be exchanged when other sensors are found; what it counted stays.

    Example:
        >>> from hefted.metering.machine import Machine
        >>> count = UnseenCount()
        >>> count.follow(Unseen(Machine('desktop'), cpu_measured=True), {'counter': ('cpu', Quantity(1.0, '1'))})
        >>> count.read({'counter': 0.0}, 0.0)['unseen:fixed']
        0.0
        >>> round(count.read({'counter': 100.0}, 1.0)['unseen:fixed'], 1)
        50.6
    """

    __slots__ = ('_doubted', '_doubtful', '_joules', '_last', '_model', '_occupied', '_of', 'accuracies')

    def __init__(self) -> None:
        self.accuracies: dict[str, tuple[Component, Quantity]] = {}
        self._model: Unseen | None = None
        self._of: tuple[tuple[str, Component, float], ...] = ()
        self._joules: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._occupied = self._doubtful = 0.0
        self._doubted: tuple[tuple[str, Component, float], ...] = ()

    def follow(self, model: Unseen | None, accuracies: Accuracies) -> None:
        """Count by a model from the next reading on.

        Args:
            model: None where a meter of the whole machine, or the user, wants none.
            accuracies: Component and accuracy of the sensors that it follows from.
        """
        self._model = model
        of: list[tuple[str, Component, float]] = [
            (name, component, accuracy.value)
            for name, (component, accuracy) in accuracies.items()
            if component != 'unseen'
        ]
        self._of = tuple(each for each in of if each[2])
        self._doubted = tuple((name, component, 1.0) for name, component, value in of if not value)
        if model is not None:
            self.accuracies |= {part.name: (part.component, part.accuracy) for part in model.sensors}
            self.accuracies[SHARE] = 'unseen', DOUBT

    def read(self, joules: Mapping[str, float], occupied: float, doubtful: float = 0.0) -> dict[str, float]:
        """Cumulative joules of its sensors.

        Args:
            joules: Cumulative joules by sensor, this process's part.
            occupied: Cumulative seconds for which the machine was this process's.
            doubtful: Of these, the seconds that its share leaves in doubt.
        """
        if self._model is not None:
            for name, more in self._model.between(occupied - self._occupied, self._used(self._of, joules)).items():
                self._joules[name] = self._joules.get(name, 0.0) + more
            doubt = sum(self._model.between(doubtful - self._doubtful, self._used(self._doubted, joules)).values())
            if doubt or SHARE in self._joules:
                self._joules[SHARE] = self._joules.get(SHARE, 0.0) + doubt
        self._last, self._occupied, self._doubtful = dict(joules), occupied, doubtful
        return dict(self._joules)

    def _used(
        self, of: tuple[tuple[str, Component, float], ...], joules: Mapping[str, float]
    ) -> dict[Component, float]:
        """Joules by component since the last reading, of some sensors."""
        used: dict[Component, float] = {}
        for name, component, factor in of:
            counted = joules.get(name, 0.0)
            used[component] = used.get(component, 0.0) + factor * (counted - self._last.get(name, counted))
        return used
