"""Attention looks where a mask says, and asks cuDNN only for what JAX lets it be asked for."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.cudnn import fused_attention_stablehlo as cudnn

from hefted.models import bert
from hefted.models.bert import attention
from hefted.models.bert.attention import SelfAttention
from hefted.models.bert.fusing import cuda_capability, fuses
from hefted.models.cost import counts, multiplies_again

rng = np.random.default_rng(7)
BATCH, LENGTH, HEADS, WIDTH = 2, 6, 3, 24


def looked_at(*shape: int) -> Any:
    """A mask that leaves each query something to look at."""
    mask = rng.uniform(size=shape) < 0.6
    mask[..., 0] = True
    return mask


MASKS = {
    'none': {},
    '(B, T)': {'padding_mask': looked_at(BATCH, LENGTH)},
    '(T, T)': {'attention_mask': looked_at(LENGTH, LENGTH)},
    '(B, T, T)': {'attention_mask': looked_at(BATCH, LENGTH, LENGTH)},
    '(B, 1, T, T)': {'attention_mask': looked_at(BATCH, 1, LENGTH, LENGTH)},
    '(1, H, T, T)': {'attention_mask': looked_at(1, HEADS, LENGTH, LENGTH)},
    '(B, H, T, T)': {'attention_mask': looked_at(BATCH, HEADS, LENGTH, LENGTH)},
    '(B, T) and (B, H, T, T)': {
        'padding_mask': looked_at(BATCH, LENGTH),
        'attention_mask': looked_at(BATCH, HEADS, LENGTH, LENGTH),
    },
}


def as_numpy_has_it(block: bert.TransformerEncoder, x: Any, masks: dict[str, Any]) -> Any:
    """A block's output in float64; a mask's axes are told by how many there are."""

    def value(variable: Any) -> Any:
        return np.asarray(variable, 'float64')

    def normal(layer: Any, y: Any) -> Any:
        y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + block.layer_norm_epsilon)
        return y * value(layer.gamma) + value(layer.beta)

    of, seen = block.attention, np.ones((BATCH, HEADS, LENGTH, LENGTH), bool)
    if 'padding_mask' in masks:
        seen = seen & masks['padding_mask'].reshape(BATCH, 1, 1, LENGTH)
    if 'attention_mask' in masks:
        mask = masks['attention_mask']
        seen = seen & (mask.reshape(BATCH, 1, LENGTH, LENGTH) if mask.ndim == 3 else mask)
    query, key, each = (
        np.einsum('btw,whs->bhts', x, value(getattr(of, f'{name}_kernel')))
        + value(getattr(of, f'{name}_bias'))[:, None]
        for name in ('query', 'key', 'value')
    )
    scores = np.exp(np.einsum('bhts,bhus->bhtu', query, key) / (WIDTH // HEADS) ** 0.5) * seen
    mixed = np.einsum('bhtu,bhus->bths', scores / scores.sum(-1, keepdims=True), each)
    added = np.einsum('bths,hsw->btw', mixed, value(of.output_kernel)) + value(of.output_bias)
    y = normal(block.attention_norm, x + added)
    between = np.maximum(y @ value(block.intermediate.kernel) + value(block.intermediate.bias), 0)
    return normal(block.output_norm, y + between @ value(block.output_dense.kernel) + value(block.output_dense.bias))


@pytest.mark.parametrize('masks', MASKS.values(), ids=MASKS)
def test_a_block_looks_where_each_form_of_mask_lets_it(masks: dict[str, Any]):
    block = bert.TransformerEncoder(32, HEADS, bias_initializer='random_normal')
    x = rng.standard_normal((BATCH, LENGTH, WIDTH)).astype('float32')
    found = block(x, **masks)
    np.testing.assert_allclose(found, as_numpy_has_it(block, x.astype('float64'), masks), atol=2e-5)


@pytest.mark.parametrize('dtype', ['float32', 'mixed_bfloat16', 'float16'])
def test_a_row_that_is_all_padding_has_numbers_and_leaves_others_as_they_are(dtype: str):
    backbone = bert.BertBackbone(60, 1, 2, 16, 32, max_sequence_length=8, dtype=dtype)
    ids, whole = rng.integers(5, 60, (3, 8)), np.ones((3, 8), int)
    for pooling in ('mean', 'max'):
        model = bert.BertTextEmbedder(backbone, pooling)
        full = model.predict({'token_ids': ids, 'padding_mask': whole}, verbose=0)
        found = model.predict({'token_ids': ids, 'padding_mask': whole * [[1], [0], [1]]}, verbose=0)
        np.testing.assert_array_equal(found[1], np.zeros(16))  # of no token at all
        np.testing.assert_allclose(found[[0, 2]], full[[0, 2]], atol=1e-5)
    tokens = backbone({'token_ids': ids, 'padding_mask': whole * 0})
    assert all(np.isfinite(np.asarray(output, 'float32')).all() for output in tokens.values())


NVIDIA = {
    'a V100': (7, 0),
    'a T4': (7, 5),
    'an A100': (8, 0),
    'an L4': (8, 9),
    'an H200': (9, 0),
    'a B300': (10, 3),
    'an RTX 5090': (12, 0),
}


def test_what_is_asked_of_cudnn_is_never_refused_by_jax():
    asked = 0
    for dtype, size, queries, keys, capability, masked in product(
        ('float32', 'bfloat16', 'float16', 'int16'), (4, 8, 12, 64, 100, 128, 136, 256),
        (1, 2, 127, 128), (2, 127), NVIDIA.values(), (False, True),
    ):  # fmt: skip
        if not fuses(dtype, size, (queries, keys), capability):
            continue
        asked += 1
        query = jax.ShapeDtypeStruct((2, queries, 3, size), dtype)
        key = jax.ShapeDtypeStruct((2, keys, 3, size), dtype)
        bias = jax.ShapeDtypeStruct((2, 1, queries, keys), dtype) if masked else None
        layout = cudnn.AttentionLayout.BTNH
        cudnn.check_layout(query, key, key, bias, None, None, None, None, None, None, layout)
        for trained in (False, True):  # JAX says of what is trained without a mask too that it has one
            cudnn.check_is_flash_attention(query, key, key, layout.value, 91100, masked or trained, trained)
    assert asked == 2 * 3 * 2 * 1 * 5 * 2


@pytest.mark.parametrize(('name', 'capability'), NVIDIA.items())
def test_kernels_are_there_since_ampere(name: str, capability: tuple[int, int]):
    assert fuses('bfloat16', 64, (128, 128), capability) == (capability >= (8, 0))


def device(platform: str, version: str, capability: str = '') -> Any:
    return SimpleNamespace(
        platform=platform, client=SimpleNamespace(platform_version=version), compute_capability=capability
    )


def test_only_nvidias_gpus_have_a_capability():
    ampere, hopper = device('gpu', 'PJRT C API\ncuda 12090', '8.6'), device('gpu', 'PJRT C API\ncuda 12090', '9.0')
    amd, cpu = device('gpu', 'PJRT C API\nrocm 60300', 'gfx90a'), device('cpu', 'cpu')
    assert cuda_capability([hopper]) == (9, 0)
    assert cuda_capability([hopper, ampere]) == (8, 6)
    assert cuda_capability([device('gpu', 'cuda 13000', '10.3'), hopper]) == (9, 0)
    assert cuda_capability([amd]) is cuda_capability([cpu]) is cuda_capability([]) is None
    with jax.default_device('cpu'):
        assert cuda_capability() is None
    with jax.default_device(jax.devices('cpu')[0]):
        assert cuda_capability() is None
    assert not fuses('bfloat16', 64, (128, 128), None)


@pytest.mark.parametrize('length', [6, 7])
@pytest.mark.parametrize('shape', [None, 'T T', 'B 1 1 T', 'B 1 T T', 'B H T T', 'H T T'])
def test_a_training_is_lowered_for_cuda_with_each_mask_and_length(
    shape: str | None, length: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attention, 'cuda_capability', lambda: (9, 0))  # lowering needs no GPU, but asks for one
    monkeypatch.setattr(cudnn, 'check_cudnn_version', lambda: 91100)
    layer = SelfAttention(HEADS, dtype='bfloat16')
    layer.build((None, None, WIDTH))
    sizes = {'B': BATCH, 'T': length, 'H': HEADS, '1': 1}
    mask = None if shape is None else np.ones([sizes[axis] for axis in shape.split()], int)

    def lost(x: Any) -> Any:
        return jnp.sum(layer(x, attention_mask=mask).astype('float32'))

    traced = jax.jit(jax.grad(lost)).trace(jax.ShapeDtypeStruct((BATCH, length, WIDTH), 'bfloat16'))
    text = traced.lower(lowering_platforms=('cuda',)).as_text()
    assert ('__cudnn$fmha' in text and 'SoftmaxBackward' in text) == (length % 2 == 0)


def products(traced: Any) -> int:
    """Operations of a program's products of matrices."""
    return sum(operations for kind, operations in counts(traced.jaxpr).items() if kind)


