"""At a hook the model is what training has made of it so far, and what the hook assigns is trained on from there.

All of it holds for a small state, which is not given away to the device, for a larger one, and for a large one.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from hefted import Input, Sequential, callbacks, layers
from hefted.train import binding, interrupts, loop, program

rng = np.random.default_rng(3)
X = rng.random((70, 4)).astype('float32')
Y = (X.sum(axis=1, keepdims=True) > 2).astype('float32')
START = [
    rng.standard_normal(shape).astype('float32') / 2 for shape in ((4, 8), (8,), (8,), (8,), (8,), (8,), (8, 1), (1,))
]
FIT: dict[str, Any] = {'batch_size': 16, 'epochs': 3, 'shuffle': False, 'verbose': 0, 'meter': None}


def fresh(optimizer: Any = 'rmsprop') -> Sequential:
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(8, activation='relu'),
            layers.BatchNormalization(),
            layers.Dropout(0.2, seed=1),
            layers.Dense(1, activation='sigmoid'),
        ]
    )
    weights = [np.abs(w) if i == 5 else w for i, w in enumerate(START)]  # a variance is positive
    model.set_weights(weights)
    model.compile(optimizer=optimizer, loss='binary_crossentropy', metrics=['accuracy'])
    return model


def single_steps(model: Sequential, epochs: int = 3) -> list[list[Any]]:
    """The weights after each step, trained batch by batch."""
    found = []
    for _ in range(epochs):
        for at in range(0, len(X), 16):
            model.train_on_batch(X[at : at + 16], Y[at : at + 16])
            found.append(model.get_weights())
    return found


def assert_same(found: list[Any], wanted: list[Any], **tolerance: float) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or {'rtol': 1e-5, 'atol': 1e-6}))


@pytest.fixture(autouse=True, params=['small', 'larger', 'large'])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the state of these models is treated."""
    monkeypatch.setattr(program, '_KEPT_BYTES', 0 if request.param != 'small' else 1 << 20)
    monkeypatch.setattr(program, '_COPIED_BYTES', 0 if request.param == 'large' else 1 << 20)
    return request.param


@pytest.fixture(scope='module')
def steps() -> list[list[Any]]:
    return single_steps(fresh())


def test_batch_hooks_see_the_weights_after_their_own_step(steps: list[list[Any]]) -> None:
    before: list[Any] = []
    after: list[Any] = []
    watcher = callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: before.append(model.get_weights()),
        on_train_batch_end=lambda batch, logs: after.append(model.get_weights()),
    )
    model = fresh()
    first = model.get_weights()
    model.fit(X, Y, callbacks=[watcher], **FIT)
    assert len(after) == len(steps) == 15
    for number, (begin, end) in enumerate(zip(before, after, strict=True)):
        assert_same(end, steps[number])
        assert_same(begin, after[number - 1] if number else first, rtol=0, atol=0)


def test_epoch_hooks_see_the_weights_after_their_own_epoch(steps: list[list[Any]]) -> None:
    begin: list[Any] = []
    end: list[Any] = []
    optimizer_steps: list[int] = []
    watcher = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begin.append(model.get_weights()),
        on_epoch_end=lambda epoch, logs: (
            end.append(model.get_weights()),
            optimizer_steps.append(int(model.optimizer.iterations)),
        ),
    )
    model = fresh()
    model.fit(X, Y, callbacks=[watcher], **FIT)
    for epoch in range(3):
        assert_same(end[epoch], steps[epoch * 5 + 4])
        if epoch:
            assert_same(begin[epoch], end[epoch - 1], rtol=0, atol=0)
    assert optimizer_steps == [5, 10, 15]
    assert_same(model.get_weights(), end[-1], rtol=0, atol=0)


