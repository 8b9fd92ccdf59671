"""Twelve programs written for Keras run on Hefted after the change of their imports, with Keras's numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAMS = sorted((Path(__file__).parent.parent / 'programs').glob('*.py'))


def run(path: Path, library: str) -> dict[str, Any]:
    """What the program's `main` returns with the library in Keras's place."""
    source = path.read_text('utf-8')
    if library != 'keras':
        source = re.sub(r'^import keras$', f'import {library} as keras', source, flags=re.MULTILINE)
        source = re.sub(r'^from keras import', f'from {library} import', source, flags=re.MULTILINE)
    names: dict[str, Any] = {'__name__': f'programs_{library}_{path.stem}'}
    exec(compile(source, str(path), 'exec'), names)
    return names['main']()


@pytest.mark.parametrize('path', PROGRAMS, ids=[path.stem for path in PROGRAMS])
@pytest.mark.filterwarnings('ignore')
def test_a_keras_program_gives_keras_s_numbers(path: Path) -> None:
    wanted, found = run(path, 'keras'), run(path, 'hefted')
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4, err_msg=name)
