"""`hefted.layers` has Keras's names and no others; what is not there yet is listed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import keras
import pytest

from hefted import layers
from hefted.layers import long_tail

THEIRS = {name for name in dir(keras.layers) if not name.startswith('_')}


OURS = {'Stack'}  # beside Keras's: docs/differences.md says why


def test_every_name_is_one_of_keras_s_and_is_found() -> None:
    assert set(layers.__all__) - OURS <= THEIRS
    assert set(dir(layers)) == {*layers.__all__, *long_tail.NAMES} <= THEIRS | OURS
    for name in set(layers.__all__) - OURS:
        found = getattr(layers, name)
        wanted = getattr(keras.layers, name)
        assert inspect.isclass(found) == inspect.isclass(wanted), name
        assert found.__name__ == wanted.__name__, name


def test_what_keras_has_besides_is_told(record_property: Any) -> None:
    missing = sorted(THEIRS - set(layers.__all__))
    record_property('missing', ' '.join(missing))
    print(f'{len(missing)} of {len(THEIRS)} names of keras.layers are not here: {" ".join(missing)}')
    assert not set(missing) & set(layers.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match='Dens'):
        _ = layers.Dens


def test_a_file_of_layers_is_imported_when_a_layer_of_it_is_asked_for() -> None:
    code = (
        'import sys; from hefted import layers; layers.Dense; '
        "print(sorted(m for m in sys.modules if m.startswith('hefted.layers.conv')))\n"
        "config = {'module': 'keras.layers', 'class_name': 'Conv2D', 'config': {'filters': 2, 'kernel_size': 1}}\n"
        'from hefted.utils.serialization import deserialize_keras_object as read; print(read(config).filters)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['[]', '2']
