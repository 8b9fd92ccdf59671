"""Processes that are metered on one machine count one another."""

import os
import subprocess
import sys
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


def only(pids, folder):
    """The kernel's list as it is now, without what other tests of this machine show."""
    lines = Path('/proc/net/unix').read_text().splitlines()
    kept = [line for line in lines if any(f'@hefted-meter-{pid}-' in line for pid in pids)]
    (folder / 'unix').write_text('\n'.join(kept))
    return str(folder / 'unix')


@linux
def test_a_process_is_counted_while_it_lives_and_not_after_a_kill(tmp_path):
    process = started()
    try:
        assert Peers(only([process.pid], tmp_path)).count() == 2
        # A descendant is a part of this one.
        assert Peers(only([process.pid], tmp_path)).count(frozenset((process.pid,))) == 1
    finally:
        ended(process)
    assert Peers(only([process.pid], tmp_path)).count() == 1


def runs(program):
    """A program in a process that shows nothing else."""
    environment = os.environ | {'PYTHONPATH': str(Path(host.__file__).parents[1])}
    head = """
import os, time
from pathlib import Path
from hefted.metering.peers import Peers
def shown():
    return Path('/proc/net/unix').read_text().count(f'@hefted-meter-{parent}-')
parent = os.getpid()
"""
    done = subprocess.run(
        [sys.executable, '-c', head + program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


@linux
def test_one_that_rests_is_not_shown():
    runs("""
mine, other = Peers(), Peers()
mine.count()
assert shown() == 1
mine.count()
assert shown() == 1
other.count()
for peers in (mine, other):
    peers.leave()
    peers.leave()
assert shown() == 0
""")


@linux
def test_a_processs_own_meters_are_one(tmp_path):
    mine, other = Peers(), Peers()
    try:
        mine.count()
        other.count()
        assert Peers(only([os.getpid()], tmp_path)).count() == 1
    finally:
        mine.leave()
        other.leave()


@linux
def test_a_forks_child_does_not_keep_its_parents_name():
    runs("""
peers = Peers()
peers.count()
reads, writes = os.pipe()
child = os.fork()
if child == 0:
    os.read(reads, 1)
    os._exit(0)
peers.leave()
for _ in range(100):  # until the child has had its turn
    if not shown():
        break
    time.sleep(0.02)
left = shown()
os.write(writes, b'x')
os.waitpid(child, 0)
assert not left
""")


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