def test_the_fused_kernel_counts_as_its_products_would_without_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cudnn, 'check_cudnn_version', lambda: 91100)
    layer = SelfAttention(HEADS, dtype='bfloat16')
    layer.build((None, None, WIDTH))
    mask, x = np.ones((BATCH, 1, LENGTH, LENGTH), bool), jax.ShapeDtypeStruct((BATCH, LENGTH, WIDTH), 'bfloat16')

    def lost(x: Any) -> Any:
        return jnp.sum(layer(x, attention_mask=mask).astype('float32'))

    def told(capability: Any) -> tuple[int, int, bool]:
        monkeypatch.setattr(attention, 'cuda_capability', lambda: capability)
        again = jax.make_jaxpr(jax.grad(jax.checkpoint(lost)))(x)  # a function of its own: traces are kept
        forward, backward = jax.make_jaxpr(lambda x: lost(x))(x), jax.make_jaxpr(jax.grad(lambda x: lost(x)))(x)
        assert ('dot_product_attention_bwd' in str(backward)) == (capability is not None)
        return products(forward), products(backward), multiplies_again(again)

    fused = told((9, 0))
    assert fused == told(None)
    assert fused[2]


@pytest.mark.parametrize('layout', ['BTNH', 'BNTH'])
def test_fewer_heads_of_keys_and_each_order_of_axes_count_alike(layout: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cudnn, 'check_cudnn_version', lambda: 91100)
    shapes = (BATCH, 8, 4, 16), (BATCH, 10, 2, 16), (BATCH, 10, 2, 16)
    turned = [(b, n, t, h) if layout == 'BNTH' else (b, t, n, h) for b, t, n, h in shapes]

    def lost(query: Any, key: Any, value: Any) -> Any:
        return cudnn.dot_product_attention(query, key, value, qkv_layout=layout).astype('float32').sum()

    traced = jax.make_jaxpr(jax.grad(lost))(*(jax.ShapeDtypeStruct(shape, 'bfloat16') for shape in turned))
    assert products(traced) == 12 * BATCH * 4 * 8 * 10 * 16
