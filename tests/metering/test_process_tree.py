"""Memory that several processes share is counted once."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hefted import host
from hefted.metering.process_tree import ProcessTree

linux = pytest.mark.skipif(not host.LINUX, reason='proportional memory is told by Linux alone')

SHARES = """
import mmap, os, time
from hefted.metering.process_tree import ProcessTree
size = 200 * 2**20
memory = mmap.mmap(-1, size)  # shared with children
memory.write(b'x' * size)
tree = ProcessTree(pages_from=0.0)
reads, writes = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        sum(memory[::4096])  # so that the pages are in its table too
        os.read(reads, 1)
        os._exit(0)
time.sleep(0.5)
tree.look()
tree.look()
print(tree.resident_bytes())
os.write(writes, b'xxx')
for _ in range(3):
    os.wait()
"""


@linux
def test_what_four_processes_share_is_there_once():
    environment = os.environ | {'PYTHONPATH': str(Path(host.__file__).parents[1])}
    told = subprocess.check_output([sys.executable, '-c', SHARES], env=environment, timeout=30)
    assert 200 * 2**20 < int(told) < 350 * 2**20


@linux
def test_a_short_run_does_not_pay_for_the_list_of_its_pages(monkeypatch):
    listed = []
    monkeypatch.setattr('hefted.metering.process_tree._ratio', lambda pids: listed.append(pids) or 1.0)
    tree = ProcessTree()
    tree.look()
    assert listed == []
    tree = ProcessTree(pages_from=0.0)
    tree.look()
    tree.look()  # at most each second
    assert listed == [[os.getpid()], []]


def test_the_tree_names_itself_and_its_children():
    tree = ProcessTree()
    tree.look()
    assert os.getpid() in tree.pids
    child = multiprocessing.get_context('spawn').Process(target=sum, args=([],))
    child.start()
    tree.look()
    assert child.pid in tree.pids
    child.join()
    tree.look()
    assert child.pid not in tree.pids
