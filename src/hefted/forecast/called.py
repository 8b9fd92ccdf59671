"""What people call accelerators: 'V100', 'H100 PCIe', 'tpu-v5e', a slice of TPUs ('v4-128'), a whole node ('DGX A100').

Whoever is not sure what is meant says so: a name that is read as another chip is a forecast that is wrong by factors,
and looks right.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hefted import settings
from hefted.errors import UnknownNameError, unknown_name
from hefted.footprint.accelerators import Accelerator, accelerator, find_accelerator
from hefted.footprint.tables import table

FORM = "Write an accelerator, how many and of what, such as '64 x V100', 'tpu-v5e:16' or '2 x aws:p4d.24xlarge'."
# Accelerators of these families are trained on in servers' baseboards far more often than in slots.
_FAMILY = re.compile(r'((?:p|v|a|h|b)\d00)(?:[ -]*sxm\d?)?(?:[ -]*(\d+) ?gb)?')
_BESIDE = re.compile(r'^(?:(?:nvidia|tesla)[ -]+)+| (?:gpu|tpu|card|chip|accelerator)s?$')
_MEMORY = re.compile(r'(\d+) ?gi?b\b')
# Google counts the TensorCores of a slice, two a chip, up to v5p; of the small chips, the chips
# (cloud.google.com/tpu/docs: v4, v5p-training, v5e, v6e).
_SLICE = re.compile(r'(?:(?:google |cloud )*tpu[ _-]?)?(v[2-6][a-z]*)[ _-](\d+)')
_CORES = {'v2': 2, 'v3': 2, 'v4': 2, 'v5p': 2, 'v5e': 1, 'v5litepod': 1, 'v6e': 1}
# NVIDIA's own servers: accelerators of one, by their data sheets.
_NODE = re.compile(r'(?:nvidia )?[dh]gx[ -]?(a100|h100|h200|b200|b300)(?:[ -]*(\d+) ?gb)?')
_OLD_NODES = {
    'dgx-1': ('V100-SXM2-16GB', 8),
    'dgx-2': ('V100-SXM3-32GB', 16),
    'dgx-2h': ('V100-SXM3-32GB-H', 16),
}


class Called(NamedTuple):
    """What a name means.

    Attributes:
        accelerator: Of what.
        number: How many of it the name tells by itself.
    """

    accelerator: Accelerator
    number: int = 1


def called(name: str) -> Called:
    """Tell what a name means.

    Args:
        name: As a person writes it.

    Raises:
        UnknownNameError: If it is not known, or may mean several; the message holds the nearest names.

    Example:
        >>> found = called('TPU v4-128')  # of 128 cores
        >>> found.accelerator.name, found.number
        ('TPU v4', 64)
        >>> called('DGX A100').number
        8
    """
    return _node(name.lower()) or _slice(name) or Called(_one(name))


def _node(said: str) -> Called | None:
    bare = said.removeprefix('nvidia ').replace('dgx ', 'dgx-')
    if bare in _OLD_NODES:
        of, count = _OLD_NODES[bare]
        return Called(accelerator(of), count)
    known = _NODE.fullmatch(said)
    return known and Called(_one(' '.join(['nvidia', known[1], *([f'{known[2]}gb'] if known[2] else [])])), 8)


def _slice(name: str) -> Called | None:
    """A slice of TPUs as Google names it."""
    known = _SLICE.fullmatch(name.lower())
    if known is None or known[1] not in _CORES:
        return None
    cores = int(known[2])
    chips, left = divmod(cores, _CORES[known[1]])
    if left or not chips:
        raise unknown_name('on', name, (), f"A slice of {known[1]} is named by its cores, two a chip: '{known[1]}-8'.")
    return Called(_one(f'tpu {known[1]}' if known[1] != 'v5litepod' else 'tpu v5e'), chips)


def _one(name: str) -> Accelerator:
    """The accelerator of a name; of a family's bare name, the one for baseboards, and with the memory that is said."""
    exactly = _by_whole_name(_squeezed(name))
    if exactly:
        return exactly
    bare = _BESIDE.sub('', _BESIDE.sub('', ' '.join(name.lower().split())))
    found = _of_family(bare) or _found(re.sub(r'^(tpu)[ _-]?(v\d)', r'\1 \2', bare))
    memory = _MEMORY.search(bare)
    if found is None or (memory and found.memory_gb and float(memory[1]) != found.memory_gb):
        raise _unknown(name)
    return found


def _of_family(said: str) -> Accelerator | None:
    known = _FAMILY.fullmatch(said.removesuffix('s') if said[-2:-1].isdigit() else said)
    if known is None:
        return None
    family, memory = known.groups()
    of = [row['name'] for row in table('accelerators').values() if f'{family.upper()} SXM' in row['name']]
    return next((accelerator(each) for each in of if memory is None or each.endswith(f' {memory}GB')), None)


def _found(said: str) -> Accelerator | None:
    """By a part of its name, which holds a figure: 'GPU' and 'x' are parts of many."""
    if not any(map(str.isdigit, said)) or re.search(r'\.|large\b', said):
        return None
    found = _by_word(said) or find_accelerator(said)
    return None if found is None or _cut_short(said, found) or _more_said(said, found) else found


def _more_said(said: str, found: Accelerator) -> bool:
    """Whether a figure was said that is no part of its name: 'RTX 4090 D2' is no RTX 4090."""
    key = ''.join(map(_squeezed, _all_names(found.row)))
    return any(word not in key for word in re.findall(r'[a-z]*\d+[a-z]*', _MEMORY.sub('', said)))


def _by_whole_name(key: str) -> Accelerator | None:
    name = _whole_names(settings.tables_folder()).get(key)
    return None if name is None else accelerator(name)


@cache
def _whole_names(own: Path | None) -> dict[str, str]:
    del own  # it decides what the table holds
    rows = table('accelerators').values()
    return {_squeezed(each): row['name'] for row in rows for each in _all_names(row) if each}


def _all_names(row: dict[str, str]) -> tuple[str, ...]:
    return (row['name'], *row['aliases'].split('|'))


def _cut_short(said: str, found: Accelerator) -> bool:
    """Whether a number was cut: 'H20' is no H200, though it begins its name."""
    key = _squeezed(said)
    names = [_squeezed(each) for each in _all_names(found.row)]
    after = [each.partition(key)[2][:1] for each in names if key in each]
    return bool(after) and key[-1:].isdigit() and all(map(str.isdigit, after))


def _squeezed(name: str) -> str:
    return ''.join(filter(str.isalnum, name.lower()))


def _by_word(said: str) -> Accelerator | None:
    """The accelerator whose name holds this word, such as 'Instinct MI300X'."""
    rows = table('accelerators').values()
    name = next((row['name'] for row in rows if said in row['name'].lower().split()), None)
    return None if name is None else accelerator(name)


def _unknown(name: str) -> UnknownNameError:
    """What people might have meant: whole names, and the words in them that hold figures."""
    rows = table('accelerators').values()
    words = {word for row in rows for word in row['name'].lower().split() if any(map(str.isdigit, word))}
    known = {word for word in words if word[0].isalpha()} | {row['name'].lower() for row in rows}
    return unknown_name('on', name, known, FORM)
