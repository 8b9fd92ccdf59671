"""One program on many devices comes to what it does on one, to 1e-5."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.distribution import many_devices, worlds

COUNTS = (2, 8, 64)


@cache
def on_devices(count: int) -> Any:
    return worlds.on_devices(many_devices, count)


@pytest.mark.parametrize('count', COUNTS)
def test_many_devices_come_to_what_one_does(count: int):
    for case, wanted in on_devices(1).items():
        found = on_devices(count)[case]
        assert found.get('devices', count) == count
        for name in wanted.keys() - {'devices'}:
            if wanted[name] is None:
                assert found[name] is None
            else:
                told = f'{name} of {case}'
                np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-5, err_msg=told)
