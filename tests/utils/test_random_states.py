"""What a program draws from beside Hefted's numbers is put back, torch's too where it is loaded."""

from __future__ import annotations

import random
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest

from hefted.train import state_file
from hefted.utils import random_states


class Tensor:
    """As much of one as is needed."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def numpy(self) -> Any:
        return self._array


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A library that counts its draws, by torch's names."""
    made: Any = types.ModuleType('torch')
    made.drawn = np.zeros(1, np.uint8)
    made.get_rng_state = lambda: Tensor(made.drawn)
    made.set_rng_state = lambda tensor: setattr(made, 'drawn', tensor.numpy())
    made.from_numpy = Tensor
    monkeypatch.setitem(sys.modules, 'torch', made)
    return made


def test_all_go_on_from_where_they_were_through_a_file(tmp_path, torch: Any):
    random.seed(3)
    np.random.seed(4)
    random.gauss(0, 1)  # which keeps a second number for later
    np.random.normal()
    torch.drawn[:] = 7
    state_file.write(tmp_path / 'states', random_states.held())
    torch.drawn += 1

    def drawn() -> tuple[float, float, float]:
        return random.gauss(0, 1), random.random(), float(np.random.normal())

    wanted = drawn()
    random_states.put_back(state_file.read(tmp_path / 'states'))
    assert drawn() == wanted
    assert torch.drawn.tolist() == [7]


def test_what_is_not_loaded_is_not_loaded_for_it():
    told = 'from hefted.utils import random_states as it; it.put_back(it.held())'
    subprocess.run([sys.executable, '-c', f'import sys; {told}; assert "torch" not in sys.modules'], check=True)


def test_states_without_one_leave_it_as_it_is():
    random.seed(3)
    wanted = random.Random(3).random()
    random_states.put_back({'numpy': np.random.get_state(legacy=False)})
    assert random.random() == wanted
