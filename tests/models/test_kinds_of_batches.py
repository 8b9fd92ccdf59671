"""A training over batches of several shapes is foreseen by all of them, not by its first batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Sequential, layers
from hefted.callbacks import Callback
from hefted.data.feeds import feed_of
from hefted.data.stream import StreamSource
from hefted.errors import ArgumentError, DataError
from hefted.models import foreseeing, loops
from hefted.models.kinds import Kind
from hefted.models.planning import work_of
from hefted.models.trying import _of_kinds
from hefted.train.pilot import Paced
from hefted.utils import PyDataset

SHORT, LONG, ROWS = 4, 32, 8
MIXED = [SHORT] * 6 + [LONG] * 2


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path))


class Lengths(PyDataset):
    def __init__(self, lengths: list[int], tells: bool = True) -> None:
        super().__init__()
        self.lengths, self.tells = lengths, tells

    @property
    def num_batches(self) -> int:
        return len(self.lengths)

    def batch_kinds(self) -> Any:
        return self.lengths if self.tells else None

    def __getitem__(self, index: int) -> Any:
        return np.full((ROWS, self.lengths[index]), index, np.int32), np.zeros((ROWS, 1), np.float32)


def sums() -> Sequential:
    model = Sequential([layers.Embedding(50, 8), layers.Dense(16), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile('sgd', 'mse')
    return model


def plan_over(lengths: list[int], **more: Any) -> Any:
    return sums().forecast(Lengths(lengths), **more).plan


def test_what_a_step_does_is_the_mean_of_all_kinds_of_batches():
    mixed, short, long = plan_over(MIXED), plan_over([SHORT] * 8), plan_over([LONG] * 8)
    for name in ('flops_per_step', 'products_per_step', 'tokens_per_row'):
        told, low, high = (getattr(plan, name) for plan in (mixed, short, long))
        assert told == pytest.approx(0.75 * low + 0.25 * high)
    assert short.bytes_per_step < mixed.bytes_per_step < long.bytes_per_step
    assert mixed.peak_bytes >= long.peak_bytes


def test_a_validation_is_foreseen_by_all_of_its_batches():
    low, high, told = (
        plan_over(MIXED, validation_data=Lengths(lengths)).flops_per_validation_step
        for lengths in ([SHORT] * 8, [LONG] * 8, MIXED)
    )
    assert told == pytest.approx(0.75 * low + 0.25 * high)


def test_which_batch_is_the_first_does_not_change_the_plan():
    assert plan_over(MIXED).flops_per_step == plan_over(MIXED[::-1]).flops_per_step


def test_data_that_tell_of_no_kinds_are_foreseen_by_their_first_batch():
    plan = sums().forecast(Lengths(MIXED, tells=False)).plan
    assert plan.flops_per_step == plan_over([SHORT]).flops_per_step


@pytest.mark.parametrize(
    ('told', 'says'),
    [
        ([SHORT], 'of each of 8 batches, received 1'),
        ([[n] for n in MIXED], r'numbers or tuples of them.*received \[4\]. Take tuple'),
    ],
)
def test_kinds_that_cannot_be_those_of_the_batches_are_refused(told: Any, says: str):
    class Wrong(Lengths):
        def batch_kinds(self) -> Any:
            return told

    with pytest.raises(ArgumentError, match=rf'batch_kinds\(\) of Wrong to tell.*{says}'):
        sums().fit(Wrong(MIXED), verbose=0)


def test_row_numbers_that_are_not_one_for_each_row_are_refused():
    class Wrong(Lengths):
        def row_numbers(self, index: int) -> Any:
            return [index]

    with pytest.raises(DataError, match=r'row_numbers\(index\) to number each row of a batch, 16 in all, received 2'):
        sums().predict(Wrong([SHORT, SHORT]), verbose=0)


def test_every_kind_is_compiled_once_before_the_first_step(monkeypatch: pytest.MonkeyPatch):
    events = []
    compile_training = loops.compile_training
    monkeypatch.setattr(
        loops, 'compile_training', lambda *given: (events.append('compile'), compile_training(*given))[1]
    )

    class Begins(Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            events.append('train')

    sums().fit(Lengths(MIXED), verbose=0, callbacks=[Begins()])
    assert events == ['compile', 'compile', 'train']


def test_epochs_are_rehearsed_with_a_pass_of_all_kinds():
    source = StreamSource(feed_of(Lengths(MIXED)))
    try:
        whole, part = source.rehearsal(), source.rehearsal(whole=False)
        for made, expected in ((whole, MIXED * 2), (part, ([SHORT] * 2 + [LONG] + [SHORT]) * 4)):
            seen = [batch.x.shape[1] for batch in made.batches(16)]
            made.close()
            assert seen == expected
    finally:
        source.close()


def paced(step: float) -> Paced:
    return Paced(step, 0.0, 0.1, 1.0, 4, 4 * step)


def kinds_over(lengths: list[int], monkeypatch: pytest.MonkeyPatch) -> list[Kind]:
    found = []
    tried = foreseeing.tried
    monkeypatch.setattr(foreseeing, 'tried', lambda *given: (found.extend(given[0].kinds), tried(*given))[1])
    plan_over(lengths)
    return found


def test_the_pace_is_the_mean_of_all_kinds(monkeypatch: pytest.MonkeyPatch):
    kinds = kinds_over(MIXED, monkeypatch)
    seconds = {kinds[0].part: 0.001, kinds[1].part: 0.005}
    told, guessed = _of_kinds(kinds, lambda kind, _: paced(seconds[kind.part]), steps=10_000)
    assert (told.step, guessed) == (pytest.approx(0.75 * 0.001 + 0.25 * 0.005), 0.0)
    assert told.steps == 8


def test_kinds_that_would_take_too_long_to_try_are_told_by_their_operations(monkeypatch: pytest.MonkeyPatch):
    kinds = kinds_over(MIXED, monkeypatch)
    few, many = (work_of(kind.loop, kind.layout).flops for kind in kinds)
    told, guessed = _of_kinds(kinds, lambda kind, _: {kinds[0].part: paced(1.0)}[kind.part], steps=8)
    assert told.step == pytest.approx(0.75 + 0.25 * many / few)
    assert guessed == pytest.approx(0.25 * many / few / told.step)
    assert told.steps == 4


def test_rows_of_another_length_are_tried_anew():
    model = sums()
    y = np.zeros((64, 1), np.float32)
    for length, how in ((SHORT, 'pilot'), (SHORT, 'known'), (LONG, 'pilot'), (LONG, 'known')):
        history = model.fit(np.ones((64, length), np.int32), y, epochs=20, batch_size=8, verbose=0)
        assert history.forecast.how == how


def test_all_kinds_of_a_validation_are_tried_on_several_devices(tmp_path: Path):
    # Trying one gives away the metrics that it began with.
    code = (
        'from tests.models.test_kinds_of_batches import MIXED, Lengths, sums\n'
        'told = sums().forecast(Lengths(MIXED), epochs=30, validation_data=Lengths(MIXED))\n'
        'print(told.plan.devices, told.plan.tokens_per_row, told.how)'
    )
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        'XLA_FLAGS': '--xla_force_host_platform_device_count=2',
        'HEFTED_CACHE_DIR': str(tmp_path),
        'PYTHONPATH': os.pathsep.join(filter(None, (root, os.environ.get('PYTHONPATH')))),
    }
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert not done.returncode, done.stderr[-3000:]
    assert done.stdout.split() == ['2', str(0.75 * SHORT + 0.25 * LONG), 'pilot']
