"""What no sensor sees, held against wall meters: `python benchmarks/wall.py FOLDER [--keep]`.

FOLDER (or HEFTED_WALL_DATA) holds published rows, which are not Hefted's to ship:

- dgx1_wall_runs.csv: a DGX-1's wall meter beside software meters, run by run (Jay et al., CCGrid 2023).
- meter_accuracy.csv: desktops' wall meter beside CodeCarbon, pooled (Fischer, arXiv 2509.22092); more of the DGX-1.
- codecarbon_cpu_load.csv: a Threadripper's plug beside its RAPL (CodeCarbon's repository).
- mlperf_power_runs.csv: power of nodes with 8 x H100 (MLPerf Training v4.0). No component was read there.

A software meter's energy stands for the components: RAPL and NVML, less the memory that CodeCarbon models on the
DGX-1 (192 W), less PUE. Readings that are none are left out (counters that wrapped; idle machines said to draw
under 100 W, by a meter that counts its own process alone). Where a meter gives one sum, the split between
processors and GPUs is taken as `_split` says; 100 W moved between them move the wall by 11 to 13 W.

The coefficients of GPU servers in air are themselves arithmetic on the DGX-1's figures, and those of desktops on
the desktops': what the tables show first is how well few figures fit many runs. What is left out whole, and fitted
without, is the test.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

from hefted.metering.machine import Machine
from hefted.metering.reading import Component
from hefted.metering.sensor import measured
from hefted.metering.unseen import FIXED, Unseen
from hefted.quantities import Quantity, Source, total

RESULTS = Path(__file__).parent / 'results' / 'wall.json'
BARS = {'median_error': 0.10, 'coverage': 0.85, 'width': 1.6}  # at most, at least, at most

DGX1 = Machine('gpu-server', gpus=('Tesla V100-SXM2-32GB',) * 8)
SMC = Machine('gpu-server', gpus=('NVIDIA H100 80GB HBM3',) * 8, cooling='liquid')
DESKTOP = Machine('desktop')
MODELLED_RAM = 192.0  # W: CodeCarbon on the DGX-1, 3 W for 8 GB of 512
_READS_ALL = 'energy scope'  # CodeCarbon and carbontracker read no memory there; it is in what they do not see
LEAST_CREDIBLE = 100.0  # W read on a DGX-1, whose processors alone idle at more
_CPU_BESIDE_GPUS = {'gpu-server': 165.0, 'desktop': 80.0}  # W of processors and memory in a run on GPUs
_METERS: dict[Component, Quantity] = {
    'cpu': measured(Source('RAPL', 'as Hefted counts it'), 0.05),
    'gpu': measured(Source('NVML', 'as Hefted counts it'), 0.05),
}


class Row(NamedTuple):
    """One wall-metered run, as mean watts.

    Attributes:
        group: The machine and the benchmark: what is left out whole.
        machine: What it ran on.
        watts: W read, by component.
        wall: W at the wall.
    """

    group: tuple[str, str]
    machine: Machine
    watts: dict[Component, float]
    wall: float

    @property
    def read(self) -> float:
        """W of all components that were read."""
        return sum(self.watts.values())


def main() -> int:
    """Print the tables; the exit status is 1 when a bar is missed and 2 without rows."""
    options = arguments()
    folder = Path(options.folder or os.environ.get('HEFTED_WALL_DATA', ''))
    if not (folder / 'dgx1_wall_runs.csv').is_file():
        print('The published rows are not here: name their folder, or set HEFTED_WALL_DATA to it.', file=sys.stderr)
        return 2
    dgx1, partly = dgx1_rows(folder)
    rows = [*dgx1, *dgx1_pooled_rows(folder), *desktop_rows(folder), *threadripper_rows(folder)]
    if not rows:
        print('There is no row with a wall meter and readings beside it.', file=sys.stderr)
        return 1
    result: dict[str, Any] = {
        'date': str(datetime.date.today()),
        'bars': BARS,
        'read': table('Components read', rows),
        'gpus_not_read': table('GPUs in the wall figure, not read (taken at their idle in other runs)', partly),
        'both': table('Both together', [*rows, *partly], groups=False),
        'left_out': left_out(rows),
        'no_component_read': mlperf(folder),
    }
    if options.keep:
        RESULTS.write_text(json.dumps(result, indent=1) + '\n', 'utf-8')
    return 0 if result['read']['all']['holds'] else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', nargs='?', help='where the published rows are')
    parser.add_argument('--keep', action='store_true', help=f'write benchmarks/results/{RESULTS.name}')
    return parser.parse_args()


def dgx1_rows(folder: Path) -> tuple[list[Row], list[Row]]:
    """Runs whose tool read all components, and runs on CPUs whose tools read no GPU."""
    read: list[tuple[Row, str]] = []
    partly: list[tuple[Row, str]] = []
    for row in table_of(folder, 'dgx1_wall_runs'):
        if row['flag'] or not row['tool_kwh_pue_removed'] or not row['wall_kwh']:
            continue
        per_kwh = 3.6e6 / float(row['duration_s'])
        tool = float(row['tool_kwh_pue_removed']) * per_kwh
        tool -= MODELLED_RAM if row['tool'] == 'codecarbon' else 0.0
        if tool < LEAST_CREDIBLE:
            continue
        on_gpus = row['result_set'].startswith('GPU')
        wall = float(row['wall_kwh']) * per_kwh
        group = ('DGX-1', f'{row["benchmark"]}, {"GPUs" if on_gpus else "CPUs"}')
        watts = _split(tool, 'gpu-server', on_gpus)
        (read if on_gpus else partly).append((Row(group, DGX1, watts, wall), row['tool']))
    idle = _idle_gpus(row for row, tool in read if tool == _READS_ALL)
    return [row for row, _ in read], [row._replace(watts=row.watts | {'gpu': idle}) for row, _ in partly]


def _idle_gpus(rows: Iterable[Row]) -> float:
    """W of the idle GPUs together, by the meter that reads processors, memory and GPUs."""
    idle = [row.watts['gpu'] for row in rows if row.group[1].startswith('idle')]
    return median(idle) if idle else 0.0


def dgx1_pooled_rows(folder: Path) -> list[Row]:
    """EP and MG, of which the mean ratio of each meter to the wall is told, and each benchmark's wall."""
    table = table_of(folder, 'meter_accuracy')
    walls = {
        name: float(watts)
        for row in table
        if row['method'] == 'whole node idle'
        for name, watts in re.findall(r'(EP|MG)\D*? (\d+) W', row['note'])
    }
    found: list[Row] = []
    for row in table:
        told = re.fullmatch(r'NAS (EP|MG) on 8 GPUs', row['workload'])
        if told and row['unit'] == 'ratio' and told[1] in walls:
            wall = walls[told[1]]
            tool = float(row['value']) * wall - (MODELLED_RAM if row['method'].startswith('CodeCarbon') else 0.0)
            group = ('DGX-1', f'{told[1].lower()}, GPUs, pooled')
            found.append(Row(group, DGX1, _split(tool, 'gpu-server', True), wall))
    return found


