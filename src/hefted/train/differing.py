"""In what a training is another than the one that a checkpoint is of."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any

DATA = 'data'  # a line for each array
OF_EACH = ' of each'  # such lines of each process that brings rows of its own, by rank
NUMBERED = 'layer '  # and its number, where the config of a model names one of its layers
_PLACE = re.compile(r'\["([^"]*)", (?=\d+, \d+\])')  # [layer, call, number]: an output of a layer
_VALUES = re.compile(r'(?<=\)) [0-9a-f]{8}$')


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> Generator[str]:
    """What is another, in words.

    Args:
        mine: What a training is, of strings, numbers and lists by name.
        theirs: What the one of a checkpoint was.
    """
    mine, theirs = mine.copy(), theirs.copy()
    for name in (DATA, f'validation {DATA}'):
        _align(mine, theirs, name)
    for name, here in mine.items():
        there = theirs.get(name)
        if here == there or (name == 'seed' and here is None):
            continue
        if isinstance(here, list) and isinstance(there, list):
            pairs: Any = zip(here, there, strict=False)  # pyright: ignore[reportUnknownArgumentType]
            number = next((i for i, (one, other) in enumerate(pairs) if one != other and not _older(one, other)), None)
            if number is not None:
                yield _difference(f'{name} {number}', here[number], there[number])
            elif len(here) != len(there):
                yield f'of {name}s there are {len(here)} here and {len(there)} there'
        else:
            yield _difference(name, here, there)


def without_values(line: str) -> str:
    """The line of an array without the hash of its values."""
    return _VALUES.sub('', line)


def _align(mine: dict[str, Any], theirs: dict[str, Any], name: str) -> None:
    """Tell data process by process where as many brought it, else by shapes, unless all had all of it both times."""
    each = [told.pop(f'{name}{OF_EACH}', None) for told in (mine, theirs)]
    if each == [None, None]:
        return
    for told, parts in zip((mine, theirs), each, strict=True):
        if None not in each and len(each[0]) == len(each[1]):
            del told[name]
            told |= {f'rank {rank}: {name}': lines for rank, lines in enumerate(parts)}
        elif name in told:
            told[name] = [without_values(line) for line in told[name]]


def _older(here: Any, there: Any) -> bool:
    """Whether a layer that an older checkpoint tells, with names in it, is the same but for these."""
    if not (isinstance(here, str) and isinstance(there, str)):
        return False
    names = _PLACE.findall(there)
    return any(not name.startswith(NUMBERED) for name in names) and _by_turns(here) == _by_turns(there)


def _by_turns(line: str) -> str:
    """A line with names of layers by number, as they come."""
    numbers: dict[str, int] = {}
    return _PLACE.sub(lambda found: f'[{numbers.setdefault(found[1], len(numbers))}, ', line)


def _difference(name: str, here: Any, there: Any) -> str:
    """How one thing differs; of two objects of one class, in what first."""
    try:
        (kind, mine), (other, theirs) = json.loads(here), json.loads(there)
        if kind == other:
            part = next(part for part in sorted(mine) if mine[part] != theirs.get(part))
            return f'{name}, {kind}, has {part} {_short(mine[part])} here and {_short(theirs.get(part))} there'
    except (TypeError, ValueError, AttributeError, StopIteration):  # neither is an object
        pass
    return f'{name} is {_short(here)} here and {_short(there)} there'


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f'{text[:159]}…'
