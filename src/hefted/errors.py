"""Every error that Hefted raises on purpose.

    HeftedError
    ├── ArgumentError (ValueError)      an argument is wrong: name, expected, received, remedy
    │   ├── ShapeError                  shapes or lengths do not agree
    │   └── UnknownNameError            a string is not one of those known ("did you mean …?")
    ├── NotBuiltError (ValueError)      weights were asked for before the model had a shape
    ├── NotCompiledError (ValueError)   fit, evaluate or *_on_batch before compile
    ├── DataError (ValueError)          the data cannot be trained on (labels out of range, empty)
    ├── ArchiveError (ValueError)       a saved file is damaged, hostile or of another kind
    └── LedgerError (LookupError)       no such run

All are kinds of ValueError or LookupError, as Keras's are, so programs written for Keras catch them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable


class HeftedError(Exception):
    """The root: catches whatever Hefted raises on purpose."""


class ArgumentError(HeftedError, ValueError):
    """An argument is wrong; the message names it, what was expected, what was received, and the remedy."""


class ShapeError(ArgumentError):
    """Two shapes or lengths do not agree."""


class UnknownNameError(ArgumentError):
    """A string is not one of the names known here."""


class NotBuiltError(HeftedError, ValueError):
    """Weights were asked for before the model had seen a shape."""


class NotCompiledError(HeftedError, ValueError):
    """The model was trained or evaluated before it was compiled."""


class DataError(HeftedError, ValueError):
    """The data cannot be trained on."""


class ArchiveError(HeftedError, ValueError):
    """A saved file is damaged, hostile, or of another kind."""


class LedgerError(HeftedError, LookupError):
    """No such run, or more than one."""


def unknown_name(argument: str, received: object, known: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that is not known, with the nearest names.

    Args:
        argument: The argument's name, as the user wrote it.
        received: What was passed.
        known: The names that would have been right.

    Example:
        >>> print(unknown_name('activation', 'rellu', ['relu', 'selu', 'tanh']))
        Unknown activation: 'rellu'. Did you mean 'relu' or 'selu'?
    """
    import difflib  # late: a process that makes no mistake does not pay for it

    names = sorted(set(known))
    near = difflib.get_close_matches(str(received).lower(), names, n=2)
    if near:
        hint = 'Did you mean ' + ' or '.join(repr(name) for name in near) + '?'
    else:
        shown = ', '.join(repr(name) for name in names[:12])
        hint = f'Expected one of {shown}{", …" if len(names) > 12 else ""}.'
    return UnknownNameError(f'Unknown {argument}: {received!r}. {hint}')


def warn(message: str) -> None:
    """Warn of something that the user did, naming the line outside Hefted that did it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get('__name__', '').partition('.')[0] == 'hefted':
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
