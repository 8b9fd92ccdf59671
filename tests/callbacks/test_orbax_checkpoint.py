"""`OrbaxCheckpoint` and what reads its folders, on one device and on eight, here and in Keras."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.distribution import worlds

import hefted
from hefted import Sequential, callbacks, layers
from hefted.errors import ArchiveError, ArgumentError, MissingFileError

pytestmark = pytest.mark.service('orbax')
X = np.random.default_rng(0).normal(size=(64, 8)).astype('float32')
Y = (X[:, :1] > 0).astype('float32')


def build(backend: Any = hefted, width: int = 16, optimizer: str = 'adam') -> Any:
    backend.utils.set_random_seed(1)
    made = backend.layers
    model = backend.Sequential(
        [
            backend.Input((8,)), made.Dense(width, activation='relu'), made.BatchNormalization(), made.Dropout(0.1),
            made.Dense(1),
        ]
    )  # fmt: skip
    model.compile(optimizer, 'mse', metrics=['mae'])
    return model


def functional(backend: Any) -> Any:
    """Keras finds the weights of such a one again, as their paths do not change."""
    backend.utils.set_random_seed(1)
    given = backend.Input((8,), name='given')
    made = backend.layers.Dense(16, activation='relu', name='wide')(given)
    made = backend.layers.Dropout(0.1, name='drop')(backend.layers.BatchNormalization(name='norm')(made))
    model = backend.Model(given, backend.layers.Dense(1, name='last')(made), name='net')
    model.compile(backend.optimizers.Adam(name='adam'), 'mse', metrics=['mae'])
    return model


def trained(folder: Path, backend: Any = hefted, build: Any = build, **arguments: Any) -> Any:
    model = build(backend)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[backend.callbacks.OrbaxCheckpoint(str(folder), **arguments)])
    return model


def same(one: Any, other: Any) -> None:
    for mine, its in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-7)


@pytest.fixture(scope='module')
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp('kept') / 'checkpoints'
    return folder, trained(folder)


def test_a_model_goes_on_from_its_last_checkpoint_with_its_optimizer(kept: tuple[Path, Any]) -> None:
    folder, model = kept
    loaded = hefted.saving.load_model(folder)
    same(loaded, model)
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 4
    for mine, its in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), its.numpy())
    assert not hefted.saving.load_model(folder, compile=False)._compiled


def test_weights_are_loaded_from_a_training_or_from_one_of_its_steps(kept: tuple[Path, Any]) -> None:
    folder, model = kept
    for path in (folder, folder / '1'):
        other = build()  # whose layers have other made-up names
        other.load_weights(path)
        same(other, model)
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_weights_alone_are_enough_for_weights_and_not_for_a_model(tmp_path: Path) -> None:
    model = trained(tmp_path, save_weights_only=True, save_on_background=False)
    other = build()
    other.load_weights(tmp_path)
    same(other, model)
    with pytest.raises(ArchiveError, match='save_weights_only=True'):
        hefted.saving.load_model(tmp_path)


def test_a_callback_serves_two_trainings_and_keeps_as_many_as_asked_for(tmp_path: Path) -> None:
    model = build()
    keeps = callbacks.OrbaxCheckpoint(tmp_path, save_freq=1, max_to_keep=2)
    for _ in range(2):
        model.fit(X, Y, epochs=1, batch_size=32, verbose=0, callbacks=[keeps])
    assert sorted(each.name for each in tmp_path.iterdir()) == ['3', '4']


def test_keras_reads_ours(tmp_path: Path) -> None:
    import keras

    model = trained(tmp_path, build=functional)
    other = functional(keras)
    other.optimizer.build(other.trainable_variables)
    other.load_weights(str(tmp_path))
    for theirs in (keras.saving.load_model(str(tmp_path)), other):
        same(theirs, model)
        assert int(theirs.optimizer.iterations) == 4
        np.testing.assert_allclose(theirs.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('build', [build, functional])
def test_we_read_keras_s(tmp_path: Path, build: Any) -> None:
    import keras

    theirs = trained(tmp_path, keras, build)
    loaded = hefted.saving.load_model(tmp_path)
    other = build(hefted)
    other.load_weights(tmp_path)
    for model in (loaded, other):
        same(model, theirs)
        assert int(model.optimizer.iterations) == 4
    np.testing.assert_allclose(loaded.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_named_and_nothing_is_set(kept: tuple[Path, Any]) -> None:
    folder, model = kept
    other = build(width=12)
    before = other.get_weights()
    with pytest.raises(
        ArchiveError, match=r"Expected shape \(8, 12\) for '.*kernel', received \(8, 16\).*skip_mismatch"
    ):
        other.load_weights(folder)
    for mine, its in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)
    with pytest.warns(UserWarning, match='could not be loaded'):
        other.load_weights(folder, skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[-1], model.get_weights()[-1])


def test_another_architecture_is_said(kept: tuple[Path, Any]) -> None:
    few = Sequential([layers.Input((8,)), layers.Dense(16)])
    with pytest.raises(ArchiveError, match='no weights for'):
        few.load_weights(kept[0])
    many = Sequential([layers.Input((8,)), *[layers.Dense(16) for _ in range(4)]])
    with pytest.raises(ArchiveError, match='no weights for'):
        many.load_weights(kept[0])


def test_the_state_of_another_optimizer_is_left_there(kept: tuple[Path, Any]) -> None:
    other = build(optimizer='sgd')
    with pytest.warns(UserWarning, match='is not loaded'):
        other.load_weights(kept[0])
    same(other, kept[1])


def test_where_no_checkpoint_is_whole_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match='OrbaxCheckpoint'):  # an empty folder is none of Orbax's
        build().load_weights(tmp_path)
    (tmp_path / '0.orbax-checkpoint-tmp').mkdir()
    for load in (build().load_weights, hefted.saving.load_model):
        with pytest.raises(MissingFileError, match='none that was written whole'):
            load(tmp_path)


@pytest.mark.parametrize('what', ['metadata', 'arrays', 'config'])
def test_a_damaged_checkpoint_is_named(kept: tuple[Path, Any], tmp_path: Path, what: str) -> None:
    folder = tmp_path / 'damaged'
    shutil.copytree(kept[0], folder)
    name = {'metadata': 'pytree/_METADATA', 'arrays': 'pytree/**/d/*', 'config': 'model_config/*'}[what]
    files = [each for each in (folder / '1').glob(name) if each.is_file()]
    assert files
    for each in files:
        each.write_bytes(each.read_bytes()[:-20] if what == 'arrays' else b'{')
    with pytest.raises(ArchiveError, match=f'{str(folder / "1")!r}.*Take an earlier one'):
        hefted.saving.load_model(folder)


SHARDS = """
import os, sys, json
os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=' + sys.argv[1]
import numpy as np
import hefted
from hefted import distribution
from tests.callbacks.test_orbax_checkpoint import *
how = {'whole': distribution.DataParallel, 'shards': distribution.FullyShardedDataParallel}[sys.argv[3]]
hefted.distribution.set_distribution(how(least_size=16) if sys.argv[3] == 'shards' else how())
if sys.argv[4] == 'write':
    model = trained(Path(sys.argv[2]))
