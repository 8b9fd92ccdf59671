"""Every error that Hefted raises on purpose.

    HeftedError
    ├── ArgumentError (ValueError)      an argument is wrong: name, expected, received, remedy
    │   ├── BudgetError                 a budget that cannot be kept, or is spent
    │   ├── ShapeError                  shapes or lengths do not agree
    │   ├── MissingFileError (FileNotFoundError too)     there is no such file
    │   ├── NotSavableError (NotImplementedError too)    something that no file can hold
    │   └── UnknownNameError            a string is not one of those known ("did you mean …?")
    ├── NotBuiltError (ValueError)      weights were asked for before the model had a shape
    │   └── NoInputsError (AttributeError too)   symbolic inputs or outputs were asked for before that
    ├── NotCompiledError (ValueError)   fit, evaluate or *_on_batch before compile
    ├── DataError (ValueError)          the data cannot be trained on (labels out of range, empty)
    ├── ArchiveError (ValueError)       a saved file is damaged, hostile or of another kind
    ├── NotInitializedError (RuntimeError)   a subclass's constructor left out super().__init__()
    ├── DistributionError (RuntimeError)     processes that were to work as one cannot
    │   ├── HostsDifferError            they do not have the same program, data or settings
    │   └── HostLostError               one of them has gone
    └── LedgerError (LookupError)       no such run

All are kinds of ValueError, RuntimeError or LookupError, as Keras's are, so programs written for Keras catch them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any


class HeftedError(Exception):
    """The root: catches whatever Hefted raises on purpose."""


class ArgumentError(HeftedError, ValueError):
    """An argument is wrong; the message names it, what was expected, what was received, and the remedy."""


class BudgetError(ArgumentError):
    """A budget that cannot be kept, or is spent already: raised before anything is.

    Attributes:
        forecast: What the training was to take, a `Forecast`; None where nothing was foreseen yet.
    """

    def __init__(self, message: str, forecast: Any = None) -> None:
        super().__init__(message)
        self.forecast = forecast


class ShapeError(ArgumentError):
    """Two shapes or lengths do not agree."""


class MissingFileError(ArgumentError, FileNotFoundError):
    """There is no such file: Keras says so with a ValueError, Python with a FileNotFoundError."""


class NotSavableError(ArgumentError, NotImplementedError):
    """No file can hold it, such as a lambda: Keras says so with a NotImplementedError.

    Attributes:
        owner: The layer, loss or metric that holds it, once that is told.
    """

    owner: Any = None


class UnknownNameError(ArgumentError):
    """A string is not one of the names known here."""


class NotBuiltError(HeftedError, ValueError):
    """Weights were asked for before the model had seen a shape."""


class NoInputsError(NotBuiltError, AttributeError):
    """A model's symbolic inputs or outputs were asked for before it had seen a shape: `hasattr` says no."""


class NotCompiledError(HeftedError, ValueError):
    """The model was trained or evaluated before it was compiled."""


class DataError(HeftedError, ValueError):
    """The data cannot be trained on."""


class ArchiveError(HeftedError, ValueError):
    """A saved file is damaged, hostile, or of another kind."""


class NotInitializedError(HeftedError, RuntimeError):
    """A subclass's constructor did not call its base's."""


class DistributionError(HeftedError, RuntimeError):
    """Processes that were to work as one cannot: some never came, or were started wrongly."""


class HostsDifferError(DistributionError, ValueError):
    """They do not have the same program, data or settings; raised on all of them.

    Attributes:
        by_all: Whether each has raised it by itself, at the same place: a program that catches it may go on.
    """

    def __init__(self, message: str, by_all: bool = False) -> None:
        super().__init__(message)
        self.by_all = by_all


class HostLostError(DistributionError):
    """One of them has gone, or has failed; raised on all others.

    Attributes:
        rank: Which; None where that is not known.
        host: Its host's name; None where that is not known.
    """

    def __init__(self, message: str, rank: int | None = None, host: str | None = None) -> None:
        super().__init__(message)
        self.rank, self.host = rank, host


class LedgerError(HeftedError, LookupError):
    """No such run, or more than one."""


def not_savable(owner: Any, why: str) -> NotSavableError:
    """Build the error for a layer, a loss or a metric that no file can hold."""
    error = NotSavableError(f'{type(owner).__name__} {owner.name!r} cannot be saved: {why}')
    error.owner = owner
    return error


def unknown_name(argument: str, received: object, known: Iterable[str], form: str | None = None) -> UnknownNameError:
    """Build the error for a name that is not known, with the nearest names.

    Args:
        argument: The argument's name, as the user wrote it.
        received: What was passed.
        known: The names that would have been right.
        form: What is told where no name is near, such as 'Expected a country.'; the first names if None.

    Example:
        >>> print(unknown_name('activation', 'rellu', ['relu', 'selu', 'tanh']))
        Unknown activation: 'rellu'. Did you mean 'relu' or 'selu'?
    """
    names = sorted(set(known))
    hint = did_you_mean(received, names) or form
    if hint is None:
        shown = ', '.join(repr(name) for name in names[:12])
        hint = f'Expected one of {shown}{", …" if len(names) > 12 else ""}.'
    return UnknownNameError(f'Unknown {argument}: {received!r}. {hint}')


def unknown_arguments(owner: object, received: Iterable[str], *also: str) -> ArgumentError:
    """Build the error for keyword arguments that a class does not take, with the nearest that it takes.

    Args:
        owner: What was made with them.
        received: Their names.
        *also: Names that it takes and that none of its constructors tells.
    """
    import inspect  # late, as above

    constructors = [cls.__init__ for cls in type(owner).__mro__ if '__init__' in vars(cls) and cls is not object]
    taken = {name for each in constructors for name in inspect.signature(each).parameters}
    given, known = list(received), sorted({*taken, *also} - {'self', 'args', 'kwargs', 'named', 'shared', 'unknown'})
    hints = [did_you_mean(_FORMER.get(name, name), known) for name in given]
    told = ' '.join([f'{", ".join(map(repr, given))}.', *filter(None, hints)])
    return ArgumentError(f'Unrecognized keyword arguments passed to {type(owner).__name__}: {told}')


_FORMER = {'lr': 'learning_rate'}  # what is written still, from before Keras 3


def no_attribute(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """Build the error for a name that a module does not have, with the nearest that it has."""
    hint = None if name.startswith('_') else did_you_mean(name, sorted(set(known)))
    return AttributeError(f'module {module!r} has no attribute {name!r}' + (f'. {hint}' if hint else ''))


def did_you_mean(received: object, known: Iterable[str]) -> str | None:
    """A question that names what is nearest; None where nothing is near.

    Example:
        >>> did_you_mean('Dens', ['Conv1D', 'Dense'])
        "Did you mean 'Dense'?"
    """
    import difflib  # late: a process that makes no mistake does not pay for it

    said, names = str(received), list(known)
    near = difflib.get_close_matches(said, names, n=2) or difflib.get_close_matches(said.lower(), names, n=2)
    return 'Did you mean ' + ' or '.join(map(repr, near)) + '?' if near else None


def warn(message: str) -> None:
    """Warn of something that the user did, naming the line outside Hefted that did it; of several processes, once.

    All of them do the same, or raise (`hefted.distribution.hosts`): the others would only say it again.
    """
    world = sys.modules.get('hefted.world')  # which needs this file
    joined = None if world is None else world.joined()
    if joined is not None and joined.rank:
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get('__name__', '').partition('.')[0] == 'hefted':
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
