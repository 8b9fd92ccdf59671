"""How good forecasts are: `python benchmarks/forecasts.py [workload …] [--rounds N] [--quick]`.

Each workload runs in a process of its own, rounds going around the workloads in turn, so that what disturbs the machine
disturbs all. A process trains one model once and says what was foreseen before its first step, what that forecast cost,
what it had become after a twentieth of the steps, and what the training took from the forecast's moment on. The
programs are those of tests/programs, made longer; MNIST is read from the folder that HEFTED_DATASETS names.

Bars: before the first step, the median error of the duration at most 15 %, the worst 40 %, 90 % intervals that hold at
least 85 % of the trainings, the median of high/low at most 1.5; the utilisation likewise (operations are counted, so
it is off as the duration is, the other way); after a twentieth, the median error at most 5 %; a forecast costs at most
3 % of a training of 30 s, and 0.1 s before the reference program.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
PROGRAMS = HERE.parent / 'tests' / 'programs'
RESULT = HERE / 'results' / 'forecasts.json'

# Epochs that make a training some five seconds long on two cores, and one of them half a minute.
EPOCHS = {
    'attention': 6000,
    'autoencoder': 18000,
    'custom_layer': 18000,
    'custom_training_step': 8000,
    'image': 3500,
    'several_inputs': 16000,
    'siamese': 20000,
    'tabular': 22000,
    'text': 5500,
    'time_series': 4000,
    'transfer': 26000,
    'mnist_mlp': 12,
    'mnist_cnn': 2,
    'transformer': 3,
    'longer': 12,
    'reference': 10,
}


def main() -> int:
    """Measure, print, keep; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('workloads', nargs='*', metavar='workload', help=f'of {", ".join(EPOCHS)}')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--quick', action='store_true', help='one round, and nothing is kept')
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.workloads or list(EPOCHS)
    if unknown := set(names) - set(EPOCHS):
        parser.error(f'unknown workload: {", ".join(sorted(unknown))}. There are {", ".join(EPOCHS)}')
    if options.child:
        print(json.dumps(trained(names[0], EPOCHS[names[0]])))
        return 0
    rows = rounds(names, 1 if options.quick else options.rounds)
    verdicts = judged(rows)
    for text, kept in verdicts:
        print(f'{"kept  " if kept else "MISSED"} {text}')
    if not options.quick:
        RESULT.write_text(json.dumps(rows, indent=1) + '\n', 'utf-8')
    return 0 if all(kept for _, kept in verdicts) else 1


def rounds(names: list[str], count: int) -> list[dict[str, Any]]:
    """One row for each training."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folders = {'HEFTED_CACHE_DIR': f'{scratch}/cache', 'HEFTED_DATA_DIR': f'{scratch}/data'}
        for number in range(count):
            for name in names:
                command = [sys.executable, __file__, name, '--child']
                ran = subprocess.run(command, env=os.environ | folders, capture_output=True, text=True, check=False)
                if ran.returncode:
                    print(f'{name}: {ran.stderr.strip().splitlines()[-1:]}', file=sys.stderr)
                    continue
                row = {'workload': name, 'round': number, **json.loads(ran.stdout.strip().splitlines()[-1])}
                rows.append(row)
                print(told(row), flush=True)
    return rows


def told(row: dict[str, Any]) -> str:
    """One line for a training."""
    later = row['later'] and f'{100 * (row["later"] / row["seconds"] - 1):+.0f} %'
    return (
        f'{row["workload"]:<21} {row["how"]:<8} {row["seconds"]:7.2f} s, foreseen {row["foreseen"]:7.2f} '
        f'({row["low"]:.2f} to {row["high"]:.2f}) {100 * (row["foreseen"] / row["seconds"] - 1):+4.0f} %, '
        f'after a twentieth {later}; energy {100 * (row["joules_foreseen"] / row["joules"] - 1):+.0f} %; '
        f'cost {1e3 * row["cost"]:.0f} ms'
    )


def judged(rows: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Each bar in words, and whether it is kept; of the reference program, milliseconds long, only the cost counts."""
    long = [row for row in rows if row['workload'] != 'reference']
    ratios = [row['foreseen'] / row['seconds'] for row in long]
    off, used = [abs(ratio - 1) for ratio in ratios], [abs(1 / ratio - 1) for ratio in ratios]
    later = [abs(row['later'] / row['seconds'] - 1) for row in long if row['later']]
    held = [row['low'] <= row['seconds'] <= row['high'] for row in long]
    wide = [row['high'] / row['low'] for row in long]
    first = [row['cost'] for row in rows if row['workload'] == 'reference']
    longer = [row['cost'] / row['seconds'] for row in rows if row['workload'] == 'longer']
    share = sum(held) / max(len(held), 1)
    return [
        _within('duration before the first step: median error', off, median, 0.15),
        _within('duration before the first step: worst', off, max, 0.4),
        (f'its intervals hold {100 * share:.0f} % (85)', share >= 0.85),
        (f'its median high/low {median(wide or [math.inf]):.2f} (1.5)', median(wide or [math.inf]) <= 1.5),
        _within('utilisation: median error', used, median, 0.15),
        _within('utilisation: worst', used, max, 0.4),
        _within('duration after a twentieth: median error', later, median, 0.05),
        (f'cost before the reference program {1e3 * max(first or [math.inf]):.0f} ms (100)', max(first or [1]) <= 0.1),
        _within('cost of the longer training', longer, max, 0.03),
    ]