else:
    model = hefted.saving.load_model(sys.argv[2])
kernel = model.trainable_variables[0].held
shards = sorted({shard.data.shape for shard in kernel.addressable_shards}) if hasattr(kernel, 'sharding') else []
evaluated = model.evaluate(X, Y, verbose=0)
predicted = float(model.predict(X, verbose=0).sum())
if sys.argv[4] == 'read':
    hefted.utils.set_random_seed(1)
    model.fit(X, Y, epochs=1, verbose=0)
print(json.dumps([shards, [predicted, *evaluated], [float(np.abs(v.numpy()).sum()) for v in model.variables]]))
"""


def on(devices: int, folder: Path, how: str, does: str) -> Any:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, '-c', SHARDS, str(devices), str(folder), how, does],
        env=worlds.environment(HEFTED_DATA_DIR=str(folder.parent / 'data')) | {'PYTHONPATH': f'{root}/src:{root}'},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_shares_of_weights_are_written_and_read_on_fewer_and_more_devices(tmp_path: Path) -> None:
    folder = tmp_path / 'checkpoints'
    shards, outputs, _ = on(8, folder, 'shards', 'write')
    assert shards == [[8, 2]]
    found = [on(devices, folder, how, 'read') for devices, how in ((2, 'shards'), (1, 'whole'))]
    assert found[0][0] == [[8, 8]]
    for each in found:
        np.testing.assert_allclose(each[1], outputs, rtol=1e-5)
        np.testing.assert_allclose(each[2], found[0][2], rtol=1e-4)  # what both come to, trained on
    theirs = build()
    theirs.load_weights(folder)  # here, on one device, with no distribution set
    np.testing.assert_allclose(theirs.evaluate(X, Y, verbose=0), outputs[1:], rtol=1e-5)
