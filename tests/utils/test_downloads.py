"""get_file fetches from a server that is really there, keeps what is right, and unpacks nothing outside its folder."""

import hashlib
import io
import sys
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hefted.utils import get_file

CONTENT = b'hefted' * 20_000


class Quiet(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == '/short':
            self.send_response(200)
            self.send_header('Content-Length', '100')
            self.end_headers()
            self.wfile.write(b'too few')
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """An HTTP server of a folder, which notes what was asked of it."""
    folder = tmp_path / 'served'
    folder.mkdir()
    (folder / 'data.bin').write_bytes(CONTENT)
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(folder))) as one:
        one.asked, one.folder, one.address = [], folder, f'http://127.0.0.1:{one.server_port}'
        thread = threading.Thread(target=partial(one.serve_forever, poll_interval=0.01))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_CACHE_DIR', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'datasets'


def test_a_file_is_fetched_once_and_kept_in_the_cache(server, cache):
    first, second = (get_file(origin=f'{server.address}/data.bin?version=1') for _ in range(2))
    assert first == second == str(cache / 'data.bin')
    assert Path(first).read_bytes() == CONTENT and len(server.asked) == 1
    get_file(origin=f'{server.address}/data.bin', force_download=True)
    assert len(server.asked) == 2 and [path.name for path in cache.iterdir()] == ['data.bin']


@pytest.mark.parametrize('algorithm', ['sha256', 'md5'])
def test_a_file_of_the_right_hash_is_kept_and_one_of_another_is_fetched_again(server, algorithm, tmp_path):
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    take = partial(get_file, 'mine.bin', f'{server.address}/data.bin', cache_dir=tmp_path, cache_subdir='here')
    path = Path(take(file_hash=digest))
    assert path == tmp_path / 'here' / 'mine.bin'
    path.write_bytes(b'damaged')
    take()
    assert path.read_bytes() == b'damaged'  # nobody said what it should be
    take(file_hash=digest)
    take(file_hash=digest.upper())
    assert path.read_bytes() == CONTENT and len(server.asked) == 2


@pytest.mark.parametrize('wrong', [
    {'file_hash': '0' * 64}, {'md5_hash': '0' * 32}, {'path': 'short'}, {'path': 'missing'}, {'address': 'http://127.0.0.1:9'},
], ids=str)  # fmt: skip
def test_what_is_not_right_is_not_kept(server, wrong, cache):
    origin = f'{wrong.pop("address", server.address)}/{wrong.pop("path", "data.bin")}'
    with pytest.raises(ValueError, match=origin):
        get_file('it', origin, **wrong)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize('arguments', [
    {}, {'fname': 'a/b', 'origin': 'http://x/y'}, {'origin': 'http://x/'}, {'origin': 'http://x/..'},
    {'origin': 'ftp://127.0.0.1/y'}, {'origin': 'http://x/y', 'hash_algorithm': 'crc'},
    {'origin': 'http://x/y', 'extract': True, 'archive_format': 'rar', 'fname': 'there'},
], ids=str)  # fmt: skip
def test_wrong_arguments_are_refused_before_anything_is_fetched(arguments, cache):
    cache.mkdir(parents=True)
    (cache / 'there_archive').touch()
    with pytest.raises(ValueError, match=r'Expected|archive_format|hash_algorithm'):
        get_file(**arguments)


def _tar(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w:gz') as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


# A later Python cannot be made to look like one of before 3.11.4: it warns of what that did.
@pytest.fixture(params=['this', 'before 3.11.4'] if sys.version_info < (3, 12) else ['this'])
def python(request, monkeypatch):
    if request.param != 'this':
        monkeypatch.delattr(tarfile, 'data_filter', raising=False)


@pytest.mark.usefixtures('python')
@pytest.mark.parametrize('make', [_tar, _zip])
@pytest.mark.parametrize(('fname', 'folder', 'kept'), [
    (None, 'pets.data', 'pets.data_archive'), ('pets', 'pets', 'pets_archive'), ('my.pets', 'my_extracted', 'my.pets'),
])  # fmt: skip
def test_an_archive_is_unpacked_where_keras_unpacks_it(server, make, fname, folder, kept, cache):
    (server.folder / 'pets.data').write_bytes(make({'cats/1.txt': b'meow', 'dogs/1.txt': b'woof'}))
    for _ in range(2):
        path = Path(get_file(fname, f'{server.address}/pets.data', extract=True))
        assert path == cache / folder and (path / 'cats' / '1.txt').read_bytes() == b'meow'
    assert {one.name for one in cache.iterdir()} == {folder, kept} and len(server.asked) == 1


@pytest.mark.parametrize('content', [
    _tar({'fine': b'1', '../out': b'2'}), _tar({'link': '../..', 'link/out': b'2'}), _tar({'link': '/etc'}),
    _zip({'fine': b'1', '../out': b'2'}), _zip({'/out': b'2'}), _tar({'fine': CONTENT})[:-30],
], ids=['tar up', 'tar link', 'tar root link', 'zip up', 'zip root', 'cut'])  # fmt: skip
@pytest.mark.usefixtures('python')
def test_an_archive_that_leads_outside_or_is_damaged_is_refused_whole(server, content, cache):
    (server.folder / 'evil').write_bytes(content)
    with pytest.raises(ValueError):
        get_file(origin=f'{server.address}/evil', extract=True)
    assert [path.name for path in cache.iterdir()] == ['evil_archive']
    assert not list(cache.parent.parent.glob('**/out'))


def test_what_is_no_archive_is_told(server):
    for arguments in ({'extract': True}, {'untar': True}):
        with pytest.warns(UserWarning, match='no archive'):
            get_file(origin=f'{server.address}/data.bin', **arguments)