def desktop_rows(folder: Path) -> list[Row]:
    """CodeCarbon on desktops, each a mean of many runs."""
    found: list[Row] = []
    for row in table_of(folder, 'meter_accuracy'):
        told = re.match(r'mean wall (\d+) W, CodeCarbon (\d+) W', row['note'])
        if told:
            wall, tool = map(float, told.groups())
            on_gpu = 'RTX' in row['hardware']
            name = f'{row["workload"].partition(" (")[0]}, {"GPU" if on_gpu else "CPU"}'
            found.append(Row(('desktop', name), DESKTOP, _split(tool, 'desktop', on_gpu), wall))
    return found


def threadripper_rows(folder: Path) -> list[Row]:
    """A Threadripper's plug, read at one instant of the half minute that its RAPL is the mean of."""
    return [
        Row(
            ('Threadripper', row['load_type']),
            DESKTOP,
            {'cpu': float(row['rapl_mean_w'])},
            float(row['wall_instant_w']),
        )
        for row in table_of(folder, 'codecarbon_cpu_load')
        if row['wall_instant_w']
    ]


def _split(watts: float, kind: str, on_gpus: bool) -> dict[Component, float]:
    """Share out one sum between processors (with memory) and GPUs."""
    cpu = min(watts, _CPU_BESIDE_GPUS[kind]) if on_gpus else watts
    return {'cpu': cpu, 'gpu': watts - cpu}


