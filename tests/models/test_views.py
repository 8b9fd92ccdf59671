"""What a model looks like: its summary, its picture, its clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import hefted
from hefted import Input, Model, Sequential
from hefted.layers import BatchNormalization, Conv2D, Dense, Flatten
from hefted.models import clone_model
from hefted.utils import plot_model


def branched() -> Any:
    a, b = Input((4,), name='left'), Input((3,), name='right')
    shared = Dense(5, activation='relu', name='shared')
    inner = Sequential([Input((5,)), Dense(2, name='deep')], name='inner')
    x = inner(shared(Dense(4, name='narrow')(a)))
    y = inner(shared(Dense(4, name='widen')(b)))
    model = Model([a, b], [x * 2.0 + y, Dense(1, name='out')(x)], name='branched')
    model.get_layer('narrow').trainable = False
    return model


def summary(model: Any, **arguments: Any) -> str:
    found: list[str] = []
    model.summary(line_length=140, print_fn=found.append, **arguments)
    return '\n'.join(found)


def test_a_summary_counts_parameters_bytes_and_operations() -> None:
    model = Sequential([Input((8, 8, 2)), Conv2D(4, 3, name='conv'), Flatten(), Dense(10, name='dense')])
    text = summary(model)
    # A product of sums: 6 x 6 x 4 outputs of 3 x 3 x 2 products and sums, and the bias of each.
    convolution = 2 * (6 * 6 * 4) * (3 * 3 * 2) + 6 * 6 * 4
    dense = 2 * 144 * 10 + 10
    for told in (f'{convolution:,}', f'{dense:,}', f'Forward FLOPs a row: {convolution + dense:,}', '1,526'):
        assert told in text
    assert f'{(3 * 3 * 2 * 4 + 4) * 4:.2f} B' in text


def test_neither_a_summary_nor_keras_draws_random_numbers() -> None:
    code = (
        'import random, hefted\n'
        'model = hefted.Sequential([hefted.Input((2,)), hefted.layers.Dense(1)])\n'
        'state = random.getstate()\n'
        'model.summary(), hefted.layers.RandomFlip(seed=1)\n'
        'assert random.getstate() == state, "the layers made afterwards have other weights"\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_summary_lists_branches_nested_layers_and_ranges() -> None:
    model = branched()
    text = summary(model, expand_nested=True, show_trainable=True)
    assert 'Connected to' in text
    assert '  deep (Dense)' in text
    assert 'no' in text.split('narrow (Dense)')[1].splitlines()[0]
    assert 'deep' not in summary(model)
    assert 'shared (Dense)' not in summary(model, layer_range=('inner', 'out'))


def test_a_subclass_has_a_summary_too() -> None:
    class Own(Model):
        def __init__(self) -> None:
            super().__init__(name='own')
            self.dense = Dense(3, name='dense')

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Own()
    model(np.ones((2, 4), 'float32'))
    assert '15' in summary(model)


def test_what_is_not_built_has_question_marks() -> None:
    model = Sequential([Dense(3, name='one'), BatchNormalization(name='two')])
    lines = summary(model).splitlines()
    for name in ('one (Dense)', 'two (BatchNormalization)'):
        (line,) = (line for line in lines if name in line)
        assert [cell.strip() for cell in line.split('│')[2:-1]] == ['?', '0 (unbuilt)', '0', '?']
    assert 'Total params: 0 (0.00 B; not all built)' in summary(model)
    assert 'Total params: 0 (0.00 B; not all built)' in summary(Sequential())


@pytest.mark.parametrize('width', [44, 60, 80])
def test_a_narrow_summary_is_cut_nowhere(width: int) -> None:
    model = Sequential([Input((100,)), Dense(32, name='first'), Dense(1_000, name='second')])
    found: list[str] = []
    model.summary(width, print_fn=found.append)
    (text,) = found
    assert '…' not in text
    assert max(map(len, text.splitlines())) <= width
    for told in ('Layer (type)', 'Output Shape', 'Param #', 'first', '(Dense)', '(None, 1000)', '33,000'):
        assert told in text
    assert ('FLOPs a row ┃' in text) is (width >= 60)


def test_a_picture_has_every_layer_and_a_line_for_each_call(tmp_path: Path) -> None:
    model = branched()
    path = tmp_path / 'model.svg'
    told = plot_model(model, path, show_shapes=True, show_layer_names=True, show_trainable=True, show_dtype=True)
    root = ElementTree.parse(path).getroot()
    texts = [element.text for element in root.iter('{http://www.w3.org/2000/svg}text')]
    for layer in model.layers:
        assert f'{layer.name} ({type(layer).__name__})' in texts
    assert any('multiply' in text for text in texts if text)
    assert 'output: (None, 5), (None, 5)' not in texts
    lines = [p for p in root.iter('{http://www.w3.org/2000/svg}path') if 'marker-end' in p.attrib]
    # left, right, narrow, widen, shared once for both its calls, inner to three, multiply to add.
    assert len(lines) == 9
    assert 'stroke-dasharray' in told
    assert told._repr_svg_() == path.read_text('utf-8')


def test_boxes_of_a_picture_do_not_overlap() -> None:
    for rankdir in ('TB', 'LR'):
        root = ElementTree.fromstring(plot_model(branched(), None, show_shapes=True, rankdir=rankdir))
        boxes = [
            tuple(float(r.attrib[k]) for k in ('x', 'y', 'width', 'height'))
            for r in root.iter('{http://www.w3.org/2000/svg}rect')
            if 'rx' in r.attrib
        ]
        for i, (x, y, w, h) in enumerate(boxes):
            for x2, y2, w2, h2 in boxes[i + 1 :]:
                assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_another_ending_is_exchanged_and_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r'model\.svg'):
        plot_model(branched(), tmp_path / 'model.png')
    assert (tmp_path / 'model.svg').exists()


def test_a_clone_has_the_same_calls_and_weights_of_its_own() -> None:
    model = branched()
    model.compile('adam', ['mse', None])
    copy = clone_model(model)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert copy.get_layer('shared') is not model.get_layer('shared')
    assert copy.compiled
    x = [np.ones((2, 4), 'float32'), np.ones((2, 3), 'float32')]
    copy.set_weights(model.get_weights())
    for found, wanted in zip(copy(x), model(x), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-6)


def test_a_clone_by_functions_of_one_s_own() -> None:
    model = Sequential([Input((3,)), Dense(2, name='a'), Dense(2, name='b')])
    shared = clone_model(model, clone_function=lambda layer: layer)
    assert shared.layers[0] is model.layers[0]
    inputs = Input((3,))
    functional = Model(inputs, Dense(2, name='d')(inputs))

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return BatchNormalization()(layer(*args, **kwargs))

    assert len(clone_model(functional, call_function=call).layers) == 3
    with pytest.raises(hefted.errors.ArgumentError, match='call_function'):
        clone_model(model, call_function=call)
