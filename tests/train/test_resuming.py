"""`fit(resume=…)`: what goes on, what is refused, what is kept, and how often."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from hefted import Input, Model, Sequential, callbacks, layers, ledger, optimizers, runs, utils
from hefted.cli.export import command as export
from hefted.cli.receipt import command as receipt
from hefted.errors import ArchiveError, ArgumentError
from hefted.ledger import attempts, journal
from hefted.models import fitting, identity
from hefted.report.exports.record import record
from hefted.train import checkpoint as checkpoints
from hefted.train import elsewhere, programs, state_file
from hefted.train.governor import Governor
from hefted.train.resuming import Resume, Resuming

rng = np.random.default_rng(3)
X = rng.random((70, 4)).astype('float32')
Y = (X.sum(axis=1, keepdims=True) > 2).astype('float32')


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'data'))


def fresh(width: int = 8, optimizer: Any = 'adam', seed: int | None = 5) -> Any:
    if seed is not None:
        utils.set_random_seed(seed)
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(width, activation='relu'),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1, activation='sigmoid'),
        ]
    )
    model.compile(optimizer, 'binary_crossentropy', metrics=['accuracy'])
    return model


class Batches(utils.PyDataset):
    """The rows, in batches of their own."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return X[index * 14 : (index + 1) * 14], Y[index * 14 : (index + 1) * 14]


class Shuffled(Batches):
    """Batches in an order that it draws itself, and that it can be put back to."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = np.random.default_rng(3)
        self.order = list(range(5))

    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(self.order[index])

    def on_epoch_end(self) -> None:
        self.order = self.drawn.permutation(self.order).tolist()

    def get_state(self) -> Any:
        return {'drawn': self.drawn.bit_generator.state, 'order': self.order}

    def set_state(self, state: Any) -> None:
        self.drawn.bit_generator.state = state['drawn']
        self.order = list(state['order'])


class Loader:
    """The same as what is iterated over, as loaders are."""

    def __init__(self) -> None:
        self.drawn = np.random.default_rng(3)

    def __iter__(self) -> Any:
        return (Batches()[number % 5] for number in self.drawn.permutation(6).tolist())

    def get_state(self) -> Any:
        return self.drawn.bit_generator.state

    def set_state(self, state: Any) -> None:
        self.drawn.bit_generator.state = state


Loader.__name__ = 'DataLoader'
Loader.__module__ = 'torch.utils.data'


class Drawing:
    """Likewise, in an order that comes from everybody's random numbers, row by row noise too, as torch's does."""

    def __iter__(self) -> Any:
        order = np.random.permutation(6).tolist()
        return ((Batches()[n % 5][0] + np.float32(0.01 * np.random.random()), Batches()[n % 5][1]) for n in order)


Drawing.__name__ = 'DataLoader'
Drawing.__module__ = 'torch.utils.data'


def generated() -> Any:
    while True:
        for number in range(5):
            yield Batches()[number]


DATA: dict[str, Any] = {
    'arrays': lambda: {'x': X, 'y': Y, 'batch_size': 16},
    'parts of passes': lambda: {'x': X, 'y': Y, 'batch_size': 8, 'steps_per_epoch': 3},
    'PyDataset': lambda: {'x': Batches()},
    'PyDataset that shuffles itself': lambda: {'x': Shuffled(), 'shuffle': False},
    'loader that shuffles itself': lambda: {'x': Loader()},
    'parts of a loader': lambda: {'x': Loader(), 'steps_per_epoch': 3, 'epochs': 5},
    'loader that draws from everybody': lambda: {'x': Drawing()},
    'generator': lambda: {'x': generated(), 'steps_per_epoch': 5},
}


def often(folder: Path) -> Resume:
    """A checkpoint at each chunk's edge."""
    return Resume(folder / 'kept', seconds=0.0, share=1e9)


class Strikes(callbacks.Callback):
    """Raises at the end of an epoch."""

    def __init__(self, epoch: int, error: BaseException | None = None) -> None:
        super().__init__()
        self.at, self.error = epoch, error or RuntimeError('struck')

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.at:
            raise self.error