def test_test_hooks_see_the_weights_of_the_epoch_that_ended(steps: list[list[Any]]) -> None:
    seen: list[Any] = []
    watcher = callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append(model.get_weights()))
    model = fresh()
    model.fit(X, Y, callbacks=[watcher], validation_data=(X[:20], Y[:20]), **FIT)
    assert len(seen) == 6
    for number, weights in enumerate(seen):
        assert_same(weights, steps[(number // 2) * 5 + 4])


@pytest.mark.parametrize('hook', ['on_train_begin', 'on_epoch_begin', 'on_train_batch_begin', 'on_test_begin'])
def test_weights_that_a_hook_assigns_are_trained_on(hook: str) -> None:
    """Each hook sets the first weights again: only the steps after its last call count."""
    initial = fresh().get_weights()
    model = fresh('sgd')
    act = callbacks.LambdaCallback(**{hook: lambda *_: model.set_weights(initial)})
    model.fit(X, Y, callbacks=[act], validation_data=(X[:9], Y[:9]), **FIT)
    left = {'on_train_begin': 15, 'on_epoch_begin': 5, 'on_train_batch_begin': 1, 'on_test_begin': 0}[hook]
    plain = fresh('sgd')
    # The draws of dropout go on all the same: their seeds are no weights.
    before = 15 - left
    for number in range(15):
        if number == before:
            plain.set_weights(initial)
        at = number % 5 * 16
        plain.train_on_batch(X[at : at + 16], Y[at : at + 16])
    assert_same(model.get_weights(), initial if left == 0 else plain.get_weights())


def test_a_learning_rate_that_a_hook_assigns_is_trained_with() -> None:
    model = fresh('sgd')
    kept: list[Any] = []

    def stand_still(epoch: int, logs: Any) -> None:
        model.optimizer.learning_rate = 0.0 if epoch == 1 else 0.01

    watcher = callbacks.LambdaCallback(
        on_epoch_begin=stand_still, on_epoch_end=lambda epoch, logs: kept.append(model.layers[0].get_weights())
    )
    model.fit(X, Y, callbacks=[watcher], **FIT)
    assert_same(kept[1], kept[0], rtol=0, atol=0)
    assert not np.array_equal(kept[2][0], kept[1][0])


def test_what_a_callback_kept_stays_as_it_was() -> None:
    kept: list[tuple[Any, Any]] = []

    def keep(batch: int, logs: Any) -> None:
        value = model.layers[0].kernel.value  # the array itself, no copy
        kept.append((value, np.array(value)))

    model = fresh()
    model.fit(X, Y, callbacks=[callbacks.LambdaCallback(on_train_batch_end=keep)], **FIT)
    assert len(kept) == 15
    for value, copy in kept:
        np.testing.assert_array_equal(np.array(value), copy)
    assert not np.array_equal(kept[0][1], kept[-1][1])


@pytest.mark.parametrize('hooks', [(), ('on_epoch_end',), ('on_train_batch_end',)])
def test_a_callback_that_does_nothing_changes_no_bit(hooks: tuple[str, ...]) -> None:
    nothing = callbacks.LambdaCallback(**{hook: lambda *_: None for hook in hooks})
    watched, alone = fresh(), fresh()
    found = watched.fit(X, Y, callbacks=[nothing], **FIT).history
    wanted = alone.fit(X, Y, **FIT).history
    assert found == wanted
    assert_same(watched.get_weights(), alone.get_weights(), rtol=0, atol=0)


def test_a_callback_that_raises_leaves_the_state_of_the_last_step() -> None:
    def fail(batch: int, logs: Any) -> None:
        if batch == 2:
            raise RuntimeError('enough')

    model, plain = fresh(), fresh()
    with pytest.raises(RuntimeError, match='enough'):
        model.fit(X, Y, callbacks=[callbacks.LambdaCallback(on_train_batch_end=fail)], **FIT)
    assert_same(model.get_weights(), single_steps(plain, 1)[2])
    history = model.fit(X, Y, **FIT)
    assert np.isfinite(history.history['loss']).all()


def test_a_model_evaluated_in_a_hook_gives_its_loss_of_that_moment() -> None:
    model = fresh()
    inside: list[float] = []
    watcher = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: inside.append(
            model.evaluate(X[:20], Y[:20], verbose=0, return_dict=True, meter=None)['loss']
        )
    )
    history = model.fit(X, Y, callbacks=[watcher], validation_data=(X[:20], Y[:20]), **FIT).history
    np.testing.assert_allclose(inside, history['val_loss'], rtol=1e-5)
    plain = fresh().fit(X, Y, validation_data=(X[:20], Y[:20]), **FIT).history
    assert plain['loss'] == history['loss']


def test_an_array_that_a_person_holds_stays_as_it_was() -> None:
    model = fresh()
    model.fit(X, Y, **FIT)
    kernel = model.layers[0].kernel
    before, copy = kernel.value, kernel.numpy()
    kept: list[tuple[Any, Any]] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append((kernel.value, kernel.numpy())))
    model.fit(X, Y, callbacks=[keep], **FIT)
    for value, then in [(before, copy), *kept]:
        np.testing.assert_array_equal(np.array(value), then)
    assert not np.array_equal(kept[0][1], kept[-1][1])


def test_a_variable_that_was_assigned_to_another_is_trained_alone() -> None:
    model = fresh()
    model.fit(X, Y, **FIT)
    other = layers.Dense(8)
    other.build((None, 4))
    other.kernel.assign(model.layers[0].kernel)
    then = other.kernel.numpy()
    first, second = fresh(), fresh()
    for one in (first, second):
        one.set_weights(model.get_weights())
    second.layers[0].kernel.assign(first.layers[0].kernel)
    first.fit(X, Y, **FIT)
    second.fit(X, Y, **FIT)
    assert_same(second.get_weights(), first.get_weights(), rtol=0, atol=0)
    np.testing.assert_array_equal(other.kernel.numpy(), then)


def test_two_trainings_equal_one(size: str) -> None:
    whole, parts = fresh(), fresh()
    whole.fit(X, Y, **FIT | {'epochs': 4})
    parts.fit(X, Y, **FIT | {'epochs': 2})
    parts.fit(X, Y, initial_epoch=2, **FIT | {'epochs': 4})
    held = parts.layers[0].kernel.held
    assert isinstance(held, np.ndarray) == (size == 'larger')  # of a larger one the variables hold a copy
    assert_same(parts.get_weights(), whole.get_weights(), rtol=0, atol=0)


def test_early_stopping_gives_the_best_weights_back() -> None:
    model = fresh('sgd')
    kept: list[Any] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    stop = callbacks.EarlyStopping('loss', mode='max', patience=2, restore_best_weights=True)
    model.fit(X, Y, callbacks=[stop, keep], **FIT | {'epochs': 6})
    assert len(kept) == 3  # the loss falls, so the first epoch was "best"
    assert_same(model.get_weights(), kept[0], rtol=0, atol=0)


class Fails(layers.Layer):
    """Raises at the thirteenth step, on the host: the first of the fourth epoch."""

    calls = 0

    def call(self, inputs: Any) -> Any:
        def check(x: Any) -> Any:
            self.calls += 1
            if self.calls > 12:
                raise ValueError('enough of it')
            return np.asarray(x)

        still = jax.lax.stop_gradient(inputs)
        return inputs + jax.pure_callback(check, still, still) - still


def test_steps_that_fail_leave_what_was_there_before_or_say_that_it_is_lost(size: str) -> None:
    model = Sequential([Input((4,)), layers.Dense(8), Fails(), layers.Dense(1)])
    model.compile(optimizer='sgd', loss='mse')
    kept: list[Any] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    with pytest.raises(Exception, match='enough of it') as caught:
        model.fit(X[:64], Y[:64], callbacks=[keep], **FIT | {'epochs': 9})
    assert len(kept) >= 2
    if size == 'large':
        assert 'BackupAndRestore' in ''.join(caught.value.__notes__)
    else:
        assert_same(model.get_weights(), kept[-1], rtol=0, atol=0)


def test_an_interrupted_training_leaves_the_last_step_that_was_taken(
    monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """Also of the steps that were dispatched and not read yet: the loop may run one epoch ahead of its listeners."""
    reads: list[Any] = []

    def read_logs(logs: Any) -> Any:
        reads.append(logs)
        if len(reads) == 1:
            interrupts._kept.struck = True  # what Ctrl-C's handler does
        return read(logs)

    model, plain = fresh(), fresh()
    read = loop.read_logs
    monkeypatch.setattr(loop, 'read_logs', read_logs)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, **FIT)
    steps = int(model.optimizer.iterations)
    assert steps == (5 if size == 'larger' else 10)
    assert_same(model.get_weights(), single_steps(plain)[steps - 1])


def test_a_second_training_gives_the_state_of_the_first_away_without_a_copy(
    size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fresh()
    model.fit(X, Y, **FIT)
    copied: list[Any] = []
    copy = binding._copy
    monkeypatch.setattr(binding, '_copy', lambda array: copied.append(array) or copy(array))
    model.fit(X, Y, **FIT)
    assert bool(copied) == (size == 'larger')
