"""Steps of BERT's pre-training on Hefted, on torch with transformers (compiled), and on Flax, in turn.

    python benchmarks/bert.py --keep        # all of it, on a GPU; makes its environments the first time
    python benchmarks/bert.py [--small] [--lengths 128 512] [--batch N] [--steps N] [--rounds N] [--keep]
                              [--python PEER=PATH …] [--peers …]

Prints sequences a second, MFU and joules a sequence of each, and Hefted's over those of each other with their 95 %
intervals. On a GPU it fails where Hefted is slower than torch, or takes more joules. It is BERT base in bfloat16 there;
`--small` is 2 blocks of width 256 in float32, for a processor.

- The same work everywhere: masked tokens at 20 (of 128) or 80 (of 512) gathered places, next sentences, dropout 0.1,
  AdamW, random tokens without padding. Attention is each library's own: SDPA in torch, Flax's, and Hefted's.
- Weights and AdamW's moments are float32 everywhere, products bfloat16: torch's autocast, Flax's dtype, Hefted's
  policy.
- Each peer trains one epoch to compile and warm, and then as many steps again, which count, from a device that has
  nothing left to do to a loss that was read. A run that compiles anything in those steps is an error, and so is one
  on a processor where a GPU is. Rounds go around the peers in turn; the first of each is thrown away.
- What is not the same: torch's rows lie on the device, Flax's come from the host step by step as in its examples, and
  Hefted's timed part is a whole `fit`, with its meter, its order of rows and its way to the device.
- All see one GPU. Joules are its driver's counter over those steps (nvidia-ml-py in each environment). Where no GPU is,
  they are of the processor by Hefted's model, from the seconds and CPU seconds that each took.
- MFU is of the products that the model needs, the same for all (the head's at the masked places alone, so that it is
  less than 6 a parameter and token would make of it), over the peak of the data sheet, dense, of these numbers; a
  processor has none.

A peer's interpreter is that of its environment (benchmarks/.envs), or the one that --python names.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from environments import HERE, python_of
from measure import Failed, measure
from statistics_of import median_ratio

sys.path.insert(0, str(HERE / 'peers'))
from bert_common import BASE, MASKED, SMALL

PEERS = ('hefted', 'torch', 'flax')
ENVIRONMENTS = {'hefted': 'bert_hefted', 'torch': 'bert_torch', 'flax': 'bert_flax'}
RESULTS = HERE / 'results'
BARS = {'speed': 1.0, 'energy': 1.0}  # Hefted's over torch's, on a GPU: at least, and at most
PROCESSOR = 'a processor'
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
        asked = {'date': str(datetime.date.today()), 'small': options.small, 'rounds': options.rounds}
        file_for(options).write_text(json.dumps(asked | found, indent=1) + '\n', 'utf-8')
    return 0 if all(each['holds'] for each in found.values()) else 1


def file_for(options: argparse.Namespace) -> Path:
    """Where results are kept: one file a device, so that a processor's never take a GPU's place."""
    words = re.findall('[a-z0-9]+', device()[1].lower())
    return RESULTS / f'{"-".join(["bert", *(["small"] if options.small else []), *words])}.json'


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--small', action='store_true', help='2 blocks of width 256 in float32, for a processor')
    parser.add_argument('--lengths', nargs='*', type=int, choices=(128, 512), default=[128, 512])
    parser.add_argument('--batch', type=int, help='sequences a step; 128 of 128 tokens and 32 of 512, small 8 and 2')
    parser.add_argument('--steps', type=int, help='that count, in each round; 50, small 8')
    parser.add_argument('--rounds', type=int, default=5, help='that count')
    parser.add_argument('--python', nargs='*', default=[], metavar='PEER=PATH', help='interpreters of your own')
    parser.add_argument('--peers', nargs='*', choices=PEERS, default=list(PEERS))
    parser.add_argument('--keep', action='store_true', help='write benchmarks/results/bert-DEVICE.json')
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
                home = {'HEFTED_DATA_DIR': scratch, 'HF_HUB_OFFLINE': '1', 'CUDA_VISIBLE_DEVICES': '0'}
                try:
                    figures = measure([python, HERE / 'peers' / f'bert_{peer}.py', *flags, *numbers], home, HERE)
                    checked(figures)
                except Failed as failure:
                    print(f'{peer}: {failure}', file=sys.stderr)
                    continue
            if number:
                runs[peer].append(figures)
    return runs


def checked(run: dict[str, Any]) -> None:
    """Refuse a run that is no fair one.

    Raises:
        Failed: If it compiled in the steps that count, or left the GPU that is here alone.
    """
    if run['compiled']:
        raise Failed(f'{run["compiled"]} programs were compiled in the steps that count')
    if device()[1] != PROCESSOR and (run['device'] == 'cpu' or run['joules'] is None):
        raise Failed('a GPU is here, and was not used, or its energy not read: install its JAX or torch, nvidia-ml-py')


def told(length: int, runs: Runs, options: argparse.Namespace) -> dict[str, Any]:
    """Print a table, and judge."""
    from hefted.forecast.effort import percent, rounded

    peak, name = device('float32' if options.small else 'bfloat16')
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
    return figures | {'device': name, 'holds': complete and (name == PROCESSOR or holds(figures))}


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
    """Operations of the products of training on one sequence: two forward and four backward for each weight's use.

    Blocks at all tokens, with attention's 12 L d s; the vocabulary's at the masked places alone; the pooler's once.
    """
    sizes = SMALL if small else BASE
    layers, width, hidden = sizes['layers'], sizes['width'], sizes['hidden']
    blocks = length * layers * (6 * (4 * width**2 + 2 * width * hidden) + 12 * width * length)
    head = 6 * MASKED[length] * (width**2 + width * sizes['vocabulary'])
    return blocks + head + 6 * (width**2 + 2 * width)


@cache
def device(precision: str = 'bfloat16') -> tuple[float | None, str]:
    """The peak of the GPU that is here in these numbers, and its name; of a processor no peak."""
    from hefted.errors import ArgumentError
    from hefted.forecast.called import called
    from hefted.forecast.chips import chip
    from hefted.forecast.here import _gpus

    names = _gpus()
    if not names:
        return None, PROCESSOR
    try:
        of = chip(called(names[0]).accelerator)
    except ArgumentError:
        return None, names[0]
    peak = of.published_peak(precision)
    return peak and peak / of.devices, names[0]


if __name__ == '__main__':
    sys.exit(main())
