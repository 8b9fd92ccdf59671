"""Published rows as (what Hefted says, what was published); `published.py` judges them."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

from hefted.errors import ArgumentError
from hefted.forecast import device_power
from hefted.forecast.analytic import forecast_for, plan_of
from hefted.forecast.device_power import Load, Point
from hefted.forecast.machines import Machines, machines
from hefted.forecast.utilisation import utilisation
from hefted.quantities import Quantity

MONTH = 30 * 86_400.0  # s: where no number of devices is told, as many as take a month at a third of their peak
KNOWN_SIZES = {  # parameters of models that a row names without their number
    'BERT-small': 29e6,
    'DenseNet-169': 14e6,
    'DenseNet-201': 20e6,
    'ViT-Tiny': 5.7e6,
    'ViT-Large': 307e6,
    'ViT-Huge': 632e6,
    '6B transformer': 6e9,
}
# Operations of training on one sample, and what share of a peak such kernels reach: the work that a plan knows.
BENCHMARKS = {
    'resnet': (24.6e9, 0.1),  # 3 x 8.2 GFLOP; its kernels stream
    'ssd': (1.0e12, 0.35),  # RetinaNet, ResNeXt50, 800 x 800
    'retinanet': (1.0e12, 0.35),
    'unet3d': (6.0e12, 0.35),
    'bert': (5.0e11, 0.35),  # 6 x 336 M x about 250 tokens without padding
    'gpt3': (2.15e15, 0.38),  # 6 x 175 G x 2,048
    'llama31_405b': (2.0e16, 0.38),
    'llama2_70b_lora': (2.3e15, 0.38),  # 4 x 70 G x 8,192: frozen weights have no gradient of their own
    'stable_diffusion': (2.4e12, 0.35),
    'dlrm_dcnv2': (1.0e8, 0.1),
}


class Row(NamedTuple):
    """One published figure.

    Attributes:
        name: What it is of.
        group: What is left out whole: a model, or all runs of a benchmark.
        pool: What counts as one: a machine, a benchmark and a point of measurement.
        told: What Hefted says, in the figure's unit.
        real: What was published.
        simple: What the simplest model has in its place, up to one constant: operations over peak, or design power.
        other: Likewise, of a second simple model.
        paper: Who published it: rows of one team's paper are alike in what nobody else's are.
    """

    name: str
    group: str
    pool: str
    told: Quantity
    real: float
    simple: float
    other: float = 0.0
    paper: str = ''


def table_of(folder: Path, name: str) -> list[dict[str, str]]:
    path = folder / f'{name}.csv'
    if not path.is_file():
        print(f'{path.name} is not there: its rows are left out.', file=sys.stderr)
        return []
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def number(text: str | None) -> float:
    return float(text) if text else 0.0


def hardware(name: str, count: int, per_node: int | None = None) -> Machines | None:
    """The machines of a row; None, and a line, where the catalogue does not hold them."""
    inside = re.search(r'\((.*?(?:SXM|GB\d00).*?)\)', name)
    said = re.sub(r' in the paper.*| \(.*', '', inside[1] if inside else name)
    try:
        return machines(f'{count} x {said}', per_node)
    except ArgumentError as error:
        print(f'left out, {name}: {error}', file=sys.stderr)
        return None


def time_rows(folder: Path, use: str) -> list[Row]:
    """Accelerator-hours, from parameters, tokens, hardware and number of devices alone."""
    found: list[Row] = []
    for row in table_of(folder, 'published_runs'):
        parameters, tokens = number(row['parameters']), number(row['tokens_or_examples'])
        hours = number(row['accelerator_hours']) or number(row['duration_h']) * number(row['accelerator_count'])
        if row['use_for_time_forecast'] != use or not (parameters and tokens and hours):
            continue
        if row['unit_of_examples'] and 'token' not in row['unit_of_examples']:
            continue
        active = number(row['active_parameters']) or parameters
        on = hardware(row['accelerator'], int(number(row['accelerator_count'])) or 1)
        peak = on and on.chip.peak()
        if on is None or peak is None:
            continue
        flops = 6 * active * tokens
        if not row['accelerator_count']:
            on = hardware(row['accelerator'], 8 * max(1, round(flops / (8 * peak * 0.33 * MONTH)))) or on
        told = forecast_for(plan_of(parameters, tokens, active=active), on, 'US').duration.to('h') * on.count
        joules = flops / (1e12 * 3600 * (on.chip.watts or 1000.0))
        paper = paper_of(row.get('source') or row['model'])
        found.append(Row(row['model'], row['model'], row['model'], told, hours, flops / (peak * 3600), joules, paper))
    return found


def paper_of(source: str) -> str:
    """The paper or the repository that a source names first.

    Example:
        >>> paper_of('LLaMA paper Table 15 (paper text'), paper_of('github.com/meta-llama/llama-models models/llama2')
        ('LLaMA', 'github.com/meta-llama/llama-models')
    """
    return re.split(r'[,(@]| Tables?\b| paper\b| report\b| blog\b| p\.| via | models/', source)[0].strip()


def throughput_rows(folder: Path) -> list[Row]:
    """Hours for a million sequences of BERT-large, at 1 to 512 accelerators."""
    found: list[Row] = []
    for row in table_of(folder, 'mlperf_like'):
        wanted = row['kind'] == 'throughput' and row['model'] == 'BERT-large' and 'pre-training' in row['task']
        if not wanted or not row['accelerator_count']:
            continue
        on = hardware(row['accelerator'], int(row['accelerator_count']))
        precision = 'float32' if row['precision'] in ('FP32', 'TF32') else 'float16'
        peak, length = on and on.chip.peak(precision), int(row['seq_len'])
        if on is None or peak is None:
            continue
        known = utilisation(336e6, on, width=1024, sequence_length=length, precision=precision)
        if known is None:
            continue
        ideal = 6 * 336e6 * 1e6 * length / (on.count * peak * 3600)
        group = ', '.join((row['framework'], on.chip.name, precision, row['seq_len']))
        joules = ideal * peak / 1e12 / (on.chip.watts or 300.0)
        real = 1e6 / number(row['sequences_per_s']) / 3600
        found.append(Row(f'{group}, {on.count}', group, group, Quantity(ideal, 'h') / known.share, real, ideal, joules))
    return found


def mlperf_rows(folder: Path) -> list[Row]:
    """Mean power of a run's nodes; its batch by accelerator is the plan's."""
    found: list[Row] = []
    for row in table_of(folder, 'mlperf_power_runs'):
        if number(row['min_log_coverage']) < 0.96 or number(row['node_min_w']) <= 0:
            continue
        nodes, count = int(row['nodes']), int(row['accelerators'])
        on = hardware(row['accelerator'], count, max(1, count // nodes))
        if on is None:
            continue
        on = cooled(on, row['cooling'])
        load = load_of_benchmark(on, row['benchmark'], number(row['global_batch_size']))
        pool = ', '.join((row['mlperf_round'], row['system'], row['benchmark'], row['measurement_point'][:2]))
        real = number(row['node_avg_w']) * nodes / count
        found.append(power_row(f'MLPerf {row["benchmark"]}', pool, on, load, point_of(row['measurement_point']), real))
    return found


def measured_rows(folder: Path) -> list[Row]:
    """Published rows whose power was measured and is told; MLPerf's are means of runs."""
    runs = table_of(folder, 'mlperf_power_runs')
    batches = {
        (row['mlperf_round'], row['benchmark'], row['accelerators']): number(row['global_batch_size']) for row in runs
    }
    whole = {
        (row['mlperf_round'], row['benchmark'], row['accelerators'])
        for row in runs
        if number(row['min_log_coverage']) >= 0.96 and number(row['node_min_w']) > 0
    }
    found: list[Row] = []
    for row in table_of(folder, 'published_runs'):
        real = number(row['avg_power_w_per_accelerator'])
        if not row['use_for_energy_model'].startswith('measured') or not real:
            continue
        on = hardware(row['accelerator'], max(1, int(number(row['accelerator_count']))))
        if on is None:
            continue
        told = re.search(r'cooling: ([^;]*)', row['note'])
        on = cooled(on, told[1]) if told else on
        benchmark = re.match(r'MLPerf Training (\S+) (\w+),', row['model'])
        if benchmark and (*benchmark.groups(), row['accelerator_count']) in whole:
            continue  # a mean of runs that are told one by one
        if benchmark:
            batch = batches.get((benchmark[1], benchmark[2], row['accelerator_count']), 0.0)
            load = load_of_benchmark(on, benchmark[2], batch)
        else:
            load = load_of_model(row, on)
        found.append(
            power_row(
                f'MLPerf {benchmark[2]}' if benchmark else row['model'],
                row['model'],
                on,
                load,
                point_of(row['power_scope']),
                real,
            )
        )
    return found