def table_of(folder: Path, name: str) -> list[dict[str, str]]:
    path = folder / f'{name}.csv'
    if not path.is_file():
        print(f'{path.name} is not there: its rows are left out.', file=sys.stderr)
        return []
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def at_the_wall(row: Row, fixed: float = 1.0) -> Quantity:
    """What Hefted would say: the components with their meters' errors, and what no sensor sees.

    Args:
        row: The run.
        fixed: A factor on the part that does not depend on readings, for `left_out`.
    """
    unseen = Unseen(row.machine, cpu_measured=True)
    parts = [_METERS[component] * Quantity(watts, 'W') for component, watts in row.watts.items()]
    drawn = unseen.between(1.0, row.watts)
    drawn[FIXED] *= fixed
    return total([*parts, *(part.accuracy * Quantity(drawn[part.name], 'W') for part in unseen.sensors)])


def judge(rows: Sequence[Row], factor: float) -> dict[str, Any]:
    """Median error, share of rows within the interval, its median width; and the error of one factor for all."""
    figures = [(row.wall, at_the_wall(row)) for row in rows]
    found: dict[str, Any] = {
        'rows': len(rows),
        'median_error': round(median(abs(figure.value / wall - 1) for wall, figure in figures), 4),
        'coverage': round(sum(figure.low <= wall <= figure.high for wall, figure in figures) / len(rows), 4),
        'width': round(median(figure.high / figure.low for _, figure in figures), 3),
        'factor_error': round(factor_error(rows, factor), 4),
    }
    found['holds'] = (
        found['median_error'] <= BARS['median_error']
        and found['median_error'] < found['factor_error']
        and found['coverage'] >= BARS['coverage']
        and found['width'] <= BARS['width']
    )
    return found


def factor_error(rows: Iterable[Row], factor: float) -> float:
    return median(abs(factor * row.read / row.wall - 1) for row in rows)


def best_factor(rows: Iterable[Row]) -> float:
    """The one factor on what was read whose median error is least: it is one row's own."""
    rows = list(rows)
    factors = sorted(row.wall / row.read for row in rows)
    return min(factors, key=lambda factor: factor_error(rows, factor))


def table(title: str, rows: Sequence[Row], groups: bool = True) -> dict[str, Any]:
    """Judge each group, each kind and all rows, and print it; the factor is the best for all rows together."""
    if not rows:
        return {}
    factor = best_factor(rows)
    print(f'\n{title}\n{"":44} {"rows":>5} {"error":>7} {"within":>7} {"width":>6} {f"x {factor:.2f}":>8}')
    by_group = {', '.join(group): [row for row in rows if row.group == group] for group in _each(r.group for r in rows)}
    by_kind = {f'every {kind}': [row for row in rows if row.machine.kind == kind] for kind in _each(_kinds(rows))}
    found: dict[str, Any] = {'factor': round(factor, 4)}
    for name, mine in {**(by_group if groups else {}), **by_kind, 'all': rows}.items():
        found[name] = told = judge(mine, factor)
        print(
            f'{name:44.44} {told["rows"]:5} {told["median_error"]:7.1%} {told["coverage"]:7.0%} {told["width"]:6.2f} '
            f'{told["factor_error"]:8.1%}'
        )
    if not groups:
        return found
    found['groups_alike'] = {
        name: round(mean(found[group][name] for group in by_group), 4) for name in ('median_error', 'factor_error')
    }
    print(f'{"mean of the groups":50} {found["groups_alike"]["median_error"]:7.1%} ', end='')
    print(f'{"":14} {found["groups_alike"]["factor_error"]:8.1%}')
    return found


def _kinds(rows: Iterable[Row]) -> Iterable[str]:
    return (row.machine.kind for row in rows)


