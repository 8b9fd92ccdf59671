"""What `hefted doctor` finds: how each part of this machine is known and how wide that is, and what would improve it.

for finding in checkup(): ...    # Finding(section, label, text)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hefted import settings
from hefted.footprint import account
from hefted.footprint.factors import Factors, factors_for
from hefted.footprint.place import find
from hefted.metering.cpu_model import CpuWatts
from hefted.metering.discover import add_late, discover, machine_of
from hefted.metering.kinds import Kind, kinds
from hefted.metering.machine import Machine
from hefted.metering.meter import Meter
from hefted.metering.reading import Component
from hefted.quantities import Quantity

_SECONDS = 0.5  # a look at what is drawn now
_KINDS = {'laptop': 'a laptop', 'desktop': 'a desktop', 'server': 'a server', 'gpu-server': 'a server with GPUs'}
_WORDS: dict[Component, str] = {
    'cpu': 'CPU',
    'dram': 'memory',
    'gpu': 'GPU',
    'other': 'other parts',
    'unseen': 'unseen',
    'switches': 'switches',
    'network': 'network',
    'storage': 'storage',
}


class Finding(NamedTuple):
    """One thing that the doctor says.

    Attributes:
        section: The heading it stands under.
        label: What it is about.
        text: What is found.
    """

    section: str
    label: str
    text: str


def checkup(meter: Meter | None = None) -> Iterator[Finding]:
    """Look at the machine, which takes as long as the drivers do, and half a second to see what is drawn.

    Args:
        meter: What to look at; None for this machine's, of which everything is looked for.

    Example:
        >>> {finding.section for finding in checkup()} >= {'This machine', 'How wide', 'Where it stands'}
        True
    """
    if meter is None:
        meter = discover()
        add_late(meter)
    machine, found = machine_of(meter), kinds(meter)
    factors = factors_for(find(), machine)
    before = meter.read()
    time.sleep(_SECONDS)
    after = meter.read()
    drawn = {name: joules - before.joules.get(name, 0.0) for name, joules in after.joules.items()}
    yield from _machine(meter, machine, found, drawn)
    yield from _width(meter, factors, drawn)
    yield from _remedies(found, machine)
    yield from _place(factors)
    yield from _kinds(found)
    yield from _settings()


def _machine(meter: Meter, machine: Machine, found: list[Kind], drawn: dict[str, float]) -> Iterator[Finding]:
    section = 'This machine'
    what = f'{"part of " if machine.virtual else ""}{_KINDS[machine.kind]}{", virtual" if machine.virtual else ""}'
    size = f'{machine.threads:g} threads of {machine.microarchitecture}, {machine.memory_bytes / 1e9:.0f} GB'
    yield Finding(section, 'Machine', f'{what}: {size}. If it is another: HEFTED_MACHINE.')
    known = meter.accuracies
    components: list[Component] = [known[name][0] for name in drawn if known[name][1].value]
    components = list(dict.fromkeys(components))
    for component in components:
        yield Finding(section, _WORDS[component], _component(meter, component, drawn, found))
    if 'gpu' not in components:
        reasons = [kind.reason for kind in found if kind.name == 'NVML']
        yield Finding(section, 'GPU', f'none read. {" ".join(reasons)}')
    if 'unseen' not in components:
        why = 'left out, as HEFTED_UNSEEN says'
        if settings.unseen_counts():
            why = 'board, fans and supply are in the watts of the CPU, which are those of servers at the wall'
        yield Finding(section, 'unseen', f'{why}.')
    for gap in meter.gaps(0.0):
        yield Finding(section, 'not read', f'{gap.sensor}: {gap.reason}')


def _component(meter: Meter, component: Component, drawn: dict[str, float], found: list[Kind]) -> str:
    if component == 'cpu' and not meter.reads_cpu:
        return _modelled_cpu(meter, found)
    if component == 'dram' and 'dram-model' in drawn:
        return _modelled_memory(meter)
    names = [name for name in drawn if meter.accuracies[name][0] == component and meter.accuracies[name][1].value]
    energy = account.energy_of(drawn, meter.accuracies, component)
    now = (
        ''
        if energy is None or not energy.value
        else f'. This process now: {(energy / Quantity(_SECONDS, "s")).to("W")}'
    )
    basis = meter.accuracies[names[0]][1].basis
    return f'{basis} by {", ".join(names)}{now}.'


def _modelled_memory(meter: Meter) -> str:
    model = meter.models and meter.models[1]
    if model is None:
        return 'not known.'
    watts = model.accuracy * model.between(1.0, 1e9)
    told = f'{watts.value:.2f} W for each GB in use ({watts.low:.2f} to {watts.high:.2f})'
    return f'{watts.basis}: {told}, whatever the kind of memory.'


def _modelled_cpu(meter: Meter, found: list[Kind]) -> str:
    model = meter.models and meter.models[0]
    if model is None:
        return 'not known.'
    idle, busy = (
        account.energy_of(model.between(1.0, seconds), meter.accuracies, 'cpu') for seconds in (0.0, model.threads)
    )
    if idle is None or busy is None:
        return 'not known.'
    why = next(kind.reason for kind in found if kind.name == 'RAPL')
    told = f'{busy.basis}: {_watts(idle)} W idle, {_watts(busy)} W busy on all {model.threads:g} threads.'
    return ' '.join(part for part in (told, why, _whose_watts(model.watts)) if part)


def _whose_watts(watts: CpuWatts) -> str:
    """What the watts of the model are of, and how they were found."""
    source = watts.source.title.partition(' (')[0]
    if watts.of_package:
        return f'So watts are those of such packages alone ({source}); board and supply are told as the unseen.'
    whose = 'all kinds, as this one is not known' if watts.group.startswith('any ') else 'its kind'
    return (
        f'So watts are those of whole servers at the wall with processors of {whose} ({source}), found by the numbers '
        'that the processor gives of itself, not by its name; work with wide vectors may take up to 60 % more than '
        'that benchmark.'
    )


def _watts(energy: Quantity) -> str:
    """Joules of one second as watts with their range."""
    return f'{energy.value:.1f} ({energy.low:.1f} to {energy.high:.1f})'


def _width(meter: Meter, factors: Factors, drawn: dict[str, float]) -> Iterator[Finding]:
    """How wide the figures of a busy minute are; of what is drawn now, where the CPU is read."""
    told, joules, seconds = 'as it is now', drawn, _SECONDS
    if not meter.reads_cpu and meter.models:
        model, memory = meter.models
        told, seconds = 'a minute with all threads busy and 1 GB in use', 60.0
        joules = model.between(seconds, seconds * model.threads) | {memory.name: memory.between(seconds, 1e9)}
        if any(component == 'unseen' for component, _ in meter.accuracies.values()):
            told += ', without what no sensor sees'
    used = {name: amount for name, amount in joules.items() if name in meter.accuracies}
    components: dict[str, Quantity] = {}
    parts: set[Component] = {meter.accuracies[name][0] for name in used}
    for part in parts:
        if (of_part := account.energy_of(used, meter.accuracies, part)) is not None:
            components[part] = of_part
    energy = account.energy_of(used, meter.accuracies)
    figures = account.priced(components, Quantity(seconds, 's'), factors)
    for label, figure in (('Energy', energy), ('Carbon', figures['carbon']), ('Water', figures['water'])):
        if figure is not None:
            ratio = f'; high over low {figure.high / figure.low:.1f}' if figure.low > 0 else ''
            yield Finding('How wide', label, f'{figure}{ratio}')
    yield Finding('How wide', '', f'({told})')


def _remedies(found: list[Kind], machine: Machine) -> Iterator[Finding]:
    section = 'What would improve it'
    commands = [(kind.of, kind.command) for kind in found if kind.command]
    for of, command in commands:
        yield Finding(section, of, command)
    if find().basis == 'assumed':
        yield Finding(section, 'carbon', 'export HEFTED_PLACE=FR (or US-WA, aws:us-west-2, 47.6,-122.3)')
    if settings.price_setting()[1] is None and settings.instance_setting()[1] is None:
        yield Finding(section, 'cost', "export HEFTED_PRICE='0.30 USD/kWh' (or HEFTED_INSTANCE=aws:p4d.24xlarge)")
    if not commands and machine.virtual:
        yield Finding(
            section, 'energy', 'nothing from inside a virtual machine: its host would have to show a counter.'
        )


def _place(factors: Factors) -> Iterator[Finding]:
    section, place = 'Where it stands', find()
    yield Finding(section, 'Place', f'{place}. {place.hint}' if place.hint else str(place))
    if place.land:
        yield Finding(section, 'Land', f'{place.land}, as you declared')
    if (trace := settings.grid_trace()) is not None:
        yield Finding(section, 'Grid', f'by hour, from your own trace {trace.name} (HEFTED_GRID_TRACE)')
    elif (grid := settings.grid_mode()) != 'table':
        yield Finding(section, 'Grid', f'this hour’s, asked of a service while a run goes on (HEFTED_GRID={grid})')
    for label, factor in (
        ('Grid', factors.intensity),
        ('Facility', factors.pue),
        ('Water', factors.water_off_site),
        ('Hardware', factors.embodied),
        ('Minerals', factors.minerals and factors.minerals.to('µg Sb eq/h')),
        ('Price', factors.price or factors.electricity_price),
    ):
        if factor is None:
            named = settings.instance_setting()[1] if label == 'Price' else None
            yield Finding(section, label, f'not known: no list price of {named} is at hand' if named else 'not known')
            continue
        source = factor.sources[0]
        year = f', {source.year}' if source.year else ''
        pue = ': energy of the house over that of the machine' if label == 'Facility' else ''
        yield Finding(section, label, f'{factor}{pue}. {source.title.partition(":")[0]}{year}')


def _kinds(found: list[Kind]) -> Iterator[Finding]:
    section = 'Kinds of sensors'
    for kind in found:
        state = f'{kind.of}: {", ".join(kind.sensors) or "not read"}. {kind.reason}'
        tried = f' (tried on {kind.tried_on})' if kind.tried_on else ''
        yield Finding(section, kind.name, state.strip() + tried)
    if untried := [kind.name for kind in found if not kind.tried_on]:
        text = 'these have read constructed data alone, never their hardware: tell us how they do on yours.'
        yield Finding(section, 'untried', f'{", ".join(untried)}: {text}')


def _settings() -> Iterator[Finding]:
    section, mode, share = 'Settings', settings.meter_mode(), settings.share_mode()
    told = {'auto': 'on wherever it can be', 'on': 'on', 'off': 'off: no run is metered'}[mode]
    yield Finding(section, 'Meter', f'{told} (HEFTED_METER={mode})')
    whose = {'process': 'a run has its process’s part of the machine', 'machine': 'a run has all of the machine'}[share]
    yield Finding(section, 'Share', f'{whose} (HEFTED_SHARE={share})')
    folder = settings.data_folder() / 'runs'
    yield Finding(
        section, 'Journals', f'{folder}{"" if _can_be_written(folder) else " cannot be written: set HEFTED_DATA_DIR"}'
    )
    if (tables := settings.tables_folder()) is not None:
        yield Finding(section, 'Tables', f'{tables}, over those that ship')


def _can_be_written(folder: Path) -> bool:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)
