"""The benchmark of BERT's steps judges what it measured: over the peak of its numbers, and by torch alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'
TELLS = """
import sys
from argparse import Namespace

import bert
from hefted.forecast import here

here._gpus = lambda: (sys.argv[1],)
options = Namespace(small=sys.argv[2] == 'small', peers=['hefted', 'torch', 'flax'])
seconds = {'hefted': 2.0, 'torch': float(sys.argv[3]), 'flax': 1.0}
runs = {
    peer: [{'sequences': 64, 'seconds': each, 'joules': 100 * each, 'loss': 1.0}] * 5 for peer, each in seconds.items()
}
told = bert.told(128, runs, options)
share = told['hefted']['mfu']
print(share and bert.flops_of(128, options.small) * 32 / share / 1e12, told['holds'])
"""


@pytest.mark.parametrize(
    ('gpu', 'kind', 'torch', 'last'),
    [
        ('NVIDIA H200', 'base', '2.5', '989.0 True'),
        ('NVIDIA H200', 'small', '2.5', '494.5 True'),  # as TF32, in which JAX multiplies float32 there
        ('NVIDIA H200', 'base', '1.5', '989.0 False'),
        ('Tesla V100-SXM2-16GB', 'base', '1.5', 'None False'),
    ],
)
def test_mfu_is_over_the_peak_of_the_numbers_and_torch_sets_the_bar(gpu: str, kind: str, torch: str, last: str):
    done = subprocess.run(
        [sys.executable, '-c', TELLS, gpu, kind, torch], cwd=BENCHMARKS, capture_output=True, text=True, timeout=120
    )
    words = done.stdout.splitlines()[-1].split()
    found = [words[0] if words[0] == 'None' else f'{float(words[0]):.1f}', words[1]]
    assert found == last.split(), done.stderr
