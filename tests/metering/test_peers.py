"""Processes that are metered on one machine count one another."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hefted import host
from hefted.metering.peers import Peers

linux = pytest.mark.skipif(not host.LINUX, reason='abstract sockets are of Linux')

WAITS = """
import sys
from hefted.metering.peers import Peers
peers = Peers()
peers.count()
print('shown', flush=True)
sys.stdin.readline()
"""


def started():
    environment = os.environ | {'PYTHONPATH': str(Path(host.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, '-c', WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout.readline() == b'shown\n'
    return process


def ended(process):
    process.kill()
    process.communicate()


@linux
def test_a_process_is_counted_while_it_lives_and_not_after_a_kill():
    peers = Peers()
    before = peers.count()
    process = started()
    try:
        assert peers.count() == before + 1
        assert peers.count(frozenset((process.pid,))) == before  # a descendant is a part of this one
    finally:
        ended(process)
    assert peers.count() == before
    peers.leave()


@linux
def test_one_that_rests_is_not_counted():
    mine, other = Peers(), Peers()
    before = mine.count()
    text = Path('/proc/net/unix').read_text()
    assert text.count(f'@hefted-meter-{os.getpid()}-') == 1
    assert other.count() == before  # the same process, however many meters it has
    for peers in (mine, other):
        peers.leave()
        peers.leave()
    assert f'@hefted-meter-{os.getpid()}-' not in Path('/proc/net/unix').read_text()


@linux
@pytest.mark.filterwarnings('ignore:.*multi-threaded.*:DeprecationWarning')
@pytest.mark.filterwarnings('ignore:os.fork:RuntimeWarning')
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_forks_child_does_not_keep_its_parents_name():
    peers = Peers()
    peers.count()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reads, 1)
        os._exit(0)
    try:
        peers.leave()
        for _ in range(100):  # until the child has had its turn
            shown = f'@hefted-meter-{os.getpid()}-' in Path('/proc/net/unix').read_text()
            if not shown:
                break
            time.sleep(0.02)
        assert not shown
    finally:
        os.write(writes, b'x')
        os.waitpid(child, 0)
        os.close(reads)
        os.close(writes)


@linux
def test_strange_names_are_counted_and_a_table_that_is_hidden_is_said(tmp_path):
    table = tmp_path / 'unix'
    table.write_text(
        'Num       RefCount Protocol Flags    Type St Inode Path\n'
        '0000000000000000: 00000002 00000000 00000000 0001 01 1 @hefted-meter-x\n'
        '0000000000000000: 00000002 00000000 00000000 0001 01 1 @hefted-meter-1-ab\n'
        '0000000000000000: 00000002 00000000 00000000 0001 01 1 /run/hefted-meter-2-ab\n'
        '0000000000000000: 00000002 00000000 00000000 0001 01 1\n'
    )
    assert Peers(str(table)).count() == 3
    with pytest.raises(OSError, match='none'):
        Peers(str(tmp_path / 'none')).count()
