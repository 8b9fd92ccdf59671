"""Hefted and its peers, side by side: `python benchmarks/run.py [workload …] [--quick] [--rounds N] [--readme]`.

Rounds go around the peers in turn, so that what disturbs the machine disturbs all; the first round of each is thrown
away. Each peer runs in an environment of its own (benchmarks/.envs, made when it is first needed) and with its own
compile cache. Needs Linux or macOS.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import tables
from bars import judge
from environments import HERE, python_of, versions_of
from measure import Failed, measure
from workloads import PEERS, WORKLOADS, Program, Workload

RESULTS = HERE / 'results'

Runs = dict[str, dict[str, list[dict[str, Any]]]]


def main() -> int:
    """Measure, print, keep; the exit status is 1 when a bar is missed."""
    options = arguments()
    runs: Runs = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.workloads or WORKLOADS:
            runs[name] = rounds_of(name, WORKLOADS[name], options, Path(scratch))
            print(tables.workload(name, runs[name]), flush=True)
    verdicts = judge(runs)
    print(tables.bars(verdicts))
    if not options.quick:
        result = {'date': str(datetime.date.today()), 'machine': machine(runs), 'runs': runs}
        keep(result)  # with what else was measured today
        if options.readme:
            result['earlier'] = earlier(result)
            tables.write_readme(HERE.parent / 'README.md', result, judge(result['runs']))
    return 1 if any(verdict.told == 'MISSED' for verdict in verdicts) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('workloads', nargs='*', metavar='workload', help=f'of {", ".join(WORKLOADS)}')
    parser.add_argument('--quick', action='store_true', help='one round of each, to see that it works; keeps nothing')
    parser.add_argument('--rounds', type=int, default=5, help='how many count (at least 5 for a result)')
    parser.add_argument('--peers', nargs='*', choices=PEERS, help='only these; all that can do the work without it')
    parser.add_argument('--readme', action='store_true', help="write the table between the README's markers")
    options = parser.parse_args()
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f'unknown workload: {", ".join(sorted(unknown))}. There are {", ".join(WORKLOADS)}')
    return options


def rounds_of(
    name: str, workload: Workload, options: argparse.Namespace, scratch: Path
) -> dict[str, list[dict[str, Any]]]:
    """The figures of each peer, a dict a round."""
    programs = {
        peer: program for peer, program in workload.programs.items() if not options.peers or peer in options.peers
    }
    rows: dict[str, list[dict[str, Any]]] = {peer: [] for peer in programs}
    rounds = 0 if workload.once else 1 if options.quick else options.rounds
    for number in range(rounds + 1):
        for peer, program in list(programs.items()):
            caches = scratch / name / peer
            if not workload.warm:
                shutil.rmtree(caches, ignore_errors=True)
            print(f'{name}: {peer} {number}/{rounds}', file=sys.stderr, flush=True)
            try:
                figures = run_once(program, workload, caches, options)
            except Failed as failure:
                print(f'{name}: {peer} failed: {failure}', file=sys.stderr, flush=True)
                del programs[peer], rows[peer]
                continue
            if workload.once:
                rows = figures['rows']
            elif number:
                rows[peer].append(figures)
    return rows


def run_once(program: Program, workload: Workload, caches: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One run of one program, its caches in a folder of its own."""
    caches.mkdir(parents=True, exist_ok=True)
    variables = program.variables | {
        'BENCH_EPOCHS': str(workload.epochs[options.quick]),
        'BENCH_PAIRS': '2' if options.quick else str(options.rounds),
        'HEFTED_CACHE_DIR': str(caches / 'hefted'),
        'HEFTED_DATA_DIR': str(caches / 'data'),
        'TORCHINDUCTOR_CACHE_DIR': str(caches / 'inductor'),
        'KERAS_HOME': str(caches / 'keras'),
    }
    if not program.environment.startswith(('hefted', 'adopted')):
        # Hefted keeps a compile cache by itself; JAX's is switched on for the others
        variables |= {
            'JAX_COMPILATION_CACHE_DIR': str(caches / 'jax'),
            'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
            'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
        }
    command = [python_of(program.environment), HERE / 'peers' / program.file, *program.arguments]
    return measure(command, variables, caches)


def machine(runs: Runs) -> dict[str, Any]:
    """What the figures stand on, without anything that names the machine itself."""
    used = {
        WORKLOADS[name].programs[peer].environment
        for name, peers in runs.items()
        for peer in peers
        if peer in WORKLOADS[name].programs
    }
    return {
        'cpu': cpu_model(),
        'cores': os.cpu_count(),
        'system': f'{platform.system()} {platform.machine()}',
        'python': platform.python_version(),
        'versions': {name: versions_of(name) for name in sorted(used)},
    }


def cpu_model() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text('utf-8').splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')), 'unknown')


def file_of(result: dict[str, Any]) -> Path:
    about = result['machine']
    kind = f'{about["system"]}-{about["cores"]}-cores'.lower().replace(' ', '-')
    return RESULTS / f'{result["date"]}-{kind}.json'


def keep(result: dict[str, Any]) -> None:
    """One file a day and a kind of machine; workloads measured again replace what it holds of them."""
    about, path = result['machine'], file_of(result)
    RESULTS.mkdir(exist_ok=True)
    if path.exists():
        before = json.loads(path.read_text('utf-8'))
        result['runs'] = before['runs'] | result['runs']
        about['versions'] = before['machine']['versions'] | about['versions']
    path.write_text(json.dumps(result, indent=1) + '\n', 'utf-8')
    print(f'Kept in {path.relative_to(HERE.parent)}')


def earlier(result: dict[str, Any]) -> dict[str, list[str]]:
    """Fill in the workloads that were not measured on this day from the last day that has them, on such a machine.

    Returns:
        Those workloads by the day.
    """
    found: dict[str, list[str]] = {}
    kind = file_of(result).name.removeprefix(result['date'])
    for path in sorted(RESULTS.glob(f'*{kind}'), reverse=True):
        before = json.loads(path.read_text('utf-8'))
        for name in before['runs'].keys() & WORKLOADS.keys() - result['runs'].keys():
            result['runs'][name] = before['runs'][name]
            found.setdefault(before['date'], []).append(name)
    result['runs'] = {name: result['runs'][name] for name in WORKLOADS if name in result['runs']}
    return found


if __name__ == '__main__':
    sys.exit(main())
