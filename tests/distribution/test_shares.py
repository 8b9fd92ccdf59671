"""Trainings whose weights no process has all of: kept in shares, and gone on with on fewer or more processes."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.service('orbax')
worlds = runpy.run_path(str(Path(__file__).parent / 'worlds.py'))

TRAINS = """
import json, os, signal, sys, time
import numpy as np
import hefted
from hefted import Sequential, callbacks, distribution, layers
from hefted.train.resuming import Resume

if 'WITHOUT' in os.environ:
    sys.modules['orbax'] = None
world = distribution.initialize()
distribution.set_distribution(distribution.FullyShardedDataParallel(least_size=16))
hefted.utils.set_random_seed(7)
draw = np.random.default_rng(0)
x = draw.normal(size=(256, 16)).astype('float32')
y = (x[:, :1] > 0).astype('float32')
model = Sequential([layers.Dense(32, activation='relu'), layers.Dropout(0.1), layers.Dense(8), layers.Dense(1)])
model.compile(optimizer='adam', loss='mse')


class Dies(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if os.environ.get('DIES') == str(epoch):
            os.kill(os.getpid(), signal.SIGKILL)
        if os.environ.get('TOLD') == str(epoch) and world.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(4)  # until rank 0 has heard of it


class Fails(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if os.environ.get('FAILS') == str(epoch) and world.rank == 1:
            raise RuntimeError('struck')


keeps = os.environ['KEEPS']
given = {'callbacks': [Dies(), Fails()]}
if keeps == 'backup':
    given['callbacks'].insert(0, callbacks.BackupAndRestore('kept', double_checkpoint=True))
elif keeps == 'resume':
    given['resume'] = Resume('kept', seconds=0.0, share=0.9)
elif keeps == 'rarely':
    given['resume'] = Resume('kept', seconds=1000.0)
history = model.fit(x, y, epochs=4, batch_size=32, verbose=0, shuffle=True, **given)
kernel = model.trainable_variables[0].held
print(json.dumps({
    'loss': history.history['loss'],
    'mine': [list(s.data.shape) for s in kernel.addressable_shards] if hasattr(kernel, 'sharding') else None,
    'weights': [float(np.abs(v.numpy()).sum()) for v in model.variables],
}), flush=True)
"""


def train(folder: Path, size: int, keeps: str, **variables: str) -> list[Any]:
    port = worlds['free_port']()
    told = [worlds['plain'](rank, size, port) | {'KEEPS': keeps} | variables for rank in range(size)]
    return worlds['run'](TRAINS, size, folder, told)


def said(ended: list[Any]) -> list[Any]:
    assert not any(each.code for each in ended), [each.error[-3000:] for each in ended]
    return [json.loads(each.out.splitlines()[-1]) for each in ended]


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return said(train(tmp_path_factory.mktemp('alone'), 1, 'nothing'))[0]


@pytest.mark.parametrize(('before', 'after', 'keeps'), [(4, 2, 'backup'), (2, 4, 'resume'), (2, 1, 'backup')])
def test_a_training_in_shares_goes_on_with_fewer_or_more_processes(
    tmp_path: Path, uninterrupted: Any, before: int, after: int, keeps: str
) -> None:
    ended = train(tmp_path, before, keeps, DIES='2')
    assert -9 in {each.code for each in ended}, [each.error[-2000:] for each in ended]  # the others may see it first
    assert all(each.code in (-9, 1, 75) for each in ended)
    assert [*(tmp_path / 'kept' / 'latest.shares').iterdir()]
    found = said(train(tmp_path, after, keeps))
    for each in found:
        np.testing.assert_allclose(each['loss'], uninterrupted['loss'], rtol=1e-5)
        np.testing.assert_allclose(each['weights'], uninterrupted['weights'], rtol=1e-4, atol=1e-6)
        assert len(each['loss']) == 4
        if after > 1:
            assert each['mine'] == [[16, 32 // after]]
    assert not (tmp_path / 'kept').exists()


def test_one_that_is_told_to_end_has_all_write_their_shares_first(tmp_path: Path, uninterrupted: Any) -> None:
    ended = train(tmp_path, 2, 'rarely', TOLD='2')
    assert ended[1].code == 128 + 15, ended[1].error[-3000:]
    assert ended[0].code in (1, 75)
    (shares,) = (tmp_path / 'kept' / 'latest.shares').iterdir()
    assert 16 <= int(shares.name.split('-')[0]) < 32  # eight steps an epoch: before the last
    (found,) = said(train(tmp_path, 1, 'rarely'))
    np.testing.assert_allclose(found['loss'], uninterrupted['loss'], rtol=1e-5)
    np.testing.assert_allclose(found['weights'], uninterrupted['weights'], rtol=1e-4, atol=1e-6)


def test_without_orbax_they_are_gathered_and_the_remedy_is_told(tmp_path: Path) -> None:
    ended = train(tmp_path, 2, 'backup', WITHOUT='1', DIES='1')
    assert 'pip install "hefted[orbax]"' in ended[0].error  # the others are silent
    assert not (tmp_path / 'kept' / 'latest.shares').exists()
    assert (tmp_path / 'kept' / 'latest.state').exists()


def test_a_hook_that_fails_in_one_process_holds_up_none_and_costs_no_checkpoint(tmp_path: Path) -> None:
    ended = train(tmp_path, 2, 'resume', FAILS='2')
    assert 'struck' in ended[1].error
    assert ended[0].code in (1, 75)
    assert 'rank 1 (host ' in ended[0].error
    assert [*(tmp_path / 'kept' / 'latest.shares').iterdir()]


@pytest.mark.parametrize('what', ['missing', 'cut'])
def test_shares_that_are_damaged_give_way_to_the_checkpoint_before(
    tmp_path: Path, uninterrupted: Any, what: str
) -> None:
    train(tmp_path, 2, 'backup', DIES='2')
    shares = sorted((tmp_path / 'kept' / 'latest.shares').iterdir(), key=lambda each: int(each.name.split('-')[0]))
    assert [each.name.split('-')[0] for each in shares] == ['8', '16']
    for file in [each for each in shares[1].rglob('*') if each.is_file()]:
        if what == 'missing':
            file.unlink()
        elif file.parent.name == 'd':
            file.write_bytes(file.read_bytes()[:-20])
    for each in said(train(tmp_path, 2, 'backup')):
        np.testing.assert_allclose(each['loss'], uninterrupted['loss'], rtol=1e-5)
        np.testing.assert_allclose(each['weights'], uninterrupted['weights'], rtol=1e-4, atol=1e-6)


STACKED = """
import json, os, sys
import numpy as np
import hefted
from hefted import callbacks, distribution, losses
from hefted.models.bert import BertBackbone, BertMaskedLM

world = distribution.initialize()
distribution.set_distribution(distribution.FullyShardedDataParallel(least_size=64))
hefted.utils.set_random_seed(5)
ids = np.random.default_rng(1).integers(1, 40, (16, 8)).astype('int32')
if os.environ['DOES'] == 'write':
    model = BertMaskedLM(BertBackbone(40, 3, 2, 16, 32, max_sequence_length=8))
    model.compile('adam', losses.SparseCategoricalCrossentropy(from_logits=True))
    keeps = [callbacks.OrbaxCheckpoint('kept', max_to_keep=2)]
    model.fit({'token_ids': ids}, ids, batch_size=8, epochs=2, verbose=0, callbacks=keeps)
else:
    model = hefted.saving.load_model('kept')
    own = [v.held for v in model.trainable_variables if world.size > 1 and np.prod(v.shape) >= 64]
    whole = [a.shape for a in own if a.addressable_shards[0].data.size * world.size != a.size]
evaluated = model.evaluate({'token_ids': ids}, ids, batch_size=8, verbose=0)
told = {'evaluated': evaluated, 'weights': [float(np.abs(v.numpy()).sum()) for v in model.variables]}
if os.environ['DOES'] == 'read':
    told |= {'split': len(own), 'whole': whole}
    model.fit({'token_ids': ids}, ids, batch_size=8, epochs=1, verbose=0)
    told['on'] = [float(np.abs(v.numpy()).sum()) for v in model.trainable_variables]
print(json.dumps(told), flush=True)
"""


def test_each_process_writes_its_share_of_a_checkpoint_and_any_number_reads_it(tmp_path: Path) -> None:
    def do(what: str, size: int) -> list[Any]:
        port = worlds['free_port']()
        told = [worlds['plain'](rank, size, port) | {'DOES': what} for rank in range(size)]
        return said(worlds['run'](STACKED, size, tmp_path, told))

    written = do('write', 2)
    assert [path.name for path in sorted((tmp_path / 'kept').iterdir())] == ['0', '1']
    assert {path.name for path in (tmp_path / 'kept' / '1' / 'pytree').glob('ocdbt.process_*')} == {
        'ocdbt.process_0', 'ocdbt.process_1',
    }  # fmt: skip
    read = [each for size in (1, 2) for each in do('read', size)]
    for each in read:
        np.testing.assert_allclose(each['evaluated'], written[0]['evaluated'], rtol=1e-5)
        np.testing.assert_allclose(each['weights'], written[0]['weights'], rtol=1e-6)
        np.testing.assert_allclose(each['on'], read[0]['on'], rtol=1e-4, atol=1e-6)
    assert read[-1]['split'] > 12
    assert not read[-1]['whole']
