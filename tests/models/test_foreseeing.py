"""What `fit` foresees before its first step, and what it must not change by that."""

from __future__ import annotations

import json
import random as python_random
import time

import numpy as np
import pytest

import hefted
from hefted import layers, ledger
from hefted.callbacks import Callback
from hefted.ledger.journal import runs_folder, settle
from hefted.quantities import Quantity
from hefted.report.exports.record import facts_of
from hefted.train.resuming import Resume


def rows(count: int = 256, features: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((count, features), dtype=np.float32), rng.integers(0, 2, (count, 1)).astype(np.float32)


def dense(width: int = 16) -> hefted.Sequential:
    hefted.utils.set_random_seed(3)
    model = hefted.Sequential([layers.Dense(width, 'relu'), layers.Dropout(0.2), layers.Dense(1, 'sigmoid')])
    model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
    return model


def lines_of(run: str) -> list[dict]:
    settle(30)
    return [json.loads(line) for line in (runs_folder() / f'{run}.jsonl').read_text('utf-8').splitlines()]


def test_a_fit_foresees_its_steps_duration_energy_and_carbon():
    history = dense().fit(*rows(), epochs=3, verbose=0)
    forecast = history.forecast
    assert forecast is not None
    assert (forecast.plan.steps, forecast.plan.epochs, forecast.plan.batch_size) == (24, 3, 32)
    assert forecast.how == 'pilot'
    assert 0 < forecast.duration.low < forecast.duration.value < forecast.duration.high
    assert forecast.energy is not None
    assert forecast.footprint.carbon is not None
    assert forecast.fits is not False


def test_a_pilot_changes_no_weight_no_draw_and_no_metric(monkeypatch: pytest.MonkeyPatch):
    def trained() -> tuple[list[np.ndarray], dict, float, float]:
        model = dense()
        history = model.fit(*rows(250), epochs=2, verbose=0, validation_split=0.2)
        return model.get_weights(), history.history, float(np.random.random()), python_random.random()

    piloted = trained()
    monkeypatch.setattr('hefted.models.fitting.foresee', lambda prepared, run: None)
    plain = trained()
    for one, two in zip(piloted[0], plain[0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert piloted[1:] == plain[1:]


def test_a_pilot_of_a_state_that_is_given_away_is_of_a_copy(monkeypatch: pytest.MonkeyPatch):
    x, y = rows(64, 600)

    def trained() -> list[np.ndarray]:
        model = dense(600)
        model.fit(x, y, epochs=2, verbose=0)
        return model.get_weights()

    piloted = trained()
    monkeypatch.setattr('hefted.models.fitting.foresee', lambda prepared, run: None)
    for one, two in zip(piloted, trained(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_generator_gives_each_batch_to_the_training():
    x, y = rows(32)
    given = []

    def batches():
        for number in range(6):
            given.append(number)
            yield x, y

    seen = []

    class Counts(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    history = dense().fit(batches(), steps_per_epoch=6, epochs=1, verbose=0, callbacks=[Counts()])
    assert given == list(range(6))
    assert seen == list(range(6))
    assert history.forecast is not None
    assert history.forecast.plan.steps == 6


def test_a_second_fit_of_a_program_tries_nothing_and_rests_on_the_first(monkeypatch: pytest.MonkeyPatch):
    model, data = dense(), rows()
    assert model.fit(*data, epochs=3, verbose=0).forecast.how == 'pilot'
    monkeypatch.setattr('hefted.train.pilot.try_out', lambda *_: pytest.fail('steps were tried again'))
    assert model.fit(*data, epochs=3, verbose=0).forecast.how == 'known'


def test_the_pace_of_batches_that_come_by_themselves_is_not_that_of_arrays():
    model, (x, y) = dense(), rows()
    model.fit(((x[:32], y[:32]) for _ in range(20)), steps_per_epoch=10, epochs=2, verbose=0)
    assert model.fit(x, y, epochs=3, verbose=0).forecast.how == 'pilot'


def test_the_first_line_of_a_fit_is_its_forecast(capsys: pytest.CaptureFixture[str]):
    dense().fit(*rows(), epochs=1, verbose=2)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith('Forecast: ')
    assert first.endswith(' · 8 steps')
    assert 'CO2e' in first
    assert second.startswith('Epoch 1/1')


def test_where_nobody_knows_how_many_steps_come_the_first_line_says_so(capsys: pytest.CaptureFixture[str]):
    x, y = rows(32)
    dense().fit(((x, y) for _ in range(3)), epochs=1, verbose=2)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith('Forecast: not known, as nobody knows how many steps an epoch has; steps_per_epoch=')
    assert second.startswith('Epoch 1/1 - 3/3')
    for quiet in ({'meter': None, 'verbose': 2}, {'verbose': 0}):
        dense().fit(((x, y) for _ in range(3)), epochs=1, **quiet)
        assert 'Forecast' not in capsys.readouterr().out


def test_nothing_is_said_of_it_at_verbose_0(capsys: pytest.CaptureFixture[str]):
    dense().fit(*rows(), epochs=1, verbose=0)
    assert capsys.readouterr().out == ''


def test_the_journal_holds_plan_forecast_and_what_it_became():
    history = dense().fit(*rows(), epochs=4, verbose=0)
    lines = lines_of(history.run)
    told = next(line for line in lines if 'forecast' in line)
    assert told['plan']['steps'] == 32
    assert told['forecast']['how'] == 'pilot'
    assert told['forecast']['footprint']['duration']['value'] == history.forecast.duration.value
    later = [line['forecast_at'] for line in lines if 'forecast_at' in line]
    assert len(later) == 1
    assert later[0]['share'] >= 0.05
    assert later[0]['low'] <= later[0]['seconds'] <= later[0]['high']


def test_the_receipt_tells_what_was_foreseen_beside_what_its_phases_took():
    history = dense().fit(*rows(), epochs=2, verbose=0, validation_split=0.25)
    told = history.receipt().facts.foreseen
    figures = [str(figure).rpartition(', ')[0] + ')' for figure in (history.forecast.duration, history.forecast.energy)]
    phases = history.footprint.phases
    train, validate = phases['train'], phases['validate']
    took = Quantity(train.seconds + validate.seconds, 's').rounded, (train.energy + validate.energy).rounded
    assert told == f'{figures[0]} and {figures[1]} for train and validate, which took {took[0]} and {took[1]}'
    settle(30)
    run = ledger.open().get(history.run)
    assert facts_of(run, run.footprint).foreseen == told
    assert facts_of(run).foreseen == ''
    assert f'Foreseen    {told[:12]}' in str(history.receipt())


def test_without_a_forecast_the_receipt_tells_of_none():
    model = dense()
    model.run_eagerly = True
    assert 'Foreseen' not in str(model.fit(*rows(64), epochs=1, verbose=0).receipt())


def test_without_a_meter_the_duration_alone_is_foreseen(capsys: pytest.CaptureFixture[str]):
    history = dense().fit(*rows(), epochs=1, verbose=2, meter=None, budget='1 h')
    assert history.forecast.energy is None
    assert history.forecast.duration.value > 0
    assert capsys.readouterr().out.splitlines()[0].startswith('Forecast: ')


def test_who_wants_no_meter_is_shown_no_price(capsys: pytest.CaptureFixture[str]):
    history = dense().fit(*rows(), epochs=1, verbose=2, meter=None)
    assert history.forecast is None
    assert 'Forecast' not in capsys.readouterr().out


def test_a_training_step_by_step_in_python_is_not_tried():
    model = dense()
    model.run_eagerly = True
    assert model.fit(*rows(64), epochs=1, verbose=0).forecast is None


def test_operations_are_those_that_paper_and_pencil_give():
    x, y = np.ones((128, 784), np.float32), np.ones((128, 10), np.float32)
    model = hefted.Sequential([layers.Dense(512, 'relu'), layers.Dense(10)])
    model.compile('sgd', 'mse')
    plan = model.fit(x, y, batch_size=64, epochs=1, verbose=0).forecast.plan
    forward, backward = 2 * 64 * (784 * 512 + 512 * 10), 2 * 64 * (784 * 512 + 2 * 512 * 10)
    assert plan.flops_per_step == pytest.approx(forward + backward, rel=0.02)
    assert plan.parameters == 784 * 512 + 512 + 512 * 10 + 10
    assert plan.data_bytes == x.nbytes + y.nbytes
    assert plan.state_bytes > 4 * plan.parameters
    assert plan.peak_bytes > plan.state_bytes + plan.data_bytes
    assert plan.precision == 'float32'


def test_steps_within_a_step_are_counted_each():
    x, y = np.ones((32, 50, 8), np.float32), np.ones((32, 1), np.float32)
    model = hefted.Sequential([layers.LSTM(16), layers.Dense(1)])
    model.compile('sgd', 'mse')
    plan = model.fit(x, y, epochs=1, verbose=0).forecast.plan
    once = 2 * 32 * 4 * 16 * (8 + 16) * 50  # the gates' products forward
    assert 2.5 * once < plan.flops_per_step < 4.5 * once


def test_operations_of_a_convolution_and_of_attention_are_counted():
    x, y = np.ones((16, 12, 12, 3), np.float32), np.ones((16, 1), np.float32)
    model = hefted.Sequential([layers.Conv2D(8, 3), layers.Flatten(), layers.Dense(1)])
    model.compile('sgd', 'mse')
    plan = model.fit(x, y, batch_size=16, epochs=1, verbose=0).forecast.plan
    once = 2 * 16 * 10 * 10 * 8 * 3 * 9
    assert 1.9 * once < plan.flops_per_step < 3.3 * once

    inputs = layers.Input((10, 32))
    told = layers.MultiHeadAttention(4, 8)(inputs, inputs)
    model = hefted.Model(inputs, told)
    model.compile('sgd', 'mse')
    x = np.ones((16, 10, 32), np.float32)
    plan = model.fit(x, x, batch_size=16, epochs=1, verbose=0).forecast.plan
    projection, products = 2 * 16 * 10 * 32 * 32, 2 * 16 * 2 * 4 * 10 * 10 * 8
    # Three projections of what nothing is learned about are done twice, all else three times.
    assert plan.flops_per_step == pytest.approx(3 * 2 * projection + 3 * projection + 3 * products, rel=0.08)


def test_what_is_kept_of_a_training_is_a_part_of_its_price(tmp_path):
    model, data = dense(), rows()
    plain = model.fit(*data, epochs=4, verbose=0).forecast
    assert plain.plan.checkpoints == 0
    assert 'checkpoint' not in plain.footprint.phases
    backed_up = hefted.callbacks.BackupAndRestore(tmp_path / 'backups')
    kept = model.fit(*data, epochs=4, verbose=0, callbacks=[backed_up]).forecast
    assert kept.plan.checkpoints == 4
    assert kept.footprint.phases['checkpoint'].seconds > 0
    assert not list(tmp_path.rglob('*.trial'))


def test_checkpoints_by_the_clock_are_a_small_part_of_the_price(tmp_path):
    told = dense().fit(*rows(), epochs=4, verbose=0, resume=tmp_path / 'kept').forecast
    assert told.plan.checkpoints is None
    phases = told.footprint.phases
    assert 0 < phases['checkpoint'].seconds <= 0.011 * phases['train'].seconds


def test_a_resumed_training_has_the_rest_of_its_epoch_in_its_plan(tmp_path):
    class Ends(Callback):
        def on_train_batch_end(self, batch, logs=None):
            time.sleep(0.03)  # a checkpoint is kept where there is time for one
            if batch == 4:
                raise RuntimeError('the lights went out')

    model, data = dense(), rows()
    often = Resume(tmp_path / 'kept', seconds=0, share=1.0)
    with pytest.raises(RuntimeError, match='lights'):
        model.fit(*data, epochs=3, verbose=0, resume=often, callbacks=[Ends()])
    history = dense().fit(*data, epochs=3, verbose=0, resume=tmp_path / 'kept')
    assert 20 <= history.forecast.plan.steps < 24  # of 24, as up to four were kept


def test_a_training_of_short_epochs_has_whole_epochs_rehearsed(monkeypatch: pytest.MonkeyPatch):
    from hefted.models import trying

    told = []
    rehearse = trying.rehearse

    def heard(*arguments, **more):
        told.append((arguments[3], rehearse(*arguments, **more)))
        return told[-1][1]

    monkeypatch.setattr(trying, 'rehearse', heard)
    validation = rows(64)
    for _ in range(5):  # where a busy machine is long at the first steps, no time is left for it
        told.clear()
        forecast = dense().fit(*rows(), epochs=1000, verbose=0, validation_data=validation).forecast
        if told and told[0][1] is not None:
            break
    ((steps, rehearsed),) = told
    assert steps == 8
    assert rehearsed is not None
    phases = forecast.footprint.phases
    assert phases['train'].seconds == pytest.approx(1000 * rehearsed.epoch)
    assert phases['validate'].seconds == pytest.approx(1000 * rehearsed.validation)


def test_a_training_that_a_backup_puts_further_has_the_rest_in_its_plan(tmp_path):
    class Ends(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 6:
                raise RuntimeError('the lights went out')

    def backup():
        return hefted.callbacks.BackupAndRestore(tmp_path / 'backups')

    with pytest.raises(RuntimeError, match='lights'):
        dense().fit(*rows(), epochs=10, verbose=0, callbacks=[backup(), Ends()])
    history = dense().fit(*rows(), epochs=10, verbose=0, callbacks=[backup()])
    assert history.forecast.plan.steps == 24  # of 80
    assert next(line['resumed'] for line in lines_of(history.run) if 'resumed' in line) == {'step': 56}


def test_epochs_that_run_out_of_data_are_not_rehearsed_as_each_would_warn_of_it(monkeypatch: pytest.MonkeyPatch):
    from hefted.models import trying

    monkeypatch.setattr(trying, 'rehearse', lambda *_: pytest.fail('an epoch was rehearsed'))
    with pytest.warns(UserWarning, match='ran out of data'):
        forecast = dense().fit(*rows(), batch_size=32, epochs=300, steps_per_epoch=12, verbose=0).forecast
    assert forecast.how == 'pilot'


def test_a_forecast_makes_no_folder_for_backups_and_a_large_one_is_priced_by_a_part(tmp_path, monkeypatch):
    from hefted.train import backups

    model, data = dense(), rows()
    never = hefted.callbacks.BackupAndRestore(tmp_path / 'never', save_freq=False)
    assert 'checkpoint' not in model.forecast(*data, epochs=4, callbacks=[never]).footprint.phases
    backup = hefted.callbacks.BackupAndRestore(tmp_path / 'deep' / 'backups')
    told = model.forecast(*data, epochs=4, callbacks=[backup])
    assert told.footprint.phases['checkpoint'].seconds > 0
    assert list(tmp_path.iterdir()) == []

    written = []
    monkeypatch.setattr(backups.state_file, 'write', lambda path, value: written.append(value['trial'].nbytes))
    state = {'trainable': [np.zeros(1 << 25, np.float32)]}  # 128 MiB
    assert backups.Folder(backup).price(state).seconds > 0
    assert written == [8 << 20]
