import gzip
import struct
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from hefted import settings
from hefted.datasets import mnist
from hefted.datasets.download import download
from hefted.errors import ArgumentError, DataError

NAMES = tuple(f'{part}-{what}-ubyte.gz' for part in ('train', 't10k') for what in ('images-idx3', 'labels-idx1'))


def write_small(folder: Path, *, images: int = 6, labels: int = 6) -> Path:
    """Four files as MNIST's, with a few random digits."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for name in NAMES:
        shape = (images, 28, 28) if 'images' in name else (labels,)
        values = random.integers(0, 10, shape).astype(np.uint8)
        header = struct.pack(f'>4B{len(shape)}I', 0, 0, 8, len(shape), *shape)
        (folder / name).write_bytes(gzip.compress(header + values.tobytes()))
    return folder


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the loopback address that it is served at."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    folder = tmp_path / 'served'
    folder.mkdir()
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f'http://127.0.0.1:{server.server_address[1]}/'
        server.shutdown()
        thread.join()


def content_digest(path: Path) -> str:
    return sha256(gzip.decompress(path.read_bytes())).hexdigest()


@pytest.mark.parametrize('above', [False, True])
def test_a_folder_is_read_by_itself_or_from_the_one_above(tmp_path: Path, above: bool):
    write_small(tmp_path / 'mnist')
    (x_train, y_train), (x_test, y_test) = mnist.load_data(tmp_path if above else tmp_path / 'mnist')
    assert x_train.shape == x_test.shape == (6, 28, 28)
    assert y_train.shape == y_test.shape == (6,)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}


def test_the_setting_names_the_folder_and_all_of_mnist_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    images = 60_000
    if settings.datasets_folder() is None:
        images = 6
        write_small(tmp_path / 'mnist')
        monkeypatch.setenv('HEFTED_DATASETS', str(tmp_path))
    (x_train, y_train), (_, y_test) = mnist.load_data()
    assert x_train.shape == (images, 28, 28)
    assert set(y_train) | set(y_test) <= set(range(10))


def test_a_folder_without_the_files_is_refused_by_the_name_it_came_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ArgumentError, match=r'path: expected a folder with train-images.*received'):
        mnist.load_data(tmp_path)
    monkeypatch.setenv('HEFTED_DATASETS', str(tmp_path))
    with pytest.raises(ArgumentError, match='HEFTED_DATASETS: expected'):
        mnist.load_data()


def test_images_without_their_labels_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r'n labels, received \(6, 28, 28\) and \(5,\)'):
        mnist.load_data(write_small(tmp_path, labels=5))


def test_a_download_is_whole_and_leaves_nothing_beside_it(served: tuple[Path, str], tmp_path: Path):
    folder, address = served
    write_small(folder)
    target = tmp_path / 'cache' / NAMES[0]
    download(address + NAMES[0], target, content_digest(folder / NAMES[0]))
    assert target.read_bytes() == (folder / NAMES[0]).read_bytes()
    assert list(target.parent.iterdir()) == [target]


def test_files_in_the_cache_are_not_fetched_again(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, address = served
    monkeypatch.setenv('HEFTED_CACHE_DIR', str(tmp_path / 'cache'))
    monkeypatch.delenv('HEFTED_DATASETS', raising=False)
    write_small(tmp_path / 'cache' / 'datasets' / 'mnist')
    assert not any(folder.iterdir())  # the server would answer 404
    assert mnist.load_data(address=address)[0][0].shape == (6, 28, 28)


def test_other_digits_than_mnists_are_refused_and_not_kept(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, address = served
    write_small(folder)
    monkeypatch.setenv('HEFTED_CACHE_DIR', str(tmp_path / 'cache'))
    monkeypatch.delenv('HEFTED_DATASETS', raising=False)
    with pytest.raises(DataError, match='expected content of SHA-256 ba89'):
        mnist.load_data(address=address)
    assert not list((tmp_path / 'cache' / 'datasets' / 'mnist').iterdir())


def test_a_truncated_file_is_refused_and_not_kept(served: tuple[Path, str], tmp_path: Path):
    folder, address = served
    write_small(folder)
    whole = (folder / NAMES[0]).read_bytes()
    digest = content_digest(folder / NAMES[0])
    (folder / NAMES[0]).write_bytes(whole[: len(whole) // 2])
    target = tmp_path / 'cache' / NAMES[0]
    with pytest.raises(DataError, match='damaged'):
        download(address + NAMES[0], target, digest)
    assert not list(target.parent.iterdir())


def test_a_server_without_the_file_is_told_with_a_way_out(served: tuple[Path, str], tmp_path: Path):
    with pytest.raises(DataError, match=r'404.*HEFTED_DATASETS'):
        download(served[1] + 'absent.gz', tmp_path / 'absent.gz', '0')
    assert [path.name for path in tmp_path.iterdir()] == ['served']


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path):
    import socket

    with socket.create_server(('127.0.0.1', 0)) as silent, pytest.raises(DataError, match='timed out'):
        download(f'http://127.0.0.1:{silent.getsockname()[1]}/a.gz', tmp_path / 'a.gz', '0', timeout=0.2)


def test_an_address_of_a_file_is_refused(tmp_path: Path):
    with pytest.raises(ArgumentError, match='https://'):
        download((tmp_path / 'a.gz').as_uri(), tmp_path / 'b.gz', '0')
