"""Safetensors: what the library writes we read, what we write it reads, and what does not fit sets nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Input, Sequential, layers
from hefted.errors import ArchiveError, ArgumentError, NotBuiltError

KERNEL = 'layers/dense/kernel'


def small(units: int = 4, dtype: Any = None) -> Sequential:
    return Sequential([
        Input((3,)), layers.Dense(units, dtype=dtype), layers.BatchNormalization(), layers.Dense(2, use_bias=False)
    ])  # fmt: skip


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    blob = path.read_bytes()
    length = int.from_bytes(blob[:8], 'little')
    return json.loads(blob[8 : 8 + length]), blob[8 + length :]


def write(path: Path, header: Any, body: bytes) -> None:
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, 'little') + told + body)


@pytest.mark.parametrize('dtype', [None, 'mixed_bfloat16', 'bfloat16', 'float16'])
def test_weights_come_back_into_another_model_of_the_same_shape(dtype: Any, tmp_path: Path) -> None:
    path = tmp_path / 'a.safetensors'
    model, again = small(dtype=dtype), small(dtype=dtype)
    model.save_weights(path)
    again.load_weights(path)
    for found, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    header, _ = parts(path)
    assert header.pop('__metadata__') == {'format': 'hefted'}
    normalized = {f'layers/batch_normalization/{n}' for n in ('gamma', 'beta', 'moving_mean', 'moving_variance')}
    assert set(header) == {KERNEL, 'layers/dense/bias', 'layers/dense_1/kernel', *normalized}


def test_the_format_s_own_library_reads_ours_and_we_read_its(tmp_path: Path) -> None:
    library = pytest.importorskip('safetensors.numpy')
    model = small()
    model.save_weights(tmp_path / 'a.safetensors')
    found = library.load_file(tmp_path / 'a.safetensors')
    np.testing.assert_array_equal(found[KERNEL], model.layers[0].kernel.numpy())
    changed = {name: value + 1 for name, value in found.items()}
    library.save_file(changed, tmp_path / 'b.safetensors')
    model.load_weights(tmp_path / 'b.safetensors')
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), changed[KERNEL])
    np.testing.assert_array_equal(model.layers[2].kernel.numpy(), changed['layers/dense_1/kernel'])


def deep(header: Any, body: bytes) -> tuple[Any, bytes]:
    return b'{"a":' * 50_000 + b'1' + b'}' * 50_000, body


def entry(**changed: Any) -> Callable[[Any, bytes], Any]:
    return lambda header, body: ({**header, KERNEL: {**header[KERNEL], **changed}}, body)


BROKEN: dict[str, Callable[[Any, bytes], Any]] = {
    'a huge shape': entry(shape=[1 << 40, 1 << 40]),
    'a negative shape': entry(shape=[-3, -4]),
    'a shape of text': entry(shape='34'),
    'an unknown type': entry(dtype='O'),
    'a type of another size': entry(dtype='F64'),
    'offsets beyond the file': entry(data_offsets=[1 << 40, (1 << 40) + 48]),
    'offsets that overlap': entry(data_offsets=[1, 49]),
    'one offset': entry(data_offsets=[0]),
    'offsets that are no numbers': entry(data_offsets=[0.0, 48.0]),
    'bytes too many': lambda header, body: (header, body + b'\0'),
    'bytes too few': lambda header, body: (header, body[:-4]),
    'a list': lambda header, body: ([header], body),
    'a number': lambda header, body: (b'12', body),
    'no JSON': lambda header, body: (b'\xff\xfe{', body),
    'endless depth': deep,
    'an entry that is text': lambda header, body: ({**header, KERNEL: 'x'}, body),
}


@pytest.mark.parametrize('what', BROKEN)
def test_a_file_that_is_not_what_it_says_is_refused_and_nothing_is_set(what: str, tmp_path: Path) -> None:
    path = tmp_path / 'a.safetensors'
    model = small()
    small().save_weights(path)
    write(path, *BROKEN[what](*parts(path)))
    before = model.get_weights()
    with pytest.raises(ArchiveError):
        model.load_weights(path)
    for found, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize('blob', [b'', b'abc', (1 << 62).to_bytes(8, 'little') + b'{}', bytes(8) + b'{}'])
def test_what_is_no_safetensors_file_is_refused(blob: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'a.safetensors'
    path.write_bytes(blob)
    with pytest.raises(ArchiveError, match='header'):
        small().load_weights(path)


def test_everything_that_does_not_fit_is_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / 'a.safetensors'
    small().save_weights(path)
    header, body = parts(path)
    header['stranger'] = header.pop('layers/dense/bias')
    write(path, header, body)
    with pytest.raises(ArchiveError) as caught:
        small(units=5).load_weights(path)
    said = str(caught.value)
    assert 'layers/dense/bias is missing' in said
    assert 'stranger is not in the model' in said
    assert f'{KERNEL} has shape (3, 4), expected (3, 5)' in said


def test_an_unbuilt_model_and_a_file_that_is_there_are_told(tmp_path: Path) -> None:
    path = tmp_path / 'a.safetensors'
    unbuilt = Sequential([layers.Dense(2)])
    with pytest.raises(NotBuiltError):
        unbuilt.save_weights(path)
    small().save_weights(path)
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match='overwrite'):
        small().save_weights(path, overwrite=False)
    assert path.read_bytes() == before
