"""Checkpoints of Orbax, ours or Keras's, read onto the devices that there are now.

A folder of `OrbaxCheckpoint` has one folder a step; within it `pytree` holds the variables by their paths, and
`model_config` the model. Each array is read as the distribution that is set lays it out: of one that is split every
device reads its own share, whatever devices wrote it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hefted.distribution import lead, shards
from hefted.distribution.parallel import distribution
from hefted.distribution.placing import Placing
from hefted.errors import ArchiveError, MissingFileError, NotBuiltError, warn
from hefted.saving.pairing import Found, Pairs, paired
from hefted.saving.weights import MisfitError, warn_of_misfits
from hefted.utils.nesting import flat
from hefted.variables import limited_bytes

_TREE, _CONFIG = 'pytree', 'model_config'
_WEIGHTS = ('trainable_variables', 'non_trainable_variables')
_OPTIMIZER, _METRICS = 'optimizer_variables', 'metrics_variables'
_FILES = {'orbax.checkpoint', 'pytree.orbax-checkpoint', 'checkpoint_metadata', '_CHECKPOINT_METADATA'}
_UNFINISHED = '.orbax-checkpoint-tmp'
_MOST_GROWN, _ALWAYS = 16, 64 << 20  # bytes of variables to a byte of the checkpoint's, and besides


class Stored(NamedTuple):
    """What a checkpoint says that it holds.

    Attributes:
        folder: Of its step.
        arrays: Shape and bytes of each, by group and path.
        has_config: Whether the model can be made of it.
    """

    folder: Path
    arrays: dict[str, dict[str, tuple[tuple[int, ...], int]]]
    has_config: bool


def is_checkpoint(path: Path) -> bool:
    """Whether a folder looks like Orbax's: of one checkpoint, or of the steps of a training."""
    if not path.is_dir():
        return False
    names = {each.name for each in path.iterdir()}
    return bool(names & _FILES) or any(_UNFINISHED in name for name in names) or bool(_steps(path))


def load_weights(model: Any, path: Path, skip_mismatch: bool = False) -> None:
    """Load a model's weights, and its optimizer's state, from the last checkpoint in a folder.

    Args:
        model: Built.
        path: Of a training's checkpoints, or of one.
        skip_mismatch: Whether what does not fit is passed over, with a warning.

    Raises:
        ImportError: Orbax is not installed.
        ArchiveError: There is no whole checkpoint, it is damaged, or does not fit the model, which is then as it was.
        NotBuiltError: The model has no weights yet.
    """
    if not model.built:
        raise NotBuiltError('The model has no weights to load into yet. Build it, or call it on data, first.')
    _fill(model, look(path), skip_mismatch)


