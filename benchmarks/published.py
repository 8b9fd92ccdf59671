"""Hold forecasts by formulas against published trainings: how long they took, and what power was measured.

    python benchmarks/published.py [FOLDER] [--keep]

FOLDER (else HEFTED_VALIDATE) holds `published_runs.csv` and `mlperf_power_runs.csv`, which do not ship.

- Time: of rows marked good for it, from parameters, tokens, hardware and number of devices alone. Beside it the best
  constant utilisation for the same rows (0.40 is what people take), and the best constant of operations by design
  power (TDP) and second. A row without a number of devices is compared by accelerator-hours.
- Throughput of BERT-large (`mlperf_like.csv`), by device counts. Padded tokens are counted, so whoever packs sequences
  exceeds what is forecast.
- Power, which is energy given the duration: of MLPerf's runs, and of published rows whose power was measured, at the
  point where it was (before the supplies, behind them, or of the accelerators alone). Beside it the best multiple of
  TDP. MLPerf's runs differ in number: they are told one by one, and pooled by machine, benchmark and point.

Left out: one factor on the model is set by all other rows (other groups, for power), and judged on what was left out.
One vote a paper: rows of one paper are alike (one team, one code, one cluster), so a table of rows counts a team that
published four models four times. There each paper has one vote, the factor is set by the other papers, and it moves the
interval too: that is nearest to what a stranger's training meets.
The model's constants were set with these rows in sight, and the width of its interval with the bar for it: rows that
nobody here has seen judge it better than this file can, and less kindly.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from published_rows import Row, energy_rows, measured_rows, mlperf_rows, pooled, throughput_rows, time_rows

RESULTS = Path(__file__).parent / 'results' / 'published.json'
BARS = {
    'time': {'median_error': 0.20, 'coverage': 0.80, 'width': 2.2},
    'power': {'median_error': 0.10, 'coverage': 0.85, 'width': 1.5},
}
_BARS = {True: 'held', False: 'missed', None: 'none set'}


def main() -> int:
    """Print the tables; the exit status is 1 when a bar is missed and 2 without rows."""
    options = arguments()
    folder = Path(options.folder or os.environ.get('HEFTED_VALIDATE', ''))
    if not (folder / 'published_runs.csv').is_file():
        print('The published rows are not here: name their folder, or set HEFTED_VALIDATE to it.', file=sys.stderr)
        return 2
    good, weak = (time_rows(folder, use) for use in ('good', 'weak'))
    power = [*mlperf_rows(folder), *measured_rows(folder)]
    result: dict[str, Any] = {
        'date': str(datetime.date.today()),
        'bars': BARS,
        'time': time_table('Time, rows marked good', good, each=True),
        'time_weak': time_table('Time, rows marked weak (hours that hold more, or tokens that are not certain)', weak),
        'throughput': time_table('Throughput of BERT-large', throughput_rows(folder)),
        'energy': power_table(
            'Measured energy, from parameters, tokens and hardware alone', energy_rows(folder), 'MWh'
        ),
        'power': power_table('Power, each row alike', power),
        'power_pooled': power_table('Power, pooled by machine, benchmark and point', pooled(power), 'W'),
    }
    if options.keep:
        RESULTS.write_text(json.dumps(result, indent=1) + '\n', 'utf-8')
    return 0 if all(result[name].get('holds', True) for name in ('time', 'power', 'power_pooled')) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', nargs='?', help='where the published rows are')
    parser.add_argument('--keep', action='store_true', help=f'write benchmarks/results/{RESULTS.name}')
    return parser.parse_args()


def judge(rows: Sequence[Row], bars: dict[str, float]) -> dict[str, Any]:
    """Median error, share of rows within the interval, median width; errors of simpler models."""
    return {
        'rows': len(rows),
        'median_error': error(rows, told_value),
        'coverage': round(inside(rows), 4),
        'width': round(median(row.told.high / row.told.low for row in rows), 3),
        'left_out_error': left_out(rows, told_value),
        'bars': bars,
    }


def error(rows: Sequence[Row], told: Callable[[Row], float], factor: float = 1.0) -> float:
    return round(median(abs(factor * told(row) / row.real - 1) for row in rows), 4)


def best_factor(rows: Sequence[Row], told: Callable[[Row], float]) -> float:
    """The one factor whose median error is least: it is one row's own."""
    return min((row.real / told(row) for row in rows), key=lambda factor: error(rows, told, factor))


def left_out(rows: Sequence[Row], told: Callable[[Row], float]) -> float:
    """The median error where one factor is set by the other groups."""
    off: list[float] = []
    for group in dict.fromkeys(row.group for row in rows):
        others = [row for row in rows if row.group != group]
        factor = best_factor(others, told) if others else 1.0
        off += [abs(factor * told(row) / row.real - 1) for row in rows if row.group == group]
    return round(median(off), 4)


def by_paper(rows: Sequence[Row]) -> dict[str, Any]:
    """The same with one vote a paper, and with the factor that the other papers set."""
    of = {paper: [row for row in rows if row.paper == paper] for paper in dict.fromkeys(row.paper for row in rows)}
    moved = without_each(of, told_value)
    return {
        'papers': len(of),
        'median_error': round(median(error(mine, told_value) for mine in of.values()), 4),
        'coverage': round(sum(map(inside, of.values())) / len(of), 4),
        'left_out_error': left_by_paper(of, told_value),
        'left_out_coverage': round(sum(inside(mine, moved[paper]) for paper, mine in of.items()) / len(of), 4),
        'constant_left_out_error': left_by_paper(of, of_simple),
        'tdp_left_out_error': left_by_paper(of, of_other),
    }