def _each(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def left_out(rows: Sequence[Row]) -> dict[str, Any]:
    """Leave each benchmark out, and each machine; fit one figure (the fixed watts) to the others of its kind."""
    print('\nLeft out: the fixed watts fitted to the others of the kind, and one factor fitted to the same')
    found: dict[str, Any] = {}
    for group in [*_each(row.group for row in rows), *_each(row.group[:1] for row in rows)]:
        mine = [row for row in rows if row.group[: len(group)] == group]
        others = [row for row in rows if row.group[: len(group)] != group and row.machine == mine[0].machine]
        if not others:
            continue
        fixed = min((step / 20 for step in range(61)), key=lambda fixed: error(others, fixed))
        found[', '.join(group)] = told = {
            'rows': len(mine),
            'fixed': fixed,
            'median_error': round(error(mine, fixed), 4),
            'factor_error': round(factor_error(mine, best_factor(others)), 4),
        }
        print(f'{", ".join(group):44.44} {len(mine):5} {told["median_error"]:7.1%}', end='')
        print(f'   fixed x {fixed:.2f}   factor {told["factor_error"]:.1%}')
    return found


def error(rows: Sequence[Row], fixed: float) -> float:
    return median(abs(at_the_wall(row, fixed).value / row.wall - 1) for row in rows)


def mlperf(folder: Path) -> dict[str, Any]:
    """Nodes of 8 x H100 where no component was read: the supply, and the order of size.

    GPUs are taken at 0.95 (0.8 to 1) of their thermal design power, two processors of 300 W at half of it, memory
    at 80 W. So this tells whether the sum is of the right size, not how good readings would make it.
    """
    rows = [
        row
        for row in table_of(folder, 'mlperf_power_runs')
        if float(row['min_log_coverage'] or 0) >= 0.96 and float(row['node_min_w'] or 0) > 0
    ]
    if not rows:
        return {}
    figure = _guessed(SMC)
    print('\nMLPerf v4.0, 8 x H100 in liquid: no component was read, so GPUs are taken at 0.95 of their power')
    print(f'taken: {figure.value:.0f} W ({figure.low:.0f} to {figure.high:.0f})')
    found: dict[str, Any] = {'taken_w': [round(each) for each in (figure.value, figure.low, figure.high)]}
    for nodes in ('one node', 'many nodes'):
        walls = [
            float(row['node_avg_w'])
            for row in rows
            if row['measurement_point'].startswith('AC') and (row['nodes'] == '1') == (nodes == 'one node')
        ]
        within = sum(figure.low <= wall <= figure.high for wall in walls) / len(walls)
        off = median(abs(figure.value / wall - 1) for wall in walls)
        found[nodes] = {'rows': len(walls), 'median_error': round(off, 4), 'coverage': round(within, 4)}
        print(f'{nodes:44} {len(walls):5} {off:7.1%} {within:7.0%} {figure.high / figure.low:6.2f}')
    return found | {'supply': _supply(rows)}


def _guessed(machine: Machine) -> Quantity:
    told = Source('load', 'Assumed: share of the thermal design power in training')
    host = Source('host', 'Assumed: two processors of 300 W at half load')
    parts: dict[Component, Quantity] = {
        'gpu': Quantity.between(5320, 4480, 5600, 'W', basis='assumed', source=told),
        'cpu': Quantity.between(300, 200, 500, 'W', basis='assumed', source=host),
        'dram': Quantity.between(80, 40, 160, 'W', basis='assumed', source=host),
    }
    unseen = Unseen(machine, cpu_measured=True)
    drawn = unseen.between(1.0, {component: watts.value for component, watts in parts.items()})
    return total([*parts.values(), *(part.accuracy * Quantity(drawn[part.name], 'W') for part in unseen.sensors)])


def _supply(rows: Iterable[dict[str, str]]) -> float:
    """Power behind the supplies over power before them, over benchmarks that were read on both sides."""
    sides: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows:
        key = (row['system'], row['benchmark'])
        sides.setdefault(key, {}).setdefault(row['measurement_point'][:2], []).append(float(row['node_avg_w']))
    ratios = [median(side['DC']) / median(side['AC']) for side in sides.values() if len(side) == 2]
    print(f'{"supply, DC over AC":44} {len(ratios):5} {min(ratios):.3f} to {max(ratios):.3f}')
    return round(median(ratios), 4)


if __name__ == '__main__':
    sys.exit(main())
