"""Keras's further data sets, read from files made here; what is downloaded is tested with `get_file`."""

import gzip
import os
import struct

import numpy as np
import pytest

from hefted import datasets
from hefted.datasets.texts import read_lists
from hefted.errors import ArgumentError, DataError, UnknownNameError

RANDOM = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_DATASETS', str(tmp_path))
    monkeypatch.setenv('HEFTED_CACHE_DIR', str(tmp_path / 'cache'))
    return tmp_path


@pytest.mark.parametrize(('name', 'labels', 'files'), [
    ('cifar10', 1, [*(f'cifar-10-batches-bin/data_batch_{i}.bin' for i in range(1, 6)),
                    'cifar-10-batches-bin/test_batch.bin']),
    ('cifar100', 2, ['cifar-100-binary/train.bin', 'cifar-100-binary/test.bin']),
])  # fmt: skip
def test_cifar_is_read_from_its_binary_version(folder, name, labels, files):
    records = RANDOM.integers(0, 256, (2, labels + 3072), dtype=np.uint8)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        records.tofile(folder / file)
    room = getattr(datasets, name)
    (x, y), (x_test, y_test) = room.load_data()
    assert x.shape == (2 * (len(files) - 1), 32, 32, 3) and x_test.shape == (2, 32, 32, 3)
    assert x[1, 4, 5, 2] == records[1, labels + 2 * 1024 + 4 * 32 + 5]
    assert y_test.tolist() == records[:, labels - 1 : labels].tolist() and y.dtype == np.uint8
    if labels == 2:
        assert room.load_data('coarse')[1][1].tolist() == records[:, :1].tolist()
        with pytest.raises(UnknownNameError):
            room.load_data('both')
    (folder / files[-1]).write_bytes(b'too short')
    with pytest.raises(DataError, match='records of'):
        room.load_data()


def test_fashion_mnist_is_read_from_its_idx_files(folder):
    (folder / 'fashion-mnist').mkdir()
    for part, n in (('train', 3), ('t10k', 2)):
        for what, shape in (('images-idx3', (n, 28, 28)), ('labels-idx1', (n,))):
            header = struct.pack(f'>4B{len(shape)}I', 0, 0, 8, len(shape), *shape)
            content = gzip.compress(header + bytes(int(np.prod(shape))))
            (folder / 'fashion-mnist' / f'{part}-{what}-ubyte.gz').write_bytes(content)
    (x, y), (x_test, _) = datasets.fashion_mnist.load_data()
    assert x.shape == (3, 28, 28) and y.shape == (3,) and len(x_test) == 2


@pytest.mark.parametrize('name', ['boston_housing', 'california_housing'])
def test_tables_are_split_in_an_order_that_a_seed_gives(tmp_path, name):
    np.savez(tmp_path / 'table.npz', x=np.arange(20.0).reshape(10, 2), y=np.arange(10))
    load = getattr(datasets, name).load_data
    (x, y), (_, y_test) = load(path=tmp_path / 'table.npz', test_split=0.3)
    order = np.arange(10)
    np.random.RandomState(113).shuffle(order)
    assert y.tolist() + y_test.tolist() == order.tolist() and len(y_test) == 3 and (x[:, 0] == 2 * y).all()
    with pytest.raises(ArgumentError, match='test_split'):
        load(test_split=1)
    with pytest.raises(ArgumentError, match='path'):
        load(path=tmp_path / 'nothing.npz')


def texts(path, **arrays):
    objects = {}
    for name, value in arrays.items():
        objects[name] = np.empty(len(value), object) if name.startswith('x') else np.array(value)
        objects[name][:] = value
    np.savez(path, **objects)
    return path


def test_texts_come_as_keras_gives_them(tmp_path):
    lists = [[1, 5, 2], [3, 9], [4, 4, 4, 4], [7]]
    path = texts(tmp_path / 'imdb.npz', x_train=lists, y_train=[0, 1, 0, 1], x_test=lists[:2], y_test=[1, 0])
    (x, y), (x_test, y_test) = datasets.imdb.load_data(path, num_words=8, maxlen=5)
    first = dict(zip(map(len, x), x, strict=True))
    assert first == {4: [1, 4, 2, 5], 3: [1, 6, 2], 2: [1, 2]} and sorted(y) == [0, 1, 1]
    assert len(x_test) == 2 and sorted(y_test) == [0, 1]
    with pytest.raises(ArgumentError, match='maxlen'):
        datasets.imdb.load_data(path, maxlen=1)
    path = texts(tmp_path / 'reuters.npz', x=lists, y=[0, 1, 2, 3])
    (x, _), (x_test, y_test) = datasets.reuters.load_data(path, start_char=None, oov_char=None, test_split=0.25)
    assert len(x) == 3 and len(x_test) == 1 and lists[y_test[0]] != x_test[0]
    assert len(datasets.reuters.get_label_names()) == 46


def test_a_file_of_texts_runs_nothing(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'harm'),)

    texts(tmp_path / 'bad.npz', x=[Harm(), [1]])
    with pytest.raises(DataError, match='refused'):
        read_lists(tmp_path / 'bad.npz', 'x')
    assert not (tmp_path / 'harm').exists()
    texts(tmp_path / 'odd.npz', x=['no list', [1]])
    with pytest.raises(DataError, match='lists of numbers'):
        read_lists(tmp_path / 'odd.npz', 'x')
