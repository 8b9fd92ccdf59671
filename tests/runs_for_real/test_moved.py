"""Bytes that are moved are in a run's footprint, told by a program or by the library's own downloads."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import hefted
from hefted import runs
from hefted.datasets.download import download
from hefted.errors import ArgumentError
from hefted.footprint.account import rebuild
from hefted.ledger.lines import read
from hefted.metering.meter import Meter
from hefted.metering.moved import counted_by
from hefted.run_process import Process
from hefted.utils import get_file

CONTENT = bytes(range(256)) * 4000
JOULES_PER_BYTE = 0.004 * 3.6e6 / 1e9


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / 'data.bin').write_bytes(CONTENT)
    (tmp_path / 'data.gz').write_bytes(gzip.compress(CONTENT))
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'data'))
    monkeypatch.delenv('HEFTED_METER', raising=False)
    # Another test's bytes would have added the sensors already.
    monkeypatch.setattr(runs, '_process', Process())
    return tmp_path / 'data'


def moved_in(run: runs.Run | runs.NullRun, component: str = 'network') -> float | None:
    assert run.footprint is not None
    energy = run.footprint.components.get(component)
    return None if energy is None else energy.value


def test_a_download_inside_a_meter_counts_its_bytes_once(address: str, tmp_path: Path, data_folder: Path) -> None:
    with hefted.meter('data') as m:
        get_file('data.bin', f'{address}/data.bin', cache_dir=tmp_path / 'cache')
        get_file('data.bin', f'{address}/data.bin', cache_dir=tmp_path / 'cache')  # it is there
    assert moved_in(m) == pytest.approx(len(CONTENT) * JOULES_PER_BYTE)
    assert m.footprint.components['network'].basis == 'assumed'
    assert 'networks' in m.footprint.covers
    assert isinstance(m, runs.Run)
    assert m._journal.flush(5.0)
    assert rebuild(read(data_folder / 'runs' / f'{m.id}.jsonl')) == m.footprint


def test_a_data_set_counts_what_came_over_the_wire_and_not_what_it_unpacks_to(address: str, tmp_path: Path) -> None:
    with hefted.meter('data') as m:
        download(f'{address}/data.gz', tmp_path / 'kept.gz', hashlib.sha256(CONTENT).hexdigest())
    assert moved_in(m) == pytest.approx(len(gzip.compress(CONTENT)) * JOULES_PER_BYTE)


def test_a_file_of_this_machine_is_not_moved_over_a_network(tmp_path: Path, address: str) -> None:
    with hefted.meter('data') as m:
        get_file('copy.bin', (tmp_path / 'data.bin').as_uri(), cache_dir=tmp_path / 'cache')
    assert moved_in(m) is None


def test_what_a_program_tells_counts_for_the_runs_that_are_open() -> None:
    with hefted.meter('before') as before:
        pass
    hefted.moved(network=10**12)  # nobody's
    with hefted.meter('upload') as m:
        hefted.moved(network=10**9, storage=10**9)
        hefted.moved(network=10**9)
    assert moved_in(before) is None
    assert moved_in(m) == pytest.approx(2 * 0.004 * 3.6e6)
    assert moved_in(m, 'storage') == pytest.approx(97.5, rel=0.01)
    with hefted.meter('after') as after:
        pass
    assert moved_in(after) is None
    assert after.footprint is not None and 'networks' not in after.footprint.covers
    with hefted.meter('wrong'), pytest.raises(ArgumentError, match='network: expected a number of bytes'):
        hefted.moved(network=-1)


def test_nothing_is_counted_or_made_when_metering_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    hefted.moved(network=10**9)
    assert runs._process._meter is None
    monkeypatch.setenv('HEFTED_METER', 'off')
    with hefted.meter('upload') as m:
        hefted.moved(network=10**9)
    assert m.footprint is None


def test_a_meter_of_the_whole_machine_does_not_hold_what_is_used_elsewhere() -> None:
    meter = Meter([])
    counted_by(meter).tell(network=10**9)
    meter.read()
    assert meter.accuracies.keys() == {'moved:network'}
    assert meter._counted.parts() == {}


def test_first_bytes_of_many_threads_are_counted_once_each() -> None:
    with hefted.meter('upload') as m:
        together = threading.Barrier(8)

        def tell() -> None:
            together.wait()
            hefted.moved(network=10**6)

        threads = [threading.Thread(target=tell) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert moved_in(m) == pytest.approx(8e6 * JOULES_PER_BYTE)
