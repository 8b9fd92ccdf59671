"""No collection while much is made that stays; what the user chose is left as it was."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

from hefted import Input, Sequential
from hefted.layers import Dense
from hefted.utils.garbage import uncollected


def test_nothing_is_collected_inside_and_the_collector_goes_on_afterwards():
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected(stays=True):
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_goes_on_after_an_error():
    with pytest.raises(KeyError), uncollected(stays=True):
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_the_user_turned_off_stays_off():
    gc.disable()
    try:
        with uncollected(stays=True):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_the_user_froze_stays_frozen():
    program = """
import gc
from hefted.utils.garbage import uncollected
gc.freeze()
before = gc.get_freeze_count()
with uncollected(stays=True):
    pass
assert gc.get_freeze_count() == before > 0
"""
    subprocess.run([sys.executable, '-c', program], check=True)


def test_cycles_made_inside_are_found_later():
    class Node:
        pass

    def cycle() -> int:
        node = Node()
        node.me = node  # type: ignore[attr-defined]
        return id(node)

    gc.collect()
    with uncollected(stays=True):
        cycle()
    assert any(isinstance(each, Node) for each in gc.get_objects())
    gc.collect()
    assert not any(isinstance(each, Node) for each in gc.get_objects())


def test_large_models_that_were_discarded_are_collected_before_the_next_is_trained():
    x, y = np.ones((8, 2000), np.float32), np.zeros((8, 1), np.float32)
    made: list[weakref.ref[Sequential]] = []
    for _ in range(6):  # of 96 MB each, with Adam's slots
        model = Sequential([Input((2000,)), Dense(4000), Dense(1)])
        model.compile('adam', 'mse')
        model.fit(x, y, verbose=0)
        made.append(weakref.ref(model))
    assert sum(each() is not None for each in made) <= 4