def fit(folder: Path | None, *others: Any, model: Any = None, **arguments: Any) -> Any:
    """A part of a training: epochs, history and all variables."""
    model = model or fresh()
    resume = False if folder is None else often(folder)
    told = (
        ({} if 'x' in arguments else DATA['arrays']())
        | {'epochs': 4, 'verbose': 0, 'meter': None, 'resume': resume}
        | arguments
    )
    history = model.fit(callbacks=list(others), **told)
    values = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    return history.epoch, history.history, values, history.attempt


def cut_short(folder: Path, epoch: int = 2, **arguments: Any) -> None:
    with pytest.raises(RuntimeError, match='struck'):
        fit(folder, Strikes(epoch), **arguments)


def assert_same(found: Any, wanted: Any) -> None:
    assert found[:2] == wanted[:2]
    for one, other in zip(found[2], wanted[2], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('data', DATA)
@pytest.mark.parametrize('by_batch', [False, True])
def test_a_training_that_was_cut_short_ends_with_the_bits_of_one_that_was_not(
    tmp_path: Path, data: str, by_batch: bool
) -> None:
    hooked = [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if by_batch else []
    whole = fit(None, *hooked, **DATA[data]())
    with pytest.raises(RuntimeError, match='struck'):
        fit(tmp_path, Strikes(2), *hooked, **DATA[data]())
    assert (tmp_path / 'kept' / 'latest.state').exists()
    again = fit(tmp_path, *hooked, **DATA[data]())
    assert_same(again, whole)
    assert (whole[3], again[3]) == (1, 2)


@pytest.mark.parametrize('validated', [False, True])
def test_what_is_foreseen_of_a_resumed_training_is_what_is_left_of_it(tmp_path: Path, validated: bool) -> None:
    more: dict[str, Any] = {'epochs': 4, 'batch_size': 16, 'verbose': 0, 'resume': often(tmp_path)}
    more |= {'validation_data': (X, Y)} if validated else {}
    model = fresh()
    with pytest.raises(RuntimeError, match='struck'):
        model.fit(X, Y, callbacks=[Strikes(2)], **more)
    again = fresh()
    history = again.fit(X, Y, **more)
    journal.settle(30)
    run = ledger.open().get(str(history.run))
    left = 4 * -(-len(X) // 16) - run.told('resumed')['step']
    assert history.forecast.plan.steps == left
    assert run.told('plan')['steps'] == left
    assert run.told('forecast_at')['step'] <= left
    assert record(run).flops == pytest.approx(run.told('plan')['flops'])


def test_all_attempts_at_a_training_are_told_as_one_where_that_is_asked_for(tmp_path: Path) -> None:
    more: dict[str, Any] = {'epochs': 4, 'batch_size': 16, 'verbose': 0, 'resume': often(tmp_path)}
    with pytest.raises(RuntimeError, match='struck'):
        fresh().fit(X, Y, callbacks=[Strikes(1)], **more)
    last = str(fresh().fit(X, Y, **more).run)
    journal.settle(30)
    known = ledger.open()
    first = next(run for run in known.runs(kind='fit') if run.id != last)
    whole = record(known.training(last))
    parts = [record(known.get(run)) for run in (first.id, last)]
    assert whole.footprint.energy.value == pytest.approx(sum(part.footprint.energy.value for part in parts))
    assert whole.flops == pytest.approx(sum(part.flops for part in parts))
    assert (whole.facts.status, whole.facts.children, whole.facts.of_all_attempts) == ('finished', 2, None)
    assert known.training(first.id).id == last
    alone = str(fresh().fit(X, Y, epochs=1, verbose=0).run)
    journal.settle(30)
    assert known.training(alone).id == alone
    assert not known.training(alone).children
    told = CliRunner().invoke(export, [last, '--as', 'eu-ai-act', '--all-attempts'], catch_exceptions=False).output
    assert 'Figures are the sums of 2 runs' in told
    assert 'It is attempt' not in told
    told = CliRunner().invoke(receipt, [first.id, '--all-attempts'], catch_exceptions=False).output
    assert '2 runs · finished' in told


def test_keeping_checkpoints_changes_no_bit_of_a_training(tmp_path: Path) -> None:
    assert_same(fit(tmp_path), fit(None))


def test_a_training_with_validation_and_callbacks_that_have_a_state_goes_on_with_theirs(tmp_path: Path) -> None:
    def others() -> list[Any]:
        plateau = callbacks.ReduceLROnPlateau('val_loss', factor=0.5, patience=1, min_delta=0.5)
        return [plateau, callbacks.EarlyStopping('val_loss', patience=9, restore_best_weights=True)]

    whole = fit(None, *others(), validation_data=(X, Y))
    with pytest.raises(RuntimeError, match='struck'):
        fit(tmp_path, *others(), Strikes(2), validation_data=(X, Y))
    assert_same(fit(tmp_path, *others(), validation_data=(X, Y)), whole)


def test_a_training_that_is_at_its_end_begins_anew_when_it_is_called_again(tmp_path: Path) -> None:
    first = fit(tmp_path)
    second = fit(tmp_path)
    assert_same(second, first)
    assert second[3] == 1


class PressesBetween(Governor):
    """Presses Ctrl-C when the second chunk of two steps is read."""

    heard = 0

    def allow(self, ahead: Any) -> int:
        return min(ahead.steps, 2)

    def hear(self, steps: int, seconds: float, tick: Any) -> None:
        self.heard += 1
        if self.heard == 2:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_loses_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(fitting, 'governor_of', lambda *_, **__: PressesBetween())
            fit(tmp_path, resume=tmp_path / 'kept')  # by its clock none is due for two seconds
    finally:
        signal.signal(signal.SIGINT, before)
    assert state_file.look(tmp_path / 'kept' / 'latest.state')['place'][2] > 0
    assert_same(fit(tmp_path), whole)


def pressed(*_: Any) -> None:
    signal.raise_signal(signal.SIGINT)


def interrupted(folder: Path, **arguments: Any) -> int:
    """A training with a checkpoint for Ctrl-C alone: how many steps it had then."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(folder, *arguments.pop('callbacks'), resume=folder / 'kept', **arguments)
    finally:
        signal.signal(signal.SIGINT, before)
    return state_file.look(folder / 'kept' / 'latest.state')['place'][2]


class Draws(callbacks.Callback):
    """Puts into the logs what it draws from everybody's random numbers."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs |= {'numpy': float(np.random.random()), 'python': random.random()}


class Presses(callbacks.Callback):
    """Presses Ctrl-C in a hook, once."""

    def __init__(self, hook: str, calls: int) -> None:
        super().__init__()
        self._left = calls
        setattr(self, hook, self._count)

    def _count(self, *_: Any) -> None:
        self._left -= 1
        if not self._left:
            pressed()


@pytest.mark.parametrize(
    ('hook', 'calls', 'steps'),
    [
        ('on_epoch_begin', 3, 10),
        ('on_epoch_end', 2, 10),
        ('on_train_batch_begin', 8, 8),  # at a step it waits for that step's end, or the next one's
        ('on_train_batch_end', 8, 9),
        ('on_test_begin', 2, 10),
        ('on_test_batch_end', 3, 5),
    ],
)
def test_ctrl_c_in_a_hook_loses_no_step(tmp_path: Path, hook: str, calls: int, steps: int) -> None:
    def others() -> list[Any]:
        plain = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        plateau = callbacks.ReduceLROnPlateau('val_loss', factor=0.5, patience=1, min_delta=0.5)
        return [plain, plateau, Draws()]

    whole = fit(None, *others(), validation_data=(X, Y))
    found = interrupted(tmp_path, callbacks=[*others(), Presses(hook, calls)], validation_data=(X, Y))
    assert found == steps
    assert_same(fit(tmp_path, *others(), validation_data=(X, Y)), whole)


@pytest.mark.parametrize('data', DATA)
def test_who_goes_on_and_is_interrupted_at_once_goes_on_from_the_same_step(tmp_path: Path, data: str) -> None:
    plain = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    whole = fit(None, plain, **DATA[data]())
    for press in (Presses('on_train_batch_end', 8), Presses('on_epoch_begin', 1)):
        interrupted(tmp_path, callbacks=[plain, press], **DATA[data]())
    assert_same(fit(tmp_path, plain, **DATA[data]()), whole)


def test_ctrl_c_while_a_batch_is_made_loses_no_step(tmp_path: Path) -> None:
    class Slow(Batches):
        def __getitem__(self, index: int) -> Any:
            if index == 3 and self.now == 1:
                time.sleep(2)  # until what came before it is trained on
                pressed()
                time.sleep(2)  # longer than it is waited for: its thread is left in the midst of it
            return super().__getitem__(index)

        def on_epoch_end(self) -> None:
            self.now += 1

        now = -1  # as one batch is looked at before

    whole = fit(None, x=Batches(), shuffle=False)
    assert interrupted(tmp_path, callbacks=[], x=Slow(), shuffle=False) == 8
    assert_same(fit(tmp_path, x=Batches(), shuffle=False), whole)


@pytest.mark.parametrize('data', ['arrays', 'parts of passes', 'PyDataset', 'loader that shuffles itself'])
@pytest.mark.parametrize('backup', [False, True])
def test_callbacks_draw_on_from_where_they_were(tmp_path: Path, data: str, backup: bool) -> None:
    def others() -> list[Any]:
        return [*([callbacks.BackupAndRestore(tmp_path / 'backup')] if backup else []), Draws()]

    whole = fit(None, Draws(), **DATA[data]())
    folder = None if backup else tmp_path
    with pytest.raises(RuntimeError, match='struck'):
        fit(folder, *others(), Strikes(2), **DATA[data]())
    found = fit(folder, *others(), **DATA[data]())
    assert_same(found, whole)


@pytest.mark.parametrize('data', DATA)
def test_a_backup_at_an_epochs_edge_goes_on_with_the_data_of_the_next(tmp_path: Path, data: str) -> None:
    class Fails(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise RuntimeError('struck')

    whole = fit(None, **DATA[data]())
    with pytest.raises(RuntimeError, match='struck'):
        fit(None, callbacks.BackupAndRestore(tmp_path), Fails(), **DATA[data]())
    assert_same(fit(None, callbacks.BackupAndRestore(tmp_path), **DATA[data]()), whole)


class Refuses(Governor):
    """Ends a training before its second validation."""

    asked = 0

    def may(self, work: Any) -> bool:
        self.asked += work == 'validate'
        self.stopped_by = 'a limit' if self.asked == 2 else None
        return self.asked != 2


@pytest.mark.parametrize('data', DATA)
def test_what_was_stopped_before_a_validation_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    whole = fit(None, validation_data=(X, Y), **DATA[data]())
    with monkeypatch.context() as patched:
        patched.setattr(fitting, 'governor_of', lambda *_, **__: Refuses())
        assert fit(tmp_path, validation_data=(X, Y), **DATA[data]())[0] == [0]
    assert_same(fit(tmp_path, validation_data=(X, Y), **DATA[data]()), whole)


class Halts(Governor):
    """Lets ten steps pass."""

    stopped_by = None

    def allow(self, ahead: Any) -> int:
        left = max(0, 10 - ahead.done - ahead.waiting)
        self.stopped_by = self.stopped_by if left else 'ten steps'
        return min(ahead.steps, left)


def test_what_a_budget_stopped_goes_on_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(None)
    with monkeypatch.context() as patched:
        patched.setattr(fitting, 'governor_of', lambda *_, **__: Halts())
        fit(tmp_path, resume=tmp_path / 'kept')
    assert (tmp_path / 'kept' / 'latest.state').exists()
    assert_same(fit(tmp_path), whole)


def test_more_epochs_than_before_are_trained_and_fewer_are_told(tmp_path: Path) -> None:
    whole = fit(None, epochs=6)
    cut_short(tmp_path)
    assert_same(fit(tmp_path, epochs=6), whole)
    cut_short(tmp_path, 3)
    with pytest.warns(UserWarning, match='was to have 4 epochs and is in epoch 4; now it ends after 2'):
        fit(tmp_path, epochs=2)


@pytest.mark.parametrize(
    ('model', 'arguments', 'told'),
    [
        ({'width': 9}, {}, 'layer 0, Dense, has units 9 here and 8 there'),
        ({'optimizer': 'sgd'}, {}, 'optimizer is .*SGD.* here and .*Adam.* there'),
        ({'optimizer': optimizers.Adam(0.01)}, {}, 'optimizer, Adam, has learning_rate 0.01 here and 0.001 there'),
        ({'seed': 6}, {}, 'seed is 6 here and 5 there'),
        ({}, {'batch_size': 14}, 'batch_size is 14 here and 16 there'),
        ({}, {'x': X + 1, 'y': Y, 'batch_size': 16}, r'data 0 is float32 \(70, 4\)'),
        ({}, {'x': X[:60], 'y': Y[:60], 'batch_size': 16}, r'data 0 is float32 \(60, 4\)'),
        ({}, {'shuffle': False}, 'shuffle is False here and True there'),
        ({}, {'initial_epoch': 1}, 'initial_epoch is 1 here and 0 there'),
        ({}, {'validation_data': (X, Y)}, 'validation data is'),
    ],
    ids=lambda value: next(iter(value), 'x') if isinstance(value, dict) else '',
)
def test_another_training_is_refused_by_what_differs(tmp_path: Path, model: Any, arguments: Any, told: str) -> None:
    cut_short(tmp_path)
    with pytest.raises(ArgumentError, match=told) as caught:
        fit(tmp_path, model=fresh(**model), **arguments)
    assert 'resume=False' in str(caught.value)
    assert 'hefted resume --forget' in str(caught.value)
    assert_same(fit(tmp_path), fit(None))  # nothing of it was lost by that


def test_a_process_that_gives_no_seed_goes_on_with_the_one_that_was_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(None)
    cut_short(tmp_path)
    monkeypatch.setattr('hefted.models.identity.told_seed', lambda: None)
    utils.set_random_seed(99)
    assert_same(fit(tmp_path, model=fresh(seed=None)), whole)


def test_names_that_were_made_up_tell_no_models_apart(tmp_path: Path) -> None:
    cut_short(tmp_path)
    model = fresh()
    assert model.layers[0].name != 'dense'
    assert fit(tmp_path, model=model)[3] == 2


def nested(crossed: bool = False) -> Any:
    """A model in a model, whose layers have made-up names; what is subtracted from what may be crossed."""
    utils.set_random_seed(5)
    entry = Input((4,))
    first = layers.Dense(3)(entry)
    second = layers.Dense(3)(first)
    inner = Model(entry, layers.Subtract()([second, first] if crossed else [first, second]))
    model = Sequential([Input((4,)), inner, layers.Dense(1)], name='outer')
    model.compile('sgd', 'mse')
    return model


def test_nor_do_those_of_layers_in_a_model_in_a_model_but_how_they_are_connected_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_short(tmp_path, model=nested())
    with pytest.raises(ArgumentError, match=r'layer 0, Functional, has layers'):
        fit(tmp_path, model=nested(crossed=True))
    assert_same(fit(tmp_path, model=nested()), fit(None, model=nested()))
    with monkeypatch.context() as older:  # whose checkpoints had the names
        older.setattr(identity, '_numbered', lambda config: config)
        cut_short(tmp_path, model=nested())
    assert_same(fit(tmp_path, model=nested()), fit(None, model=nested()))


@pytest.mark.parametrize('share', [0.0, 0.02, 0.3, 0.7, 0.999])
def test_a_last_checkpoint_that_was_cut_anywhere_gives_way_to_the_one_before(tmp_path: Path, share: float) -> None:
    whole = fit(None)
    cut_short(tmp_path)
    latest = tmp_path / 'kept' / 'latest.state'
    assert latest.with_name('latest.state.bkp').exists()
    blob = latest.read_bytes()
    latest.write_bytes(blob[: int(share * len(blob))])
    with pytest.warns(UserWarning, match='cannot be read, and is passed over'):
        found = fit(tmp_path)
    assert_same(found, whole)


def test_where_all_are_damaged_the_folder_is_named(tmp_path: Path) -> None:
    cut_short(tmp_path)
    for file in (tmp_path / 'kept').glob('latest.*'):
        file.write_bytes(b'nothing')
    with pytest.raises(ArchiveError, match=f"No backup in '{tmp_path}/kept' can be read"), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        fit(tmp_path)


def test_a_checkpoint_of_another_machine_is_said_to_agree_to_1e_5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_short(tmp_path)
    here = elsewhere.machine_here()
    assert here['threads'].isdigit()
    with monkeypatch.context() as patched:
        patched.setattr(elsewhere, 'machine_here', lambda: here | {'threads': '64'})
        with pytest.raises(RuntimeError, match='struck'):
            fit(tmp_path, Strikes(3), verbose=2)
    assert f'to about 1e-5, not to the bit: it began elsewhere (threads 64 here, {here["threads"]} there)' in (
        capsys.readouterr().out
    )
    with monkeypatch.context() as patched:
        patched.setattr(elsewhere, 'machine_here', lambda: here | {'threads': '64'})
        fit(tmp_path, verbose=2)
    assert 'attempt 3: it goes on to about 1e-5, not to the bit' in capsys.readouterr().out  # as the second was not


@pytest.mark.parametrize(
    ('name', 'value', 'told'),
    [
        ('NPROC', '1', 'threads 1 here'),
        ('PJRT_NPROC', '1', 'threads 1 here'),
        (
            'XLA_FLAGS',
            '--xla_dump_to=x --xla_cpu_enable_fast_math=true',
            'XLA_FLAGS --xla_cpu_enable_fast_math=true here',
        ),
        ('XLA_FLAGS', '--xla_dump_to=x', ''),
    ],
)
def test_what_changes_the_bits_of_a_cpu_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    told: str,
) -> None:
    for each in ('NPROC', 'PJRT_NPROC', 'XLA_FLAGS'):
        monkeypatch.delenv(each, raising=False)
    cut_short(tmp_path)
    monkeypatch.setenv(name, value)
    fit(tmp_path, verbose=2)
    said = capsys.readouterr().out
    assert told in said
    assert ('goes on to the bit.' in said) == (not told)


def test_an_attempt_that_is_known_has_a_journal_from_its_first_instant(tmp_path: Path) -> None:
    run = runs.start('fit', name='model')
    keeper = Resuming(Resume(tmp_path / 'kept'), 'model')
    with keeper.begun(run.id):
        assert keeper.attempts.runs == [run.id]
        assert (journal.runs_folder() / f'{run.id}.jsonl').read_bytes().count(b'\n') >= 1
    run.end()


def test_a_folder_is_one_trainings_at_a_time(tmp_path: Path) -> None:
    class Nested(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            fit(tmp_path)

    with pytest.raises(ArgumentError, match='a folder that no other training uses'):
        fit(tmp_path, Nested())


def test_who_finds_a_training_under_way_is_no_attempt_at_it(tmp_path: Path) -> None:
    first = Resuming(Resume(tmp_path / 'kept'), 'model')
    with first.begun('1' * 36):
        second = Resuming(Resume(tmp_path / 'kept'), 'model')
        with pytest.raises(ArgumentError, match='no other training uses'), second.begun('2' * 36):
            pass
        command = (
            'import sys; from hefted.train.resuming import *\n'
            "with Resuming(Resume(sys.argv[1]), 'model').begun('3' * 36): pass"
        )
        told = subprocess.run([sys.executable, '-c', command, str(tmp_path / 'kept')], capture_output=True, text=True)
        assert 'no other training uses' in told.stderr
    known = attempts.load(first.attempts.key)
    assert known is not None
    assert known.runs == ['1' * 36]


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    for folder in (tmp_path / 'file', tmp_path / 'file' / 'below'):
        with pytest.raises(
            ArgumentError, match=r'expected a folder that can be written, received .*Give resume another'
        ):
            fit(tmp_path, resume=folder)


def test_without_a_data_folder_that_can_be_written_a_folder_of_its_own_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'file').touch()
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'file'))
    with pytest.raises(ArgumentError, match=r'can be written, received .*Set HEFTED_DATA_DIR, or give resume a folder'):
        fit(tmp_path, resume=True)
    whole = fit(None)
    with pytest.warns(UserWarning, match='will not know of this training'), pytest.raises(RuntimeError, match='struck'):
        fit(tmp_path, Strikes(2))
    with pytest.warns(UserWarning, match='will not know of this training'):
        assert_same(fit(tmp_path), whole)


def test_the_files_of_others_are_not_to_be_deleted(tmp_path: Path) -> None:
    folder = tmp_path / 'kept'
    folder.mkdir()
    (folder / 'latest.state').write_bytes(b'mine')
    with (
        pytest.raises(ArchiveError, match=r'Delete latest\.state and .* there to begin anew'),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter('ignore')
        fit(tmp_path)
    assert (folder / 'latest.state').read_bytes() == b'mine'


@pytest.mark.parametrize('wrong', [3, 'x'[:0], [], object()])
def test_what_is_no_folder_is_an_error(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match='Expected resume to be True, False, or a folder'):
        fit(None, resume=wrong)


def clocked(folder: Path, **how: Any) -> tuple[Resuming, list[float]]:
    now = [1000.0]
    kept = Resuming(Resume(folder, **how), 'model', lambda: now[0])
    return kept, now


@pytest.mark.parametrize('cost', [0.001, 0.05, 3.0])
def test_checkpoints_take_a_hundredth_of_the_time_at_the_most(tmp_path: Path, cost: float) -> None:
    kept, now = clocked(tmp_path)
    begun, spent, count = now[0], 0.0, 0
    first = None
    while now[0] - begun < 4000:
        now[0] += 0.2
        if kept.due():
            first = first or now[0] - begun
            now[0] += cost
            kept.took(cost)
            spent, count = spent + cost, count + 1
        if count > 1:
            assert spent <= 0.0101 * (now[0] - begun)
    assert first is not None
    assert 1.9 < first < 2.5
    assert count >= min(4000 / 2.5, 0.9 * 0.01 * 4000 / cost)


def test_a_disk_that_fails_is_tried_again_less_and_less(tmp_path: Path) -> None:
    kept, now = clocked(tmp_path / 'file' / 'kept')
    (tmp_path / 'file').write_text('in the way')
    whole = checkpoints.Checkpoint(checkpoints.Place(0), {}, None, {}, {}, [], {})
    waits = []
    for _ in range(12):
        begun = now[0]
        while not kept.due():
            now[0] += 1.0
        waits.append(now[0] - begun)
        with pytest.warns(UserWarning, match='could not be written'):
            kept.save(whole)
        kept.took(0.0)
    assert waits == sorted(waits)
    assert waits[0] == 2.0
    assert waits[-1] == 300.0


def test_each_fit_of_a_program_has_checkpoints_of_its_own_and_the_same_ones_when_it_is_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of_a_process(*names: str) -> list[str]:
        programs._begun.clear()
        return [programs.key_of(None, name) for name in names]

    first = of_a_process('sequential', 'sequential_1', 'other')
    assert len(set(first)) == 3
    assert of_a_process('sequential', 'sequential_1', 'other') == first
    assert of_a_process('sequential_7')[0] == first[0]
    monkeypatch.setattr('sys.orig_argv', ['python', 'train.py', '--fold', '2'])
    assert of_a_process('sequential')[0] != first[0]


def test_a_cell_of_a_notebook_goes_on_when_it_is_run_again_and_begins_anew_once_it_was_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, 'interactive', lambda: True)
    key = programs.key_of(None, 'cell')
    assert programs.key_of(None, 'cell_1') == key
    programs.done('cell_1')
    assert programs.key_of(None, 'cell_2') != key
    assert programs.command() == []


def test_what_is_kept_of_a_command_is_this_users_alone(tmp_path: Path) -> None:
    cut_short(tmp_path)
    (found,) = attempts.listed()
    file = found.folder / 'attempts.json'
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert found.checkpoints == str(tmp_path / 'kept')
    assert found.command[0]
    file.chmod(0o620)
    with pytest.raises(ArgumentError, match='yours alone'):
        list(attempts.listed())
    with pytest.raises(ArgumentError, match='yours alone'):
        fit(tmp_path)
    file.chmod(0o600)
    told = file.read_text()
    file.write_text(told[:20])
    assert list(attempts.listed()) == []
    assert fit(tmp_path)[3] == 2  # the checkpoint knows of the first
    assert json.loads(told)['runs']