def left_by_paper(of: dict[str, list[Row]], told: Callable[[Row], float]) -> float:
    moved = without_each(of, told)
    return round(median(error(mine, told, moved[paper]) for paper, mine in of.items()), 4)


def without_each(of: dict[str, list[Row]], told: Callable[[Row], float]) -> dict[str, float]:
    """For each paper the factor that is the middle of all others'; 1 where there is no other."""
    own = {paper: median(row.real / told(row) for row in rows) for paper, rows in of.items()}
    return {paper: median([each for other, each in own.items() if other != paper] or [1.0]) for paper in of}


def inside(rows: Sequence[Row], factor: float = 1.0) -> float:
    """The share of rows within their intervals, moved by a factor."""
    return sum(factor * row.told.low <= row.real <= factor * row.told.high for row in rows) / len(rows)


def told_value(row: Row) -> float:
    return row.told.value


def holds(found: dict[str, Any], rivals: Iterable[float]) -> bool:
    bars = found['bars']
    return (
        found['median_error'] <= bars['median_error']
        and found['coverage'] >= bars['coverage']
        and found['width'] <= bars['width']
        and all(found['median_error'] < rival for rival in rivals)
    )


def time_table(title: str, rows: Sequence[Row], each: bool = False) -> dict[str, Any]:
    """Judge durations, and print what was found."""
    if not rows:
        return {}
    constant, by_tdp = best_factor(rows, of_simple), best_factor(rows, of_other)
    found = judge(rows, BARS['time'])
    found['constant'] = {
        'utilisation': round(1 / constant, 3),
        'median_error': error(rows, of_simple, constant),
        'left_out_error': left_out(rows, of_simple),
        'median_error_of_0.40': error(rows, of_simple, 1 / 0.40),
    }
    found['tdp'] = {
        'gflop_per_joule': round(1e3 / by_tdp),
        'median_error': error(rows, of_other, by_tdp),
        'left_out_error': left_out(rows, of_other),
    }
    if all(row.paper for row in rows):
        found['by_paper'] = by_paper(rows)
    if each:  # the others are told, and no bar is set for them
        found['holds'] = holds(found, (found[name]['median_error'] for name in ('constant', 'tdp')))
    heading(title, found)
    print(f'{f"constant utilisation {1 / constant:.2f}":52} {rival(found["constant"])}')
    print(f'{"constant utilisation 0.40":52} {found["constant"]["median_error_of_0.40"]:7.1%}')
    print(f'{f"{1e3 / by_tdp:,.0f} GFLOP for each J of TDP":52} {rival(found["tdp"])}')
    return found | ({'each': told_each(rows, 'h')} if each else {})


def power_table(title: str, rows: Sequence[Row], each: str = '') -> dict[str, Any]:
    """Judge powers, and print what was found; a chip without a design power is not the multiplier's to miss."""
    if not rows:
        return {}
    with_tdp = [row for row in rows if row.simple]
    factor = best_factor(with_tdp, of_simple)
    found = judge(rows, BARS['power'])
    found['tdp'] = {
        'factor': round(factor, 3),
        'median_error': error(with_tdp, of_simple, factor),
        'left_out_error': left_out(with_tdp, of_simple),
    }
    if each != 'MWh':  # time's interval is in it: no bar is set
        found['holds'] = holds(found, [found['tdp']['median_error']])
    heading(title, found)
    print(f'{f"TDP x {factor:.2f}":52} {rival(found["tdp"])}')
    return found | ({'each': told_each(rows, each)} if each else {})


def of_simple(row: Row) -> float:
    return row.simple


def of_other(row: Row) -> float:
    return row.other


def heading(title: str, found: dict[str, Any]) -> None:
    print(f'\n{title}\n{"":44} {"rows":>7} {"error":>7} {"left out":>9} {"within":>7} {"width":>6}  bars')
    print(
        f'{"Hefted":44} {found["rows"]:7} {found["median_error"]:7.1%} {found["left_out_error"]:9.1%} '
        f'{found["coverage"]:7.0%} {found["width"]:6.2f}  {_BARS[found.get("holds")]}'
    )
    if 'by_paper' in found:
        print(paper_line(found['by_paper']))


def paper_line(found: dict[str, Any]) -> str:
    return (
        f'{"one vote a paper":44} {found["papers"]:7} {found["median_error"]:7.1%} {found["left_out_error"]:9.1%} '
        f'{found["coverage"]:7.0%}         {found["left_out_coverage"]:.0%} within with a paper left out; '
        f'error of a constant {found["constant_left_out_error"]:.1%}, by TDP {found["tdp_left_out_error"]:.1%}'
    )


def rival(found: dict[str, float]) -> str:
    return f'{found["median_error"]:7.1%} {found["left_out_error"]:9.1%}'


def told_each(rows: Sequence[Row], unit: str) -> list[dict[str, Any]]:
    for row in rows:
        inside = '' if row.told.low <= row.real <= row.told.high else '  outside'
        print(f'  {row.name:56.56} {row.told.value:11,.4g} for {row.real:11,.4g} {unit}{ratio(row):8}{inside}')
    return [
        {
            'name': row.name,
            'error': round(row.told.value / row.real - 1, 3),
            'within': row.told.low <= row.real <= row.told.high,
        }
        for row in rows
    ]


def ratio(row: Row) -> str:
    return f'{row.told.value / row.real - 1:+8.0%}'


if __name__ == '__main__':
    sys.exit(main())
