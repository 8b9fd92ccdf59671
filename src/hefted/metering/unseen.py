"""What no sensor sees: supplies, regulators, fans, board, network cards, disks. A model, told as a line of its own.

RAPL reads a processor behind its regulators, NVML reads an accelerator at its board's input, and neither sees
the rest of the machine, which draws much the same whether the machine works or not. With C the watts that are
read, of them P the processors', and the coefficients of the machine's kind (tables/unseen.csv):

    wall      = ((1 + fans) x C + regulators x P + board + gpu board x GPUs) / supply

    fixed      = (board + gpu board x GPUs) / supply          regulators = regulators x P / supply
    fans       = fans x C / supply                            supply     = (1 / supply - 1) x C

All four are linear, so they add up over time and over components. A supply's losses at no load, and fans at
their lowest speed, are in `board`. What a GPU's board shares with its neighbours (links, switches, their part
of the network cards) is in `gpu board`; only servers built around GPUs have it, as a card reads itself whole.

Where the processors are modelled, their watts are those of whole servers at the wall (`cpu_model`): their
board, supply and fans are in them, and only the GPUs' part is added here. (A laptop's watts are of its package,
so all of it is.) The board is no virtual machine's own: there only what follows from readings is added.

No single factor does as well as a sum: benchmarks/wall.py holds both against wall meters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hefted.metering.machine import Machine, on_baseboard
from hefted.metering.reading import Component
from hefted.metering.tables import rows
from hefted.quantities import Basis, Quantity, Source

FIXED = 'unseen:fixed'
"""The sensor whose joules follow from time; those of the others follow from other sensors' joules."""

_READ: tuple[Component, ...] = ('cpu', 'dram', 'gpu', 'other')  # inside the machine
_ONE = Quantity(1.0, '1')

# Baseboards whose GPUs meet by links alone, without switches or the like.
_WITHOUT_SWITCHES = ('SXM2', 'MI250')


class Part(NamedTuple):
    """One of the model's sensors: its joules follow from others', so it is not read.

    Attributes:
        name: Such as 'unseen:fixed'.
        accuracy: A factor around 1, with the basis, errors and sources of its joules.
        component: Always 'unseen'.
    """

    name: str
    accuracy: Quantity
    component: Component = 'unseen'


class Unseen:
    """The model of one machine.

    Args:
        machine: What it is; its GPUs are those that are read.
        cpu_measured: Whether the processors' figures are of their packages, as a counter's are, rather than modelled as
            whole servers.

    Attributes:
        watts: W that are drawn whatever is read; 0 where they are in another model's figures.
        sensors: The parts that this machine has; none where everything is in another model's figures.

    Example:
        >>> read = {'cpu': 150.0, 'gpu': 20.0}
        >>> parts = Unseen(Machine('desktop'), cpu_measured=True).between(1.0, read)
        >>> {name: round(joules) for name, joules in parts.items()}
        {'unseen:fixed': 51, 'unseen:regulators': 20, 'unseen:fans': 2, 'unseen:supply': 21}
        >>> sorted(Unseen(Machine('desktop'), cpu_measured=False).between(1.0, read))
        ['unseen:fans', 'unseen:supply']
    """

    __slots__ = ('_rates', 'sensors', 'watts')

    def __init__(self, machine: Machine, cpu_measured: bool):
        known = coefficients(machine)
        supply = known['supply']
        fixed = _fixed(machine, known, whole=cpu_measured and not machine.virtual) / supply
        read = _READ if cpu_measured else ('gpu',)
        rates: dict[str, tuple[Quantity, tuple[Component, ...]]] = {
            'unseen:regulators': (known['regulators'] / supply, ('cpu',) if cpu_measured else ()),
            'unseen:fans': (known['fans'] / supply, read),
            'unseen:supply': (_ONE / supply - _ONE, read),
        }
        self.watts = fixed.value
        self._rates = tuple((name, rate.value, of) for name, (rate, of) in rates.items() if of)
        parts = [(FIXED, fixed)] if fixed.value else []
        parts += [(name, rate) for name, (rate, of) in rates.items() if of]
        self.sensors = tuple(Part(name, figure / Quantity(figure.value, figure.unit)) for name, figure in parts)

    def between(self, seconds: float, joules: Mapping[Component, float]) -> dict[str, float]:
        """Joules by sensor over a stretch of time.

        Args:
            seconds: For how long the machine was the run's (its share of them, where others used it too).
            joules: Joules by component that were read or modelled meanwhile, without 'unseen' itself.

        Returns:
            Joules by sensor, central figures; times its accuracy each is the energy with its interval.
        """
        found = {FIXED: self.watts * max(seconds, 0.0)} if self.watts else {}
        for name, rate, of in self._rates:
            found[name] = rate * sum(max(joules.get(component, 0.0), 0.0) for component in of)
        return found


def coefficients(machine: Machine) -> dict[str, Quantity]:
    """The coefficients of a machine's kind and cooling, by the names that tables/unseen.csv gives them."""
    found: dict[str, Quantity] = {}
    for row in rows('unseen'):
        if row['kind'] == machine.kind and row['cooling'] in ('', machine.cooling):
            found[row['parameter']] = _coefficient(row)
    return found


def _coefficient(row: Mapping[str, str]) -> Quantity:
    key = ' '.join(filter(None, ('unseen', row['parameter'], row['kind'], row['cooling'])))
    basis: Basis = 'assumed' if row['basis'] == 'assumed' else 'modelled'
    value, low, high = (float(row[column]) for column in ('value', 'low', 'high'))
    source = Source(key, row['source'], int(row['year']), None, row['licence'])
    return Quantity.between(value, low, high, row['unit'], basis=basis, source=source)


def _fixed(machine: Machine, known: Mapping[str, Quantity], whole: bool) -> Quantity:
    """Watts behind the supply that are drawn whatever is read; 0 W where there is nothing of the kind."""
    parts = [known['board']] if whole else []
    if machine.kind == 'gpu-server':
        for name in machine.gpus:
            switched = on_baseboard(name) and not any(word in name for word in _WITHOUT_SWITCHES)
            parts.append(known['switched gpu board' if switched else 'gpu board'])
    return sum(parts, Quantity(0.0, 'W', known['supply'].basis))