def power_row(group: str, pool: str, on: Machines, load: Load, point: Point, real: float) -> Row:
    told = device_power.at(point, on, device_power.power(on, load)) / float(on.count)
    return Row(pool, group, pool, told, real, on.chip.watts or 0.0)


def cooled(on: Machines, told: str) -> Machines:
    liquid = re.search('immersion|liquid|water', told, re.IGNORECASE)
    return replace(on, host=on.host._replace(cooling='liquid' if liquid else 'air'))


def point_of(told: str) -> Point:
    if 'GPU only' in told:
        return 'accelerators'
    return 'behind supplies' if 'DC' in told else 'wall'


def load_of_benchmark(on: Machines, benchmark: str, batch: float) -> Load:
    """What its accelerators do, by the batch of each; by one sample each where the batch is not told."""
    flops, reached = BENCHMARKS.get(benchmark, (1e12, 0.35))
    samples = batch / on.count if batch else 1.0
    return device_power.load_of_step(on, samples * flops / ((on.chip.peak() or 1e14) * reached), samples)


def load_of_model(row: dict[str, str], on: Machines) -> Load:
    size = next((size for name, size in KNOWN_SIZES.items() if name in row['model']), 0.0)
    parameters = number(row['parameters']) or size
    known = utilisation(parameters, on, active=number(row['active_parameters']) or None) if parameters else None
    return device_power.load_of(known, parameters) if known else Load(0.7, 0.15, 0.15, 1.3)


