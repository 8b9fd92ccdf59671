"""Which variable of a model holds which array of a checkpoint, by their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hefted.saving.weights import MisfitError
from hefted.variables import Variable

_NUMBER = re.compile(r'_\d+$')
_WORD = re.compile(r'([^_/]+?)(?:_(\d+))?(?=[_/]|$)')
_REMEDY = 'build the model as it was, or write skip_mismatch=True.'


class Found(NamedTuple):
    """An array of a checkpoint.

    Attributes:
        group: Of variables, that it is in.
        path: Its own.
        shape: Its.
    """

    group: str
    path: str
    shape: tuple[int, ...]


Pairs = list[tuple[Variable, Found]]


def paired(variables: Sequence[Variable], found: Mapping[str, Found], model: str) -> tuple[Pairs, dict[str, Exception]]:
    """Which variable will hold which array.

    Args:
        variables: Of one kind.
        found: Arrays of that kind, by their paths.
        model: Its name.

    Returns:
        The pairs, and what is wrong with the others, by path.
    """
    pairs: Pairs = []
    misfits: dict[str, Exception] = {}
    names = names_of([v.path for v in variables], found, model)
    for variable in variables:
        array = found.get(names.get(variable.path, ''))
        wrong = _misfit(variable, array)
        if wrong is not None:
            misfits[variable.path] = wrong
        elif array is not None:
            pairs.append((variable, array))
    for path in sorted(found.keys() - set(names.values()))[:1]:
        misfits[path] = MisfitError(
            f'The checkpoint holds {path!r}, of shape {found[path].shape}, which the model has not. It was saved from '
            f'a model of another architecture: {_REMEDY}'
        )
    return pairs, misfits


def _misfit(variable: Variable, array: Found | None) -> MisfitError | None:
    """Why a variable cannot hold an array; a seed may go without."""
    if array is None:
        if not variable.made_trainable and variable.dtype == 'uint32':
            return None
        return MisfitError(
            f'The checkpoint has no weights for {variable.path!r}, of shape {variable.shape}. It was saved from a '
            f'model of another architecture, or whose layers have other names: {_REMEDY}'
        )
    if array.shape != variable.shape:
        return MisfitError(
            f'Expected shape {variable.shape} for {variable.path!r}, received {array.shape} in the checkpoint. '
            f'{_REMEDY.capitalize()}'
        )
    return None


def names_of(paths: Sequence[str], found: Iterable[str], model: str) -> dict[str, str]:
    """The path in a checkpoint for each path of a model.

    Names that were made up have numbers, which go on from model to model of a process, and a sequential model's name is
    part of the paths of its weights only if it was not made of a config. So paths that differ in these alone are taken
    in their order, where there are as many on both sides. (Keras leaves such weights as they were, and does not say.)

    Example:
        >>> names_of(['net_1/dense_2/bias', 'net_1/dense_3/bias'], ['dense/bias', 'dense_1/bias'], 'net_1')
        {'net_1/dense_2/bias': 'dense/bias', 'net_1/dense_3/bias': 'dense_1/bias'}
    """
    stored = set(found)
    if stored.issuperset(paths):
        return {path: path for path in paths}
    prefix = re.compile(rf'(^|/){re.escape(_NUMBER.sub("", model))}(?:_\d+)?[/_]')
    alike = _by_words(stored, prefix)
    names = {path: path for path in paths if path in stored}
    for words, here in _by_words(paths, prefix).items():
        there = alike.get(words, [])
        if len(there) == len(here):
            names |= zip(here, there, strict=True)
    return names


def _by_words(paths: Iterable[str], prefix: re.Pattern[str]) -> dict[tuple[str, ...], list[str]]:
    """Paths by what they are without their numbers and the model's name, in the order of the numbers."""
    groups: dict[tuple[str, ...], list[tuple[list[int], str]]] = {}
    for path in paths:
        parts = _WORD.findall(prefix.sub(r'\1', path, count=1))
        numbers = [int(number or 0) for _, number in parts]
        groups.setdefault(tuple(word for word, _ in parts), []).append((numbers, path))
    return {words: [path for _, path in sorted(group)] for words, group in groups.items()}
