"""Whether budgets hold: many runs over drawn models, data and limits; none may pass its limit.

    python benchmarks/budgets.py --runs 200 --processes 20

Each run has a limit of one quantity, drawn between barely above what is spent before the first step and most of what
the whole training would take. Of what is used, reserved work counts. The first run of a process, which has the start-up
and the compiling, is tried in processes of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from typing import Any

os.environ.setdefault('HEFTED_PRICE', '3 USD/h')
QUANTITIES = ('energy', 'carbon', 'cost', 'duration', 'water', 'minerals')
FOR_EVER = 1_000_000


def model_of(kind: str) -> Any:
    """One of three small models, compiled."""
    from hefted import Sequential
    from hefted.layers import LSTM, Conv2D, Dense, Flatten, Input

    layers = {
        'dense': [Input((64,)), Dense(64, activation='relu')],
        'cnn': [Input((16, 16, 1)), Conv2D(8, 3, activation='relu'), Flatten()],
        'lstm': [Input((16, 8)), LSTM(16)],
    }
    model = Sequential([*layers[kind], Dense(1, activation='sigmoid')])
    model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
    return model


def data_of(kind: str, rows: int) -> tuple[Any, Any]:
    """Rows for it."""
    import numpy as np

    shape = {'dense': (64,), 'cnn': (16, 16, 1), 'lstm': (16, 8)}[kind]
    x = np.random.default_rng(rows).random((rows, *shape), 'float32')
    return x, (x.reshape(rows, -1).mean(1) > 0.5).astype('float32')


def drawn(seed: int) -> dict[str, Any]:
    """What one run is."""
    dice = random.Random(seed)
    return {
        'seed': seed,
        'kind': dice.choice(('dense', 'cnn', 'lstm')),
        'rows': dice.choice((512, 2048, 8192)),
        'batch': dice.choice((16, 32, 128)),
        'held_out': dice.random() < 0.4,
        'quantity': dice.choice(QUANTITIES),
        'seconds': dice.choice((0.15, 0.3, 0.6, 1.2, 2.5)) * dice.uniform(0.8, 1.25),
    }


def limited(run: dict[str, Any], model: Any, before: Any = None) -> dict[str, Any]:
    """Fit within a limit that lasts about so many seconds; what came of it.

    Args:
        run: As drawn.
        model: Compiled.
        before: A footprint from which its rates are taken; None to try without a limit first.
    """
    from hefted import Budget, Quantity
    from hefted.budget.limits import spent
    from hefted.budget.written import UNITS
    from hefted.errors import BudgetError

    x, y = data_of(run['kind'], run['rows'])
    arguments: dict[str, Any] = {'batch_size': run['batch'], 'verbose': 0}
    if run['held_out']:
        arguments['validation_data'] = (x[:256], y[:256])
    if before is None:
        before = model.fit(x, y, epochs=2, **arguments).footprint
        before = model.fit(x, y, epochs=3, **arguments).footprint
    name = run['quantity']
    rate = (spent(before, [name])[name] or 0.0) / before.duration.value
    limit = Budget(Quantity(rate * run['seconds'], UNITS[name]))
    try:
        history = model.fit(x, y, epochs=FOR_EVER, budget=limit, **arguments)
    except BudgetError as error:
        return run | {'refused': str(error)[:100]}
    took = spent(history.footprint, [name])[name] or 0.0
    share = took / limit.most(name)
    return run | {
        'used': share,
        'with_reserve': share * (1 + held_back(history) / history.footprint.duration.value),
        'seconds': history.footprint.duration.value,
        'step_share': (share / max(steps_of(history), 1)),
    }


def steps_of(history: Any) -> int:
    """How many steps a training took, as its journal says."""
    return max((line.get('step') or 0 for line in lines_of(history)), default=0)


def held_back(history: Any) -> float:
    """Seconds that were reserved for a validation that could not be paid for then."""
    return max((line.get('held_back') or 0.0 for line in lines_of(history)), default=0.0)


def lines_of(history: Any) -> list[dict[str, Any]]:
    """The lines of a run's journal."""
    from hefted.ledger import journal
    from hefted.ledger.lines import read

    journal.settle()
    return read(journal.runs_folder() / f'{history.run}.jsonl')


def alone(run: dict[str, Any]) -> dict[str, Any]:
    """The same as the first run of a process of its own."""
    told = subprocess.run(
        [sys.executable, __file__, '--one', json.dumps(run)], capture_output=True, text=True, check=False
    )
    if told.returncode:
        return run | {'failed': told.stderr[-300:]}
    return json.loads(told.stdout.splitlines()[-1])


def first_of_a_process(run: dict[str, Any]) -> dict[str, Any]:
    """Rates from what the start-up took; a limit of a few seconds more than the start-up and the compiling."""
    from hefted import meter

    with meter('before') as before:
        pass
    footprint = before.footprint
    run['seconds'] = 1.5 + 2 * run['seconds']
    return limited(run, model_of(run['kind']), footprint)


def told(runs: list[dict[str, Any]]) -> str:
    """The figures of all runs."""
    ran = [run for run in runs if 'used' in run]
    over = [run for run in ran if run['used'] > 1]
    used = sorted(run['with_reserve'] for run in ran)
    low = [run for run in ran if run['with_reserve'] < 0.95 and 20 * run['step_share'] < 0.01]
    refused, failed = ([run for run in runs if what in run] for what in ('refused', 'failed'))
    lines = [f'{len(runs)} runs: {len(over)} passed their limit, {len(refused)} refused, {len(failed)} failed']
    if used:
        tenth, middle = used[len(used) // 10], used[len(used) // 2]
        lines.append(f'used: least {used[0]:.3f}, tenth {tenth:.3f}, median {middle:.3f}, most {used[-1]:.4f}')
        lines.append(f'of those whose 20 steps cost under 1 %, {len(low)} used less than 95 %')
    lines += [f'PASSED {run}' for run in over] + [f'little used {run}' for run in low]
    return '\n'.join(lines + [f'FAILED {run}' for run in failed])


def main() -> None:
    """Run them all and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--runs', type=int, default=200)
    parser.add_argument('--processes', type=int, default=20, help='how many of them in processes of their own')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--one', help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(first_of_a_process(json.loads(given.one))))
        return
    begun, runs, models = time.monotonic(), [], {kind: model_of(kind) for kind in ('dense', 'cnn', 'lstm')}
    for seed in range(given.seed, given.seed + given.runs):
        run = drawn(seed)
        own = seed - given.seed < given.processes
        runs.append(alone(run) if own else limited(run, models[run['kind']]))
        print(json.dumps(runs[-1]), flush=True)
    print(told(runs))
    print(f'{time.monotonic() - begun:.0f} s')
    sys.exit(any(run.get('used', 0) > 1 for run in runs))


if __name__ == '__main__':
    main()
