"""Hold forecasts of BERT, from model and machine alone, against what NVIDIA and others published of its pre-training.

    python benchmarks/bert_reference.py [FILE] [--keep]

FILE (else HEFTED_BERT_REFERENCE) is `bert_reference.csv`, which does not ship: throughputs of BERT-large on 1 to 16
V100 and 1 to 8 A100 in two lengths and two precisions, and hours of whole trainings on 8 to 1,472 devices. What is
forecast knows the shape (24 or 12 layers, 1,024 or 768 wide), the machine, the number of devices, the precision, the
length and the batch, and nothing of the row.

- Batches are those of the README of NVIDIA's DeepLearningExamples, BERT for PyTorch, container 19.07 (read again in
  November 2026 in the copy that Microsoft's onnxruntime keeps): a V100 of 16 GB takes 16 sequences of 128 tokens at
  once in mixed precision, one of 32 GB 64, and 4 and 8 of 512; gradients are accumulated over as many of those as make
  65,536 and 32,768 sequences, and travel once a step. Those of the A100 are recalled to be the same in all.
- Hours of NVIDIA's recipe are of 7,038 steps of 65,536 sequences of 128 tokens, and 1,563 of 32,768 of 512.
- Left out are rows whose work is not told (MosaicBERT's abstract; 24hBERT and crammed BERT, whose hours were set and
  not found), and Habana's first Gaudi, which the catalogue does not hold.

THESE ROWS WERE SEEN when utilisation.py was set, so how near the forecasts are to them proves little, and is told last
("as shipped, rows seen").

The headline takes back the five constants that rest on BERT by what utilisation.py says of each: what TF32 and plain
float32 reach (1 then), the software of V100s (it is what makes GPT-3 reach 0.205 of their peak then: Chowdhery et al.
2022, table 3), and how much less and more teams reached on chips before 2020 (as much as on others then). It is how far
off a stranger's chip and code may be, and what the interval is for. IT IS NOT BLIND: all other constants were set
against several models' figures, and these throughputs were among them; how much of each they set is not on record.

Beside it, factors that some rows set, one for each precision and the best for them, are judged on others: from
throughputs to hours of whole trainings of the same team's code and back, and to the hours of others (Strubell et al.
and Devlin et al., whose work is not certain); from V100 to A100 and back, where a factor of one chip does harm on
another.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from published import best_factor, error, inside, left_out, ratio, told_value
from published_rows import Row

from hefted.forecast import utilisation
from hefted.forecast.analytic import forecast_for, forecast_recipe
from hefted.forecast.machines import Machines, machines
from hefted.forecast.planning import plan_of
from hefted.forecast.recipes import BERT_LARGE, LAMB_LARGE, ORIGINAL_BASE, Recipe

RESULTS = Path(__file__).parent / 'results' / 'bert_reference.json'
BARS = {'median_error': 0.25, 'coverage': 0.80}
PRECISIONS = {'FP32': 'float32', 'TF32': 'float32', 'mixed': 'float16'}
# Names in the file, and what the catalogue calls them; a DGX-1 held V100 of 16 GB (the README's table of hours).
HARDWARE = {
    'V100-SXM3-32GB (DGX-2)': ('V100-SXM3-32GB', 16),
    'V100-SXM2-32GB (DGX-1)': ('V100-SXM2-32GB', 8),
    'V100-SXM2-16GB (DGX-1)': ('V100-SXM2-16GB', 8),
    'A100-SXM4-40GB (DGX A100)': ('A100-SXM4-40GB', 8),
}
SYSTEMS = {
    'DGX-1 V100': ('V100-SXM2-16GB', 8),
    'DGX-2H V100': ('V100-SXM3-32GB-H', 16),
    'DGX A100': ('A100-SXM4-40GB', 8),
    'V100-SXM3-32GB (92 DGX-2H)': ('V100-SXM3-32GB-H', 16),
    'TPU chips': ('TPU v2', None),
}
ACCUMULATED = {128: 65_536, 512: 32_768}
A_MILLION = 1_000_000
SET_BY_BERT = ('_TF32', '_PLAIN', '_OLD_SOFTWARE', '_OLD_DOWN', '_OLD_UP')


def main() -> int:
    """Print the tables; the exit status is 1 when a bar is missed and 2 without rows."""
    options = arguments()
    file = Path(options.file or os.environ.get('HEFTED_BERT_REFERENCE', ''))
    if not file.is_file():
        print('The published rows are not here: name their file, or set HEFTED_BERT_REFERENCE.', file=sys.stderr)
        return 2
    found = judged(file)
    if options.keep:
        RESULTS.write_text(json.dumps({'date': str(datetime.date.today())} | found, indent=1) + '\n', 'utf-8')
    return 0 if found['all']['holds'] else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='bert_reference.csv')
    parser.add_argument('--keep', action='store_true', help=f'write benchmarks/results/{RESULTS.name}')
    return parser.parse_args()


def judged(file: Path) -> dict[str, Any]:
    """Every table, printed."""
    with file.open(encoding='utf-8', newline='') as opened:
        told = list(csv.DictReader(opened))
    throughputs, hours = rows_of(told, 'pretrain_throughput', throughput), rows_of(told, 'time_to_train', hours_of)
    left = [row['hardware'] for row in told if row['kind'] == 'time_to_train' and hours_of(row) is None]
    with without_these_rows():
        again = rows_of(told, 'pretrain_throughput', throughput), rows_of(told, 'time_to_train', hours_of)
    found: dict[str, Any] = {'bars': BARS, 'unseen': unseen(*again)}
    print(f'\n{"As shipped, rows seen":34} {"rows":>5} {"error":>7} {"left out":>9} {"within":>7}  bars')
    found |= {
        'throughput': line('Throughput', throughputs),
        'hours': line('Hours of whole trainings', hours),
        'all': line('All of them', [*throughputs, *hours]),
        'without': line("All, without BERT's constants", [*again[0], *again[1]], barred=False),
    }
    print()
    for row in [*throughputs, *hours]:
        off = '' if inside([row]) else '  outside'
        print(f'  {row.name:58.58} {row.told.value:9,.4g} for {row.real:9,.4g} h{ratio(row):8}{off}')
    for name in left:
        print(f'  {name:58.58} no forecast: its work, or its machine, is not known')
    each = [{'name': row.name, 'error': round(told_value(row) / row.real - 1, 3)} for row in [*throughputs, *hours]]
    return found | {'each': each, 'no_forecast': left}


def unseen(throughputs: list[Row], hours: list[Row]) -> dict[str, Any]:
    """What rows say without BERT's constants, and where some set a factor for each precision and others judge; printed.

    Args:
        throughputs: Forecast without those constants.
        hours: The same of whole trainings.
    """
    mine = [row for row in hours if 'NVIDIA' in row.name]
    rows = {
        'V100': [row for row in [*throughputs, *mine] if 'V100' in row.name],
        'A100': [row for row in [*throughputs, *mine] if 'A100' in row.name],
        'throughputs': throughputs,
        'hours': mine,
        'hours of others': [row for row in hours if row not in mine],
    }
    print(f'{"Forecasts without the constants that rest on BERT":50} {"rows":>5} {"error":>7} {"within":>7}')
    found: dict[str, Any] = {}
    found['headline'] = one_line("Without BERT's constants: all but hours of others", [*throughputs, *mine])
    for on in (each for each in ('V100', 'A100') if rows[each]):
        found[f'nothing to {on}'] = one_line(f'  {on}', rows[on])
    ways = ('throughputs', 'hours'), ('hours', 'throughputs'), ('throughputs', 'hours of others')
    for by, on in (*ways, ('V100', 'A100'), ('A100', 'V100')):
        if not rows[by] or not rows[on]:
            continue
        moved = [set_by(rows[by], row) for row in rows[on]]
        found[f'{by} to {on}'] = one_line(f'A factor of {by}, judged on {on}', moved)
    return found


def one_line(title: str, rows: list[Row]) -> dict[str, Any]:
    figures = {'rows': len(rows), 'median_error': error(rows, told_value), 'coverage': round(inside(rows), 4)}
    print(f'{title:50} {len(rows):5} {figures["median_error"]:7.1%} {figures["coverage"]:7.0%}')
    return figures


def set_by(rows: list[Row], row: Row) -> Row:
    """A row whose forecast is moved by the factor that others of its precision set; of all, where they have none."""
    alike = [other for other in rows if precision_of(other) == precision_of(row)]
    factor = best_factor(alike or rows, told_value)
    return row._replace(told=row.told * factor)


def precision_of(row: Row) -> str:
    """Whole trainings are all in mixed precision."""
    return 'float32' if 'float32' in row.name else 'float16'


def rows_of(told: list[dict[str, str]], kind: str, read: Callable[[dict[str, str]], Row | None]) -> list[Row]:
    return [row for each in told if each['kind'] == kind and (row := read(each)) is not None]


def line(title: str, rows: list[Row], barred: bool = True) -> dict[str, Any]:
    """Judge rows, and print it; a bar holds with one factor left out too."""
    found: dict[str, Any] = {
        'rows': len(rows),
        'median_error': error(rows, told_value),
        'left_out_error': left_out(rows, told_value),
        'coverage': round(inside(rows), 4),
        'width': round(median(row.told.high / row.told.low for row in rows), 2),
    }
    holds = max(found['median_error'], found['left_out_error']) <= BARS['median_error']
    found['holds'] = holds and found['coverage'] >= BARS['coverage']
    bars = ('held' if found['holds'] else 'missed') if barred else 'none set'
    print(
        f'{title:34} {found["rows"]:5} {found["median_error"]:7.1%} {found["left_out_error"]:9.1%} '
        f'{found["coverage"]:7.0%}  {bars}'
    )
    return found


def throughput(row: dict[str, str]) -> Row | None:
    """Hours for a million sequences."""
    name, per_node = HARDWARE[row['hardware']]
    count, length, precision = int(row['device_count']), int(row['sequence_length']), PRECISIONS[row['precision']]
    on = machines(f'{count} x {name}', per_node)
    shape = replace(BERT_LARGE, sequence_length=length)
    plan = plan_of(tokens=A_MILLION * length, batch=ACCUMULATED[length], precision=precision, shape=shape)
    told = forecast_for(plan, on, 'US', shape=shape).duration.to('h')
    group = f'BERT-large, {name}, {precision}, {length}'
    return Row(f'{group}, {count}', group, group, told, A_MILLION / float(row['value']) / 3600, 0.0)


def hours_of(row: dict[str, str]) -> Row | None:
    """Hours of a whole training; None where its work or its machine is not known."""
    known = recipe_of(row)
    on = system(row['hardware'], int(row['device_count']))
    if known is None or on is None:
        return None
    told = forecast_recipe(known, on, 'US').duration.to('h')
    name = f'{known.name}, {row["hardware"]}, {row["device_count"]}'
    return Row(name, f'{known.name}, {on.chip.name}', name, told, float(row['value']), 0.0)


def recipe_of(row: dict[str, str]) -> Recipe | None:
    model = row['model']
    if model.startswith('BERT-large'):
        return LAMB_LARGE
    if model == 'BERT-base':
        return ORIGINAL_BASE.computed_in('bfloat16')
    return ORIGINAL_BASE if 'Strubell' in model else None


def system(told: str, count: int) -> Machines | None:
    known = next((chip for name, chip in SYSTEMS.items() if name in told), None)
    known = known or (SYSTEMS['DGX-2H V100'] if 'DGX-2H' in told else None)
    return known and machines(f'{count} x {known[0]}', known[1])


@contextmanager
def without_these_rows() -> Iterator[None]:
    """The model without the constants that rest on BERT."""
    kept = {name: getattr(utilisation, name) for name in SET_BY_BERT}
    try:
        utilisation._TF32 = utilisation._PLAIN = 1.0
        utilisation._OLD_DOWN = utilisation._OLD_UP = 1.0
        utilisation._OLD_SOFTWARE *= 0.205 / of_gpt3()
        yield
    finally:
        for name, value in kept.items():
            setattr(utilisation, name, value)


def of_gpt3() -> float:
    """What the model has V100s reach with GPT-3, on 10,000 of them by its paper."""
    known = utilisation.utilisation(175e9, machines('10000 x V100'), tokens_per_step=3.2e6, width=12_288)
    assert known is not None
    return known.share.value


if __name__ == '__main__':
    sys.exit(main())
