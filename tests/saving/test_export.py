"""Exported models: one file, the same outputs for batches of several sizes, refusals that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.ffi
import numpy as np
import pytest

import hefted
from hefted import Input, Model, Sequential, layers
from hefted.errors import ArchiveError, ArgumentError, NotBuiltError
from hefted.saving import load_exported

pytest.importorskip('flatbuffers')
rng = np.random.default_rng(3)


def drawn(*shape: int) -> Any:
    return rng.standard_normal(shape).astype('float32')


def image_model() -> tuple[Any, Any]:
    model = Sequential([
        Input((8, 8, 2)), layers.Conv2D(4, 3, activation='relu'), layers.BatchNormalization(), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dropout(0.5), layers.Dense(3, activation='softmax'),
    ])  # fmt: skip
    return model, lambda rows: drawn(rows, 8, 8, 2)


def text_model() -> tuple[Any, Any]:
    """Steps of any number, whole numbers, attention, two inputs by name, two outputs."""
    tokens, extra = Input((None,), dtype='int32', name='tokens'), Input((4,), name='extra')
    x = layers.Embedding(20, 4)(tokens)
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 2)(x, x))
    x = layers.GlobalAveragePooling1D()(x) + extra
    model = Model({'tokens': tokens, 'extra': extra}, {'score': layers.Dense(1)(x), 'hidden': x})
    return model, lambda rows: {
        'tokens': rng.integers(0, 20, (rows, rows + 2)).astype('int32'),
        'extra': drawn(rows, 4),
    }


class Doubled(Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.dense(x) * (0 if training else 2)


def subclassed() -> tuple[Any, Any]:
    model = Doubled()
    model(drawn(2, 5))
    return model, lambda rows: drawn(rows, 5)


@pytest.mark.parametrize('build', [image_model, text_model, subclassed])
def test_an_exported_model_gives_the_same_outputs_for_batches_of_any_size(build: Any, tmp_path: Path) -> None:
    model, draw = build()
    path = tmp_path / 'model.stablehlo'
    model.export(path, platforms=['cpu'])
    run = load_exported(path)
    for rows in (1, 3):
        x = draw(rows)
        for found, wanted in zip(hefted.tree.flatten(run(x)), hefted.tree.flatten(model(x)), strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_jax_alone_runs_the_file_and_it_is_for_every_platform(tmp_path: Path) -> None:
    model, draw = subclassed()
    model.export(tmp_path / 'model.bin', format='stablehlo')
    exported = jax.export.deserialize(bytearray((tmp_path / 'model.bin').read_bytes()))
    assert exported.platforms == ('cpu', 'cuda', 'tpu')
    x = draw(4)
    np.testing.assert_allclose(exported.call(x), model(x), rtol=1e-5, atol=1e-5)


def test_a_signature_may_be_given(tmp_path: Path) -> None:
    model, draw = subclassed()
    model.export(tmp_path / 'a', input_signature=jax.ShapeDtypeStruct((2, 5), 'float32'), platforms=['cpu'])
    run = load_exported(tmp_path / 'a')
    assert run(draw(2)).shape == (2, 3)
    with pytest.raises(ValueError, match='shape'):
        run(draw(3))


@pytest.mark.parametrize('format', ['tf_saved_model', 'onnx', 'openvino', 'litert', 'torch'])
def test_formats_of_keras_s_are_left_to_keras(format: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r'Save the model as \.keras and export it with Keras'):
        subclassed()[0].export(tmp_path / 'model', format=format)
    with pytest.raises(NotBuiltError):
        Doubled().export(tmp_path / 'model')
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_and_files_that_call_python_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'model'
    model, _ = subclassed()
    model.export(path, platforms=['cpu'])
    whole = path.read_bytes()
    for blob in (b'', b'hello', whole[:100], bytes(len(whole)), rng.bytes(3000)):
        path.write_bytes(blob)
        with pytest.raises(ArchiveError):
            load_exported(path)

    target = 'xla_ffi_python_cpu_callback'  # called with the address of a function
    spec = jax.ShapeDtypeStruct((2,), 'float32')
    hostile = jax.export.export(
        jax.jit(jax.ffi.ffi_call(target, spec)),
        platforms=['cpu'],
        disabled_checks=[jax.export.DisabledSafetyCheck.custom_call(target)],
    )(spec)
    path.write_bytes(bytes(hostile.serialize()))
    with pytest.raises(ArchiveError, match='Python'):
        load_exported(path)
