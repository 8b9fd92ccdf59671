"""How long BERT-large's training step takes to compile on a CPU, and how much memory it takes.

    python benchmarks/bert_large.py [--keep]

The step is the one that `fit` makes: masked language modelling of 24 blocks with dropout, AdamW, 2 rows of 128 tokens
of which 20 are asked for. It is traced, lowered and compiled with no cache, in turn with the same step written in bare
JAX over weights that are stacked by hand; of five such pairs the medians count. Its peak memory, as XLA tells it, is
held against the formula of `hefted.forecast.memory`, for several batches.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hefted import losses, optimizers
from hefted.data.arrays import rows_of
from hefted.data.source import ResidentSource
from hefted.forecast.memory import encoder_step_memory
from hefted.models import bert, steps
from hefted.train import compile_cache, program

RESULTS = Path(__file__).parent / 'results' / 'bert_large.json'
BARS = {'seconds': 6.0, 'memory': 1.15}
BLOCKS, WIDTH, HEADS, INNER, VOCABULARY, PLACES = 24, 1024, 16, 4096, 30_522, 20
BATCHES = (1, 128), (2, 128), (4, 128), (8, 128), (2, 512)
PAIRS = 5


def model_of() -> Any:
    """BERT-large with its head for masked words, ready to be trained."""
    model = bert.BertMaskedLM(bert.large(pooler=False))
    model.compile(optimizers.AdamW(1e-4), losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def data_of(rows: int, length: int) -> tuple[dict[str, Any], Any]:
    """A batch: its values do not matter."""
    ids = np.ones((rows, length), 'int32')
    places = np.tile(np.arange(PLACES, dtype='int32'), (rows, 1))
    return {'token_ids': ids, 'mask_positions': places}, np.ones((rows, PLACES), 'int32')


def hefted_step(model: Any, rows: int, length: int) -> Callable[[], Any]:
    """What makes the compiled step of `fit`."""
    x, y = data_of(rows, length)
    given = rows_of(model.entered(x), y)
    model.prepare(given.x, given.y, rows, 'fit')
    layout = ResidentSource(given, rows).layout
    binding = steps.binding_of(model)
    made = steps.program_of(model, binding)
    state = binding.held()
    return lambda: program.compile_training(made, state, layout).compiled


def bare_step(rows: int, length: int) -> Callable[[], Any]:
    """The same work in bare JAX: a scan over weights that lie one upon another, AdamW by hand."""
    size = WIDTH // HEADS

    def norm(x: Any, scale: Any, shift: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-12) * scale + shift

    def drop(x: Any, key: Any) -> Any:
        return jnp.where(jax.random.bernoulli(key, 0.9, x.shape), x / 0.9, 0)

    def block(x: Any, w: Any) -> Any:
        weights, key = w
        keys = jax.random.split(key, 3)
        q, k, v = (jnp.einsum('bld,dhs->blhs', x, weights[n]) + weights[n + '_b'] for n in 'qkv')
        scores = jax.nn.softmax(jnp.einsum('blhs,bmhs->bhlm', q, k) / np.sqrt(size).astype('float32'))
        mixed = jnp.einsum('bhlm,bmhs->blhs', drop(scores, keys[0]), v)
        out = jnp.einsum('blhs,hsd->bld', mixed, weights['o']) + weights['o_b']
        x = norm(x + drop(out, keys[1]), weights['s1'], weights['b1'])
        inner = jax.nn.gelu(x @ weights['in'] + weights['in_b'], approximate=False)
        return norm(x + drop(inner @ weights['out'] + weights['out_b'], keys[2]), weights['s2'], weights['b2']), None

    def loss(weights: Any, ids: Any, places: Any, wanted: Any, key: Any) -> Any:
        x = weights['tokens'][ids] + weights['positions'][:length]
        x = drop(norm(x, weights['se'], weights['be']), key)
        x, _ = jax.lax.scan(block, x, (weights['blocks'], jax.random.split(key, BLOCKS)))
        x = jnp.take_along_axis(x, places[..., None], 1)
        x = norm(jax.nn.gelu(x @ weights['head'] + weights['head_b'], approximate=False), weights['sh'], weights['bh'])
        told = jax.nn.log_softmax(x @ weights['tokens'].T + weights['bias'])
        return -jnp.take_along_axis(told, wanted[..., None], -1).mean()

    def step(state: Any, ids: Any, places: Any, wanted: Any, key: Any) -> Any:
        weights, means, squares, count = state
        value, grads = jax.value_and_grad(loss)(weights, ids, places, wanted, key)
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, grads)
        squares = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, squares, grads)
        rate = 1e-4 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = jax.tree.map(
            lambda w, m, s: w * (1 - 1e-4 * 4e-3) - rate * m / (jnp.sqrt(s) + 1e-7), weights, means, squares
        )
        return (weights, means, squares, count + 1), value

    f32 = lambda *shape: jax.ShapeDtypeStruct(shape, np.float32)  # noqa: E731
    part = lambda *shape: f32(BLOCKS, *shape)  # noqa: E731
    blocks = {n: part(WIDTH, HEADS, size) for n in 'qkv'} | {n + '_b': part(HEADS, size) for n in 'qkv'}
    blocks |= {'o': part(HEADS, size, WIDTH), 'in': part(WIDTH, INNER), 'in_b': part(INNER), 'out': part(INNER, WIDTH)}
    blocks |= {n: part(WIDTH) for n in ('o_b', 'out_b', 's1', 'b1', 's2', 'b2')}
    weights = {'tokens': f32(VOCABULARY, WIDTH), 'positions': f32(512, WIDTH), 'bias': f32(VOCABULARY)}
    weights |= {'head': f32(WIDTH, WIDTH), 'blocks': blocks}
    weights |= {n: f32(WIDTH) for n in ('se', 'be', 'sh', 'bh', 'head_b')}
    whole = lambda *shape: jax.ShapeDtypeStruct(shape, np.int32)  # noqa: E731
    given = whole(rows, length), whole(rows, PLACES), whole(rows, PLACES), jax.ShapeDtypeStruct((2,), np.uint32)
    options = compile_cache._options(False)
    return lambda: (
        jax.jit(step, donate_argnums=0).trace((weights, weights, weights, f32()), *given).lower().compile(options)
    )


def seconds(make: Callable[[], Any]) -> float:
    """What making it takes, traced anew."""
    jax.clear_caches()
    begun = perf_counter()
    make()
    return perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--keep', action='store_true', help='write results/bert_large.json')
    keep = parser.parse_args().keep
    compile_cache._folder = lambda: None  # nothing is loaded, nothing kept
    model = model_of()
    ours, bare = hefted_step(model, 2, 128), bare_step(2, 128)
    pairs = [(seconds(bare), seconds(ours)) for _ in range(PAIRS)]
    floor, taken = (median(column) for column in zip(*pairs, strict=True))
    print(f'compile: {taken:.1f} s (bare JAX {floor:.1f} s; bar {BARS["seconds"]:.0f} s); pairs {pairs}')
    memory: list[dict[str, Any]] = []
    parameters = model.count_params()
    for rows, length in BATCHES:
        told = hefted_step(model, rows, length)().memory_analysis()
        xla = told.argument_size_in_bytes + told.temp_size_in_bytes
        said = encoder_step_memory(
            parameters=parameters, blocks=BLOCKS, width=WIDTH, inner=INNER, heads=HEADS, rows=rows, length=length,
            scores=rows * PLACES * VOCABULARY,
        ).total  # fmt: skip
        memory.append({'rows': rows, 'length': length, 'xla': xla, 'formula': said, 'ratio': said / xla})
        print(f'memory: {rows} x {length}: XLA {xla / 1e9:.2f} GB, formula {said / 1e9:.2f} GB, {said / xla:.3f}')
    worst = max(max(each['ratio'], 1 / each['ratio']) for each in memory)
    held = taken < BARS['seconds'] and worst <= BARS['memory']
    if keep:
        told = {
            'date': datetime.datetime.now(datetime.UTC).date().isoformat(), 'cores': os.cpu_count(),
            'jax': jax.__version__, 'bars': BARS, 'compile_seconds': taken, 'bare_jax_seconds': floor,
            'pairs': pairs, 'memory': memory,
        }  # fmt: skip
        RESULTS.write_text(json.dumps(told, indent=1) + '\n', 'utf-8')
    return 0 if held else 1


if __name__ == '__main__':
    raise SystemExit(main())
