"""What a compiled step sends between devices, read from the program that XLA made of it.

In data parallel training each device adds up its gradients with all others': an all-reduce of as many bytes as all
weights have. Fully sharded, weights are gathered where they are used, and their gradients come back in shares.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

_KINDS = ('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all', 'collective-permute')
_BITS = {'pred': 8, 'bf16': 16}
_COMPUTATION = re.compile(r'^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$')
_COLLECTIVE = re.compile(rf'= (.*?) ({"|".join(_KINDS)})(?:-start)?\(')
_ARRAY = re.compile(r'([a-z]+\d*\w*)\[([\d,]*)\]')
_CALLED = re.compile(r'(?:body|calls|to_apply|true_computation|false_computation)=%?([\w.\-]+)')
_BRANCHES = re.compile(r'branch_computations=\{([^}]*)\}')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


def bytes_by_kind(compiled: Any) -> dict[str, int]:
    """Bytes of the results of each kind of collective, in one step of a compiled loop.

    A loop whose length is known, such as that over the blocks of a stack, counts as often as it runs; the loop over the
    steps counts once. Of branches the largest counts.

    Args:
        compiled: A `jax.stages.Compiled`.

    Example:
        >>> import jax
        >>> bytes_by_kind(jax.jit(lambda x: x + 1).trace(np.ones(3)).lower().compile())
        {}
    """
    computations, entry = _computations(compiled.as_text())
    return dict(sorted(_count(entry, computations, {}).items()))


def sent_by_each(by_kind: Mapping[str, int], devices: int) -> float:
    """Bytes that each device sends in a step, where its collectives go round in rings.

    With R bytes of a result and n devices: an all-reduce sends 2 (n - 1) / n R, an all-gather and an exchange of all
    with all (n - 1) / n R, a reduce-scatter, whose result is a share, (n - 1) R, and a permutation R.

    Args:
        by_kind: As from `bytes_by_kind`.
        devices: Which take part in each.

    Source:
        Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations".

    Example:
        >>> sent_by_each({'all-reduce': 800}, 8), sent_by_each({'all-gather': 800}, 8)
        (1400.0, 700.0)
    """
    part = (devices - 1) / devices
    times = {'all-reduce': 2 * part, 'reduce-scatter': devices - 1.0, 'collective-permute': 1.0}
    return sum(times.get(kind, part) * count for kind, count in by_kind.items())


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """The lines of each computation, and the name of the one that is called first."""
    found: dict[str, list[str]] = {}
    name = entry = ''
    for line in text.splitlines():
        if head := _COMPUTATION.match(line):
            name = head[1]
            found[name] = []
            entry = name if line.startswith('ENTRY') else entry
        elif name:
            found[name].append(line)
    return found, entry


def _count(name: str, computations: dict[str, list[str]], known: dict[str, Counter[str]]) -> Counter[str]:
    if name in known:
        return known[name]
    total: Counter[str] = Counter()
    for line in computations.get(name, ()):
        if (collective := _COLLECTIVE.search(line)) is not None:
            total[collective[2]] += _result_bytes(collective[1], '-start(' in line)
            continue  # what it calls adds two numbers
        trips = int(match[1]) if (match := _TRIPS.search(line)) else 1
        called = [_count(each, computations, known) for each in _CALLED.findall(line)]
        for each in called:
            total.update({kind: trips * count for kind, count in each.items()})
        if (branches := _BRANCHES.search(line)) is not None:
            several = [_count(each.strip().lstrip('%'), computations, known) for each in branches[1].split(',')]
            total.update(max(several, key=lambda each: sum(each.values())))
    known[name] = total
    return total


def _result_bytes(told: str, started: bool) -> int:
    """Bytes of an instruction's result; of one that is only started, which names its operand first, of the last."""
    sizes = [_bits(kind) // 8 * _elements(shape) for kind, shape in _ARRAY.findall(told)]
    return sizes[-1] if started and len(sizes) == 2 else sum(sizes)


def _elements(shape: str) -> int:
    return math.prod(int(size) for size in shape.split(',') if size)


def _bits(kind: str) -> int:
    if kind in _BITS:
        return _BITS[kind]
    digits = re.match(r'[a-z]+(\d+)', kind)
    return max(int(digits[1]), 8) if digits else 0