def energy_rows(folder: Path) -> list[Row]:
    """Measured energy of whole trainings, from parameters, tokens and hardware alone; MWh, before the facility's."""
    found: list[Row] = []
    for row in table_of(folder, 'published_runs'):
        parameters, tokens, real = (number(row[name]) for name in ('parameters', 'tokens_or_examples', 'energy_mwh'))
        measured = row['use_for_energy_model'].startswith('measured') and 'token' in row['unit_of_examples']
        if not (measured and parameters and tokens and real):
            continue
        on = hardware(row['accelerator'], int(number(row['accelerator_count'])) or 256)
        peak = on and on.chip.peak()
        if on is None or peak is None:
            continue
        active = number(row['active_parameters']) or parameters
        told = forecast_for(plan_of(parameters, tokens, active=active), on, 'US').footprint
        energy = told.components['gpu'] if 'gpu_only' in row['use_for_energy_model'] else told.energy
        if energy is not None:
            simple = 6 * active * tokens / (peak * 0.40) * (on.chip.watts or 0.0) / 3.6e9
            found.append(Row(row['model'], row['model'], row['model'], energy.to('MWh'), real, simple))
    return found


def pooled(rows: Sequence[Row]) -> list[Row]:
    """One row a group: the median of what was published."""
    pools = list(dict.fromkeys(row.pool for row in rows))
    of = {pool: [row for row in rows if row.pool == pool] for pool in pools}
    return [mine[0]._replace(real=median(row.real for row in mine)) for mine in of.values()]
