"""Numbers on a command line, as people write them."""

from __future__ import annotations

import math
import re

import click

_SCALES = {'': 1.0, 'k': 1e3, 'm': 1e6, 'b': 1e9, 'g': 1e9, 't': 1e12}


def number(said: str) -> float:
    """Read a number as people write it: 340e6, 340M, 137B, 1.4T.

    Raises:
        BadParameter: It is none above 0.

    Example:
        >>> number('340e6') == number('340M'), number('137B')
        (True, 137000000000.0)
    """
    bare = said.strip().lower().replace(',', '').replace('_', '')
    read = re.fullmatch(r'([0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?) ?([kmbgt]?)', bare)
    number = float(read[1]) * _SCALES[read[2]] if read else 0.0
    if not 0 < number < math.inf:
        raise click.BadParameter(f'expected a number above 0, such as 340e6, 340M or 137B, received {said!r}.')
    return number
