"""Hostile archives of functional models: refused with `ArchiveError` before they run or fill anything."""

from __future__ import annotations

import json
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted import Input, Model, layers, ops
from hefted.errors import ArchiveError
from hefted.saving import load_model

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    inside = Input((4,), name='inside')
    inner = Model(inside, layers.Dense(3, name='deep')(inside), name='inner')
    x = Input((4,), name='x')
    y = layers.Dense(4, activation='relu', name='first')(x)
    y = ops.add(layers.Dense(4, name='second')(y), y)
    path = tmp_path_factory.mktemp('functional') / 'model.keras'
    Model(x, inner(y), name='whole').save(path)
    return path.read_bytes()


def changed(whole: bytes, path: Path, change: Change) -> Path:
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts['config.json'])
    change(config)
    with zipfile.ZipFile(path, 'w') as archive:
        for name, part in {**parts, 'config.json': json.dumps(config).encode()}.items():
            archive.writestr(name, part)
    return path


def named(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(layer for layer in config['config']['layers'] if layer['name'] == name)


def entry(**parts: Any) -> Change:
    """Something else in the place of the first layer."""
    return lambda config: named(config, 'first').update(parts)


def settings(**parts: Any) -> Change:
    return lambda config: named(config, 'first')['config'].update(parts)


def comes_from(name: str, source: str, node: Any = 0, tensor: Any = 0) -> Change:
    """A layer called on the output of another."""
    return lambda config: named(config, name)['inbound_nodes'][0]['args'][0]['config'].update(
        keras_history=[source, node, tensor]
    )


def told_twice(config: dict[str, Any]) -> None:
    """Two layers of one name, of which the calls of one lead nowhere."""
    config['config']['layers'].append(json.loads(json.dumps(named(config, 'first'))))


def nest(config: dict[str, Any]) -> None:
    """A model in a model, too deep for Python's stack."""
    inner = named(config, 'inner')
    for _ in range(120):
        layer = json.loads(json.dumps(inner['config']['layers'][0]))
        inner = {**inner, 'config': {**inner['config'], 'layers': [layer, inner]}}
    config['config']['layers'][-1] = inner


def calls(**kwargs: Any) -> Change:
    return lambda config: named(config, 'first')['inbound_nodes'][0].update(kwargs=kwargs)


def code(name: str) -> dict[str, Any]:
    return {'module': name.rpartition('.')[0], 'class_name': name.rpartition('.')[2], 'registered_name': None}


LAMBDA = {'class_name': '__lambda__', 'config': {'code': '4wAAAAA=', 'defaults': None, 'closure': None}}
RUN = {'args': ['touch', 'run']}
HOSTILE: dict[str, Change] = {
    'a layer called on itself': comes_from('first', 'first'),
    'two layers that wait for one another': comes_from('first', 'second'),
    'a call on a layer that is not there': comes_from('first', 'nobody'),
    'a call that is not there': comes_from('second', 'first', 1 << 40),
    'a call before the first': comes_from('second', 'first', -1),
    'an output that is not there': comes_from('second', 'first', 0, 1 << 40),
    'an output before the first': comes_from('second', 'first', 0, -1),
    'an unknown layer': entry(class_name='Unheard', registered_name=None),
    'os.system': entry(**code('os.system'), config={'command': 'touch run'}),
    'subprocess.Popen': entry(**code('subprocess.Popen'), config=RUN),
    'builtins.eval': entry(**code('builtins.eval'), config={'source': 'open("run", "w")'}),
    'builtins.__import__': entry(**code('builtins.__import__'), config={'name': 'antigravity'}),
    'importlib in a room of ours': entry(**code('hefted.utils.serialization.importlib'), config={}),
    'a function of no layer': entry(**code('keras.ops.convert_to_numpy'), config={'x': 1}),
    'the loader of archives': entry(**code('keras.saving.load_model'), config={'filepath': 'model.keras'}),
    'a download': entry(**code('keras.utils.get_file'), config={'fname': 'run', 'origin': 'file:///etc/passwd'}),
    'a Lambda of code': entry(**code('keras.layers.Lambda'), config={'name': 'first', 'function': LAMBDA}),
    'a Lambda with a shape of code': entry(
        **code('keras.layers.Lambda'), config={'name': 'first', 'function': 'relu', 'output_shape': LAMBDA}
    ),
    'code in a call': calls(training=LAMBDA),
    'an argument that call does not take': calls(evil=1),
    'a name told twice': told_twice,
    'a name that is no string': entry(name=['first']),
    'a layer as activation': settings(activation={**code('subprocess.Popen'), 'config': RUN}),
    'an initializer from elsewhere': settings(
        kernel_initializer={**code('os.system'), 'config': {'command': 'touch run'}}
    ),
    'models in models without end': nest,
    'inputs from nowhere': lambda config: config['config'].update(input_layers=[]),
    'outputs that are inputs of another': lambda config: config['config'].update(output_layers=[['inside', 0, 0]]),
}  # fmt: skip


@pytest.mark.parametrize('what', HOSTILE)
@pytest.mark.parametrize('keras_there', [True, False], ids=['as it is', 'without keras'])
def test_it_is_refused(
    what: str, keras_there: bool, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if not keras_there:
        monkeypatch.delitem(sys.modules, 'keras', raising=False)
    with pytest.raises(ArchiveError):
        load_model(changed(whole, tmp_path / 'model.keras', HOSTILE[what]))
    assert 'antigravity' not in sys.modules
    assert [path.name for path in tmp_path.iterdir()] == ['model.keras']


def test_a_layer_of_keras_s_without_keras_says_what_is_unknown(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, 'keras', raising=False)
    change = entry(module='keras.src.layers.somewhere', class_name='Theirs', registered_name=None)
    with pytest.raises(ArchiveError, match='Theirs'):
        load_model(changed(whole, tmp_path / 'model.keras', change))
    assert 'keras' not in sys.modules


def endless_input(config: dict[str, Any]) -> None:
    named(config, 'x')['config'].update(batch_shape=[None, 1 << 60])
    del named(config, 'first')['build_config']


def many_layers(config: dict[str, Any]) -> None:
    first = named(config, 'first')
    for i in range(40):
        inner = {**first['config'], 'name': f'l{i}', 'units': 1 << 19}
        config['config']['layers'].append({**first, 'name': f'l{i}', 'config': inner})


GREEDY: dict[str, Change] = {
    'terabytes of one layer': settings(units=1 << 38),
    'a gigabyte and a half': settings(units=3 << 25),
    'an input without end': endless_input,
    'many layers of what one may have': many_layers,
    'a large embedding': entry(
        **code('keras.layers.Embedding'), config={'name': 'first', 'input_dim': 1 << 40, 'output_dim': 1 << 10}
    ),
}  # fmt: skip


@pytest.mark.parametrize('what', GREEDY)
def test_an_archive_that_asks_for_more_than_it_brings_is_refused_before_memory_is_taken(
    what: str, whole: bytes, tmp_path: Path
) -> None:
    path = changed(whole, tmp_path / 'model.keras', GREEDY[what])
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match='bytes'):
            load_model(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300 << 20


def test_what_was_changed_loads_as_it_was(whole: bytes, tmp_path: Path) -> None:
    model = load_model(changed(whole, tmp_path / 'model.keras', lambda config: None))
    assert model(np.ones((2, 4), 'float32')).shape == (2, 3)
