"""Steps of BERT's pre-training on Hefted, on torch with transformers (compiled), and on Flax, in turn.

    python benchmarks/bert.py [--small] [--lengths 128 512] [--batch N] [--steps N] [--rounds N] [--keep]
                              [--python PEER=PATH …] [--peers …]

Prints sequences a second, MFU and joules a sequence of each, and Hefted's over the best of the others with its 95 %
interval. On a GPU it is BERT base in bfloat16; `--small` is 2 blocks of width 256 in float32, for a processor.

- The same work everywhere: masked tokens at 20 (of 128) or 80 (of 512) gathered places, next sentences, dropout 0.1,
  AdamW, random tokens without padding. Attention is each library's own: SDPA in torch, Flax's, and Hefted's.
- Each peer trains one epoch to compile and warm, and then as many steps again, which count. Rounds go around the peers
  in turn; the first of each is thrown away.
- Joules are the driver's counter of all GPUs over those steps (nvidia-ml-py in each environment). Where no GPU is, they
  are of the processor by Hefted's model, from the seconds and CPU seconds that each took.
- MFU is of the operations of the model (6 a parameter and token, and attention's 12 L d s), the same for all, over the
  peak of the catalogue; a processor has none.

A peer's interpreter is that of its environment (benchmarks/.envs), or the one that --python names.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from collections.abc import Sequence
from statistics import median
from typing import Any

from environments import HERE, python_of
from measure import Failed, measure
from statistics_of import median_ratio

PEERS = ('hefted', 'torch', 'flax')
ENVIRONMENTS = {'hefted': 'hefted', 'torch': 'bert_torch', 'flax': 'bert_flax'}
RESULTS = HERE / 'results' / 'bert.json'
BARS = {'speed': 1.0, 'energy': 1.0}  # Hefted's over torch's, on a GPU: at least, and at most
Runs = dict[str, list[dict[str, float]]]


def main() -> int:
    """Measure and print; the exit status is 1 when a bar is missed on a GPU, or a peer failed."""
    options = arguments()
    given = dict(each.split('=', 1) for each in options.python)
    found: dict[str, Any] = {}
    for length in options.lengths:
        runs = rounds_of(options, length, given)
        found[str(length)] = told(length, runs, options)
    if options.keep:
        RESULTS.write_text(json.dumps({'date': str(datetime.date.today())} | found, indent=1) + '\n', 'utf-8')
    return 0 if all(each['holds'] for each in found.values()) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--small', action='store_true', help='2 blocks of width 256 in float32, for a processor')
    parser.add_argument('--lengths', nargs='*', type=int, choices=(128, 512), default=[128, 512])
    parser.add_argument('--batch', type=int, help='sequences a step; 128 of 128 tokens and 32 of 512, small 8 and 2')
    parser.add_argument('--steps', type=int, help='that count, in each round; 50, small 8')
    parser.add_argument('--rounds', type=int, default=5, help='that count')
    parser.add_argument('--python', nargs='*', default=[], metavar='PEER=PATH', help='interpreters of your own')
    parser.add_argument('--peers', nargs='*', choices=PEERS, default=list(PEERS))
    parser.add_argument('--keep', action='store_true', help=f'write benchmarks/results/{RESULTS.name}')
    return parser.parse_args()


def rounds_of(options: argparse.Namespace, length: int, given: dict[str, str]) -> Runs:
    """What each peer took, round by round."""
    batch = options.batch or (8 if options.small else 128) * 128 // length
    steps = options.steps or (8 if options.small else 50)
    flags = ['--small'] if options.small else ['--bf16']
    numbers = [f'--length={length}', f'--batch={max(batch, 1)}', f'--steps={steps}']
    runs: Runs = {peer: [] for peer in options.peers}
    for number in range(options.rounds + 1):
        for peer in options.peers:
            python = given.get(peer) or python_of(ENVIRONMENTS[peer])
            with tempfile.TemporaryDirectory() as scratch:
                home = {'HEFTED_DATA_DIR': scratch, 'HF_HUB_OFFLINE': '1'}
                try:
                    figures = measure([python, HERE / 'peers' / f'bert_{peer}.py', *flags, *numbers], home, HERE)
                except Failed as failure:
                    print(f'{peer}: {failure}', file=sys.stderr)
                    continue
            if number:
                runs[peer].append(figures)
    return runs


def told(length: int, runs: Runs, options: argparse.Namespace) -> dict[str, Any]:
    """Print a table, and judge."""
    from hefted.forecast.effort import percent, rounded

    peak, name = device()
    print(f'\n{"BERT small" if options.small else "BERT base, bfloat16"}, {length} tokens, on {name}')
    print(f'{"":10} {"sequences/s":>12} {"MFU":>7} {"J a sequence":>13} {"loss":>7}')
    figures: dict[str, Any] = {}
    for peer, mine in runs.items():
        if not mine:
            continue
        speed, joules = median(map(speed_of, mine)), [joules_of(run) for run in mine]
        share = None if peak is None else flops_of(length, options.small) * speed / peak
        figures[peer] = {'sequences_per_s': speed, 'mfu': share, 'joules': median(joules), 'loss': mine[-1]['loss']}
        use = '–' if share is None else percent(share)
        print(f'{peer:10} {rounded(speed):>12} {use:>7} {rounded(median(joules)):>13} {mine[-1]["loss"]:7.3f}')
    figures |= ratios(runs, 'torch') | ratios(runs, 'flax')
    complete = set(figures) >= set(options.peers)
    return figures | {'device': name, 'holds': complete and (peak is None or holds(figures))}


def ratios(runs: Runs, peer: str) -> dict[str, Any]:
    """Hefted's speed and energy over a peer's, with their 95 % intervals."""
    pairs = list(zip(runs.get('hefted', []), runs.get(peer, []), strict=False))
    if not pairs:
        return {}
    ours, theirs = zip(*pairs, strict=True)
    speed = ratio([speed_of(run) for run in ours], [speed_of(run) for run in theirs])
    energy = ratio([joules_of(run) for run in ours], [joules_of(run) for run in theirs])
    for what, (value, low, high) in (('sequences a second', speed), ('joules a sequence', energy)):
        print(f"Hefted's {what} over those of {peer}: {value:.2f} ({low:.2f} to {high:.2f})")
    return {f'over_{peer}': {'speed': speed, 'energy': energy}}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    return median_ratio(ours, theirs)


def holds(figures: dict[str, Any]) -> bool:
    """Whether Hefted is as fast as torch, and takes no more."""
    over = figures.get('over_torch')
    return over is None or (over['speed'][0] >= BARS['speed'] and over['energy'][0] <= BARS['energy'])


def speed_of(run: dict[str, float]) -> float:
    return run['sequences'] / run['seconds']


def joules_of(run: dict[str, Any]) -> float:
    """Joules a sequence: the GPUs' by their counter, else the processor's by the model."""
    if run['joules'] is not None:
        return run['joules'] / run['sequences']
    from hefted import processor
    from hefted.metering.cpu_model import CpuModel, watts_for

    model = CpuModel(watts_for(processor.cpu_identity()), run['threads'])
    return sum(model.between(run['seconds'], run['cpu']).values()) / run['sequences']


def flops_of(length: int, small: bool) -> float:
    """Operations of training on one sequence: 6 a parameter and token, and attention's."""
    from hefted.forecast.planning import flops_of as of
    from hefted.forecast.recipes import BERT_BASE
    from hefted.forecast.shapes import Shape

    shape = Shape(layers=2, width=256, kind='encoder', parameters=3_900_000) if small else BERT_BASE
    return of(float(shape.parameters or 0), length, shape, length)


def device() -> tuple[float | None, str]:
    """The peak of the GPU that is here, and its name; of a processor no peak."""
    from hefted.errors import ArgumentError
    from hefted.forecast.called import called
    from hefted.forecast.chips import chip
    from hefted.forecast.here import _gpus

    names = _gpus()
    if not names:
        return None, 'a processor'
    try:
        return chip(called(names[0]).accelerator).peak('bfloat16'), names[0]
    except ArgumentError:
        return None, names[0]


if __name__ == '__main__':
    sys.exit(main())
