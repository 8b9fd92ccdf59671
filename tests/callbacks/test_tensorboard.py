"""What TensorBoard is told, read back record by record."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Input, Sequential, callbacks, layers
from hefted.callbacks.event_file import buckets, png

rng = np.random.default_rng(2)
X, Y = rng.random((70, 4)).astype('float32'), rng.random((70, 1)).astype('float32')


def crc(data: bytes) -> int:
    """CRC-32C bit by bit, masked: another way to the same number than the library's table."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 * (value & 1)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(blob: bytes) -> Iterator[bytes]:
    """The data of each record, both checksums checked."""
    while blob:
        (length,) = struct.unpack('<Q', blob[:8])
        data = blob[12 : 12 + length]
        assert struct.unpack('<I', blob[8:12]) == (crc(blob[:8]),)
        assert struct.unpack('<I', blob[12 + length : 16 + length]) == (crc(data),)
        yield data
        blob = blob[16 + length :]


def fields(data: bytes) -> dict[int, list[Any]]:
    """A protocol buffer's fields by number."""
    found: dict[int, list[Any]] = {}

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    at = 0
    while at < len(data):
        key = varint()
        size = {0: 0, 1: 8, 2: 0, 5: 4}[key & 7]
        if key & 7 == 0:
            value: Any = varint()
        else:
            size = size or varint()
            value, at = data[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def told(folder: Path) -> list[tuple[str, int, str, Any]]:
    """(tag, step, plugin, value) of every event in a folder."""
    found: list[tuple[str, int, str, Any]] = []
    for path in sorted(folder.glob('events.out.tfevents.*')):
        first, *others = (fields(record) for record in records(path.read_bytes()))
        assert first[3] == [b'brain.Event:2']
        for event in others:
            (value,) = (fields(part) for summary in event[5] for part in fields(summary)[1])
            tensor, about = fields(value[8][0]), fields(value[9][0])
            plugin = fields(about[1][0])[1][0].decode()
            if plugin == 'scalars':
                content: Any = struct.unpack('<f', tensor[5][0])[0]
            elif plugin == 'histograms':
                content = np.frombuffer(tensor[4][0]).reshape(-1, 3)
            else:
                content = tensor[8]
            found.append((value[1][0].decode(), event[2][0], plugin, content))
    return found


@pytest.fixture(scope='module')
def model() -> Any:
    model = Sequential([Input((4,)), layers.Dense(6, name='wide'), layers.Dense(1, name='narrow')])
    model.compile('sgd', 'mse', metrics=['mae'])
    return model


def fit(model: Any, folder: Path, **arguments: Any) -> Any:
    board = callbacks.TensorBoard(folder, **arguments)
    return model.fit(
        X, Y, batch_size=8, epochs=2, validation_split=0.2, verbose=0, meter=None, callbacks=[board]
    ).history  # fmt: skip


def test_scalars_of_training_and_validation_have_keras_s_tags_and_the_history_s_values(
    model: Any, tmp_path: Path
) -> None:
    history = fit(model, tmp_path, write_graph=False)
    found = {(tag, step): value for tag, step, _, value in told(tmp_path / 'train')}
    assert {tag for tag, _ in found} == {'epoch_loss', 'epoch_mae', 'epoch_learning_rate'}
    for epoch in range(2):
        assert found['epoch_loss', epoch] == np.float32(history['loss'][epoch])
        assert found['epoch_learning_rate', epoch] == np.float32(0.01)
    validation = told(tmp_path / 'validation')
    assert [(tag, step) for tag, step, _, _ in validation if tag == 'epoch_mae'] == [('epoch_mae', 0), ('epoch_mae', 1)]
    assert {tag for tag, *_ in validation} == {
        'epoch_loss', 'epoch_mae', 'evaluation_loss_vs_iterations', 'evaluation_mae_vs_iterations'
    }  # fmt: skip
    assert [value for tag, _, _, value in validation if tag == 'epoch_loss'] == [
        np.float32(value) for value in history['val_loss']
    ]


@pytest.mark.parametrize(('freq', 'steps'), [(5, [5, 10]), ('batch', list(range(1, 15))), (14, [14]), (15, [])])
def test_batches_are_told_every_so_many(model: Any, tmp_path: Path, freq: Any, steps: list[int]) -> None:
    fit(model, tmp_path, write_graph=False, update_freq=freq, write_steps_per_second=True)
    found = told(tmp_path / 'train')
    for tag in ('batch_loss', 'batch_mae', 'batch_steps_per_second'):
        assert [step for name, step, _, _ in found if name == tag] == steps
    assert [step for name, step, _, _ in found if name == 'epoch_steps_per_second'] == [0, 1]


def test_weights_are_told_as_histograms_and_images(model: Any, tmp_path: Path) -> None:
    fit(model, tmp_path, histogram_freq=1, write_images=True)
    found = {tag: (plugin, value) for tag, step, plugin, value in told(tmp_path / 'train') if step == 1}
    plugin, rows = found[f'{model.layers[0].kernel.path}/histogram']
    assert plugin == 'histograms'
    np.testing.assert_array_equal(rows, buckets(model.layers[0].kernel.numpy().astype('float64').ravel()))
    assert rows[:, 2].sum() == 24
    plugin, (width, height, picture) = found[f'{model.layers[0].kernel.path}/image']
    assert (plugin, width, height) == ('images', b'6', b'4')
    assert picture.startswith(b'\x89PNG')
    (layers_told,) = [value for tag, _, plugin, value in told(tmp_path / 'train') if plugin == 'graph_keras_model']
    assert b'wide' in layers_told[0]


def test_a_picture_holds_its_pixels() -> None:
    pixels = rng.integers(0, 256, (3, 5, 1)).astype(np.uint8)
    blob = png(pixels)
    data = blob[blob.index(b'IDAT') + 4 : blob.index(b'IEND') - 8]
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(3, 6)
    np.testing.assert_array_equal(rows[:, 1:], pixels[..., 0])


def test_buckets_of_nothing_and_of_one_value() -> None:
    assert not buckets(np.zeros(0)).any()
    alone = buckets(np.full(7, 2.5))
    assert alone[-1].tolist() == [2.5, 2.5, 7.0]
    assert alone[:, 2].sum() == 7


@pytest.mark.parametrize('bad', [-1, (5, 2), (1, 2, 3), 'x', None])
def test_batches_to_profile_must_be_a_range(bad: Any) -> None:
    with pytest.raises(ValueError, match='profile_batch'):
        callbacks.TensorBoard(profile_batch=bad)
