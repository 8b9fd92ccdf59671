"""What the network between nodes draws: switches and their optics, a line of its own beside the nodes.

    W = W a GB/s x GB/s of the accelerators' links to other nodes

A link passes about three ports of switches: its own at the leaf, and on the way up one more of the leaf and one of the
spine, as in a fat tree that is not thinned out. A port of 25 GB/s (HDR InfiniBand) draws about 6 W in the switch and as
much in optics, where its cable is not plain copper; the one switch that was logged in MLPerf Training v4.0 (Dell) drew
684 W, 17 W a port of 40. So 1.2 W a GB/s, from 0.4 (copper, one tier) to 2.5. They draw much the same whether anything
is sent, so it is by time and not by bytes. Cards in the nodes are in the nodes' own unseen (`hefted.metering.unseen`),
and the links within a node too.

Switches stand in the data centre: its overhead comes upon them, as upon the nodes. What moves over the internet is
another line ('network'), told by bytes (`hefted.metering.moved`). Each host counts its own links, so that a sum over
hosts counts every port once.
"""

from __future__ import annotations

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant
from hefted.quantities import Quantity, Source

_PER_GB = Quantity.between(
    1.2,
    0.4,
    2.5,
    'W',
    basis='assumed',
    source=Source(
        'switches',
        'Assumed: 1.2 W (0.4 to 2.5) of switches and optics a GB/s of a link (6 W of an HDR cable: NVIDIA)',
        2024,
        'https://docs.nvidia.com/dgx-superpod/design-guide-cabling-data-centers/latest/port-power.html',
        'fact',
    ),
)


def switches(links: int, gb_per_s: float) -> Quantity:
    """Tell what the switches of some links draw, W.

    Args:
        links: How many links leave their nodes, such as one for each accelerator.
        gb_per_s: GB/s of one, one way.

    Example:
        >>> str(switches(64, 25.0))
        '1.9 kW (0.6 to 4.0, assumed)'
    """
    return _PER_GB * (links * gb_per_s)


class SwitchesSensor:
    """The energy of the switches that a host's links pass, as a sensor of its own: by time, from its first reading on.

    Args:
        links: How many of this host's links leave it, such as one for each accelerator.
        gb_per_s: GB/s of one, one way.

    Example:
        >>> sensor = SwitchesSensor(8, 25.0)
        >>> sensor.read(Instant(100.0)), sensor.read(Instant(110.0))
        (0.0, 2400.0)
    """

    __slots__ = ('_since', '_watts', 'accuracy')
    name = 'switches'
    component: Component = 'switches'
    counts_always = False

    def __init__(self, links: int, gb_per_s: float) -> None:
        drawn = switches(links, gb_per_s)
        self._watts = drawn.value
        share = _PER_GB / _PER_GB.value
        self.accuracy = Quantity(1.0, '1', share.basis, share.errors, share.sources)
        self._since: float | None = None

    def read(self, instant: Instant) -> float:
        if self._since is None:
            self._since = instant.monotonic
        return self._watts * (instant.monotonic - self._since)