def _within(what: str, shares: list[float], of: Callable[[list[float]], float], bar: float) -> tuple[str, bool]:
    found = of(shares or [math.inf])
    return f'{what} {100 * found:.1f} % ({100 * bar:.0f})', found <= bar


# In a process of its own


class _Found(Exception):
    """The training that was wanted is over."""


def trained(name: str, epochs: int) -> dict[str, Any]:
    """Train a workload's first model for so many epochs; what was foreseen and what it took."""
    from hefted import Model
    from hefted.models import fitting
    from hefted.train import loop

    times: dict[str, float] = {}
    histories: list[Any] = []
    foresee, fit, train = fitting.foresee, Model.fit, loop.fit

    def timed(*arguments: Any, **more: Any) -> Any:
        begun = time.perf_counter()
        found = foresee(*arguments, **more)
        times['foreseen'] = time.perf_counter()
        times['cost'] = times['foreseen'] - begun
        return found

    def to_the_end(job: Any) -> None:
        train(job)
        times['ended'] = time.perf_counter()

    def longer(self: Any, *arguments: Any, **more: Any) -> Any:
        more.pop('callbacks', None)  # which may end it early
        histories.append(fit(self, *arguments, **more | {'epochs': epochs, 'initial_epoch': 0, 'verbose': 0}))
        raise _Found

    fitting.foresee, loop.fit, Model.fit = timed, to_the_end, longer
    with contextlib.suppress(_Found):
        (WORKLOADS.get(name) or program(name))()
    return figures(histories[0], times)


def figures(history: Any, times: dict[str, float]) -> dict[str, Any]:
    """What a training came to, as one row."""
    from hefted.ledger.journal import runs_folder, settle

    settle(5.0)
    lines = map(json.loads, (runs_folder() / f'{history.run}.jsonl').read_text('utf-8').splitlines())
    later = next((line['forecast_at'] for line in lines if 'forecast_at' in line), None)
    forecast = history.forecast
    phases = history.footprint.phases
    return {
        'how': forecast.how,
        'foreseen': forecast.duration.value,
        'low': forecast.duration.low,
        'high': forecast.duration.high,
        'seconds': times['ended'] - times['foreseen'],
        'cost': times['cost'],
        'later': later and later['seconds'],
        'joules_foreseen': forecast.energy.value,
        'joules': sum(phases[phase].energy.value for phase in ('train', 'validate') if phase in phases),
    }


def program(name: str) -> Any:
    """`main` of a program of tests/programs, Hefted in Keras's place."""
    source = (PROGRAMS / f'{name}.py').read_text('utf-8')
    source = re.sub(r'^import keras$', 'import hefted as keras', source, flags=re.MULTILINE)
    source = re.sub(r'^from keras import', 'from hefted import', source, flags=re.MULTILINE)
    names: dict[str, Any] = {'__name__': name}
    exec(compile(source, f'{name}.py', 'exec'), names)
    return names['main']


def mnist(convolutional: bool) -> None:
    """Handwritten digits by a dense network, or by a convolutional one."""
    from hefted import Sequential, layers
    from hefted.datasets import mnist as data

    (x, y), held_out = data.load_data()
    x = x.reshape(-1, 28, 28, 1).astype('float32') / 255
    held = held_out[0].reshape(-1, 28, 28, 1).astype('float32') / 255, held_out[1]
    body = (
        [
            layers.Conv2D(16, 3, activation='relu'),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation='relu'),
            layers.MaxPooling2D(),
            layers.Flatten(),
        ]
        if convolutional
        else [layers.Flatten(), layers.Dense(256, activation='relu'), layers.Dropout(0.3)]
    )
    model = Sequential([*body, layers.Dense(10, activation='softmax')])
    model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
    model.fit(x, y, batch_size=128, validation_data=held)


def transformer() -> None:
    """Two encoder blocks, 256 wide, over sequences of 64 vectors."""
    import numpy as np

    from hefted import Model
    from hefted.layers import Dense, Input, LayerNormalization, MultiHeadAttention

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((512, 64, 256), dtype=np.float32), rng.integers(0, 10, (512, 64))
    inputs = flow = Input(x.shape[1:])
    for _ in range(2):
        flow = LayerNormalization()(flow + MultiHeadAttention(4, 64)(flow, flow))
        flow = LayerNormalization()(flow + Dense(256)(Dense(1024, activation='gelu')(flow)))
    model = Model(inputs, Dense(10, activation='softmax')(flow))
    model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
    model.fit(x, y, batch_size=8)


def reference() -> None:
    """The program that the README opens with."""
    exec((HERE.parent / 'examples' / 'reference.py').read_text('utf-8'), {'__name__': 'reference'})


WORKLOADS = {
    'mnist_mlp': lambda: mnist(False),
    'mnist_cnn': lambda: mnist(True),
    'transformer': transformer,
    'longer': transformer,
    'reference': reference,
}

if __name__ == '__main__':
    sys.exit(main())