def load_model(path: Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """Load a model from the last checkpoint in a folder.

    Args:
        path: Of a training's checkpoints, or of one.
        custom_objects: Users' classes and functions by name, besides those registered.
        compile: Whether to compile it as it was.

    Raises:
        ImportError: Orbax is not installed.
        ArchiveError: There is no whole checkpoint, it is damaged, or was saved with `save_weights_only=True`.
    """
    stored = look(path)
    if not stored.has_config:
        raise ArchiveError(
            f"Expected a checkpoint with the model's config, received {str(stored.folder)!r}, which has weights alone "
            '(save_weights_only=True). Build the model, and call its load_weights.'
        )
    with limited_bytes(_MOST_GROWN * _bytes(stored) + _ALWAYS):
        model = _made(stored, custom_objects, compile)
    if not hasattr(model, 'predict'):
        raise ArchiveError(f'Expected a model in {str(stored.folder)!r}, received {type(model).__name__}.')
    _fill(model, stored)
    return model


def look(path: Path) -> Stored:
    """What the last checkpoint in a folder holds, none of its arrays read.

    Raises:
        MissingFileError: There is no checkpoint that was written whole.
        ArchiveError: It is damaged.
    """
    library = shards.orbax('Reading a checkpoint of Orbax')
    folder = _last(path)
    try:
        about = library.checkpointables_metadata(folder.absolute()).metadata
        tree = about[_TREE]
        arrays = {group: {path: _told(meta) for path, meta in flat(nested)} for group, nested in tree.items()}
    except Exception as error:  # of Orbax or the file system: they have no common class
        raise ArchiveError(
            f'The checkpoint in {str(folder)!r} is damaged, or of another program: its list of arrays cannot be read '
            f'({type(error).__name__}: {str(error).strip()[:300]}). Take an earlier one.'
        ) from error
    return Stored(folder, arrays, _CONFIG in about)


def _last(path: Path) -> Path:
    """The folder of the last step, or the folder itself; the same for all processes."""
    steps = _steps(path)
    if not steps:
        if {each.name for each in path.iterdir()} & _FILES:
            return path
        raise MissingFileError(
            f'Expected a checkpoint in {str(path)!r}, found none that was written whole: whoever wrote there was '
            'ended before. Give the folder of another.'
        )
    return path / str(lead.decide(max(steps)))


def _steps(path: Path) -> list[int]:
    return [int(each.name) for each in path.iterdir() if each.name.isdecimal() and each.is_dir()]


def _made(stored: Stored, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    library = shards.orbax('Reading a checkpoint of Orbax')
    try:
        loaded = library.load_checkpointables(stored.folder.absolute(), {_CONFIG: None})
        config = json.loads(loaded[_CONFIG]['config'])
        if not compile:
            config.pop('compile_config', None)
    except Exception as error:
        raise ArchiveError(
            f'The config of the model in {str(stored.folder)!r} cannot be read ({type(error).__name__}: '
            f'{str(error).strip()[:300]}): the checkpoint is damaged. Take an earlier one.'
        ) from error
    from hefted.saving.archive import made

    return made(config, custom_objects, str(stored.folder))


def _fill(model: Any, stored: Stored, skip_mismatch: bool = False) -> None:
    """Set all variables that the checkpoint has; none unless the weights fit."""
    weights = [*model.trainable_variables, *model.non_trainable_variables]
    found = _group(stored, _WEIGHTS[0]) | _group(stored, _WEIGHTS[1])  # what was frozen then may not be now
    pairs, misfits = paired(weights, found, model.name)
    if misfits and not skip_mismatch:
        first = next(iter(misfits.values()))
        more = f' And {len(misfits) - 1} more do not fit.' if len(misfits) > 1 else ''
        raise MisfitError(f'{first}{more}')
    pairs += _of_optimizer(model, stored, misfits)
    metrics, _ = paired(model.metrics_variables, _group(stored, _METRICS), model.name)  # taken where they fit
    _read(stored, pairs + metrics)
    warn_of_misfits(misfits)


def _group(stored: Stored, name: str) -> dict[str, Found]:
    return {path: Found(name, path, shape) for path, (shape, _) in stored.arrays.get(name, {}).items()}


def _of_optimizer(model: Any, stored: Stored, misfits: dict[str, Exception]) -> Pairs:
    """The optimizer's variables, where the checkpoint is of such a one; another's is left there, and said."""
    found = _group(stored, _OPTIMIZER)
    optimizer = getattr(model, 'optimizer', None)
    if optimizer is None or not found:
        return []
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    pairs, wrong = paired(optimizer.variables, found, model.name)
    if not wrong:
        return pairs
    if misfits:  # of the weights: it is told with them
        misfits[optimizer.name] = next(iter(wrong.values()))
    else:
        warn(
            f'The state of optimizer {optimizer.name!r} is not loaded: {next(iter(wrong.values()))} The checkpoint '
            'is of another kind of optimizer, or other layers were frozen: compile the model as it was.'
        )
    return []


def _read(stored: Stored, pairs: Pairs) -> None:
    """Let variables hold what the checkpoint has for them, laid out as the distribution that is set says."""
    how = distribution()
    place = None if how is None else Placing(how)
    tree: dict[str, Any] = {}
    for variable, array in pairs:
        wanted = shards.wanted(variable.shape, variable.dtype, place and place.of(variable))
        _put(tree, f'{array.group}/{array.path}', wanted)
    read = dict(flat(shards.read(stored.folder, tree, _TREE)))
    for variable, array in pairs:
        variable.hold(read[f'{array.group}/{array.path}'])


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split('/')
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[last] = value


def _bytes(stored: Stored) -> int:
    return sum(nbytes for group in stored.arrays.values() for _, nbytes in group.values())


def _told(array: Any) -> tuple[tuple[int, ...], int]:
    shape = tuple(int(size) for size in array.shape)
    return shape, math.prod(shape) * array.dtype.itemsize
