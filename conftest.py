"""Every test has folders of its own, and a test that needs a service says which."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile('here', deadline=None)  # a busy machine may stand still for one example
hypothesis.settings.load_profile('here')


@pytest.fixture(autouse=True, scope='session')
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the journals, the cache or the settings of the person who runs it."""
    folder = tmp_path_factory.mktemp('home')
    for variable in ('HEFTED_DATA_DIR', 'HEFTED_CACHE_DIR', 'XDG_CONFIG_HOME'):
        os.environ[variable] = str(folder / variable.lower())
    names = (
        'METER SHARE UNSEEN MACHINE PLACE LAND GRID GRID_URL GRID_TRACE CLOUD_METADATA WATTMETER TABLES INSTANCE PRICE'
    )
    for name in names.split():
        os.environ.pop(f'HEFTED_{name}', None)


@pytest.fixture(autouse=True)
def no_record_of_forecasts() -> None:
    """A test's forecasts are not set right by what earlier tests trained, whose times are this machine's of the day."""
    (Path(os.environ['HEFTED_DATA_DIR']) / 'runs' / 'scores.index').unlink(missing_ok=True)
    learned = sys.modules.get('hefted.forecast.learned')
    if learned is not None:
        learned._correction.cache_clear()  # the file is read once a process


@pytest.fixture(autouse=True)
def no_run_of_the_process() -> Iterator[None]:
    """A test that predicts leaves no run open for the next."""
    yield
    runs = sys.modules.get('hefted.runs')
    if runs is not None:
        runs._end_own()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`@pytest.mark.service('postgresql')` runs where HEFTED_TEST_SERVICES names it, as .ci/run does."""
    there = os.environ.get('HEFTED_TEST_SERVICES', '').split()
    for item in items:
        for marker in item.iter_markers('service'):
            if marker.args[0] not in there:
                item.add_marker(pytest.mark.skip(f'service: {marker.args[0]} is installed by .ci/run alone'))


@pytest.fixture(autouse=True)
def numpy_in_examples(doctest_namespace: dict[str, object]) -> None:
    """Examples in docstrings write `np` as everybody does, without importing it first."""
    doctest_namespace['np'] = np
