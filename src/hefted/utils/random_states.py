"""The random numbers that a program draws beside Hefted's own: Python's, NumPy's and, where it is loaded, torch's."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


def held() -> dict[str, Any]:
    """The states of all of them, as numbers and arrays by name; torch is not loaded for it.

    Example:
        >>> states = held()
        >>> drawn = random.random(), np.random.random()
        >>> put_back(states)
        >>> drawn == (random.random(), np.random.random())
        True
    """
    version, words, gauss = random.getstate()
    found: dict[str, Any] = {
        'python': {'version': version, 'words': np.array(words, np.uint32), 'gauss': gauss},
        'numpy': np.random.get_state(legacy=False),
    }
    torch = _torch()
    return found if torch is None else found | {'torch': torch.get_rng_state().numpy().copy()}


def put_back(states: Mapping[str, Any]) -> None:
    """Let them draw from there on; one that is not among the states, or is not loaded here, goes on as it is."""
    if (python := states.get('python')) is not None:
        random.setstate((python['version'], tuple(python['words'].tolist()), python['gauss']))
    if (numpy := states.get('numpy')) is not None:
        np.random.set_state(numpy)
    torch = _torch()
    if torch is not None and states.get('torch') is not None:
        torch.set_rng_state(torch.from_numpy(np.array(states['torch'])))


def _torch() -> Any:
    """Its module where the program has loaded it, whole."""
    found = sys.modules.get('torch')
    return found if callable(getattr(found, 'get_rng_state', None)) else None
