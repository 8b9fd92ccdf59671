"""What every peer's program shares: the same numbers to train on, one clock, one line of JSON at the end."""

import json
import os
import time

import numpy as np

# Set by the runner: enough steps for a steady median, or few, to show that everything works.
EPOCHS = int(os.environ.get('BENCH_EPOCHS', '1'))
PAIRS = int(os.environ.get('BENCH_PAIRS', '5'))


def reference_data():
    """The reference program's: 1,000 rows of 100 features, a class each."""
    rng = np.random.default_rng(0)
    return rng.random((1000, 100), dtype=np.float32), rng.integers(0, 2, (1000, 1)).astype(np.float32)


def mlp_data(rows=200 * 128):
    """200 batches of 784 features and a digit each."""
    rng = np.random.default_rng(0)
    return rng.random((rows, 784), dtype=np.float32), rng.integers(0, 10, rows).astype(np.int32)


def mlp_batches(x, y, size=128):
    """The same in batches, for ever, as a person's generator gives them: each pass in an order of its own."""
    rng = np.random.default_rng(1)
    while True:
        order = rng.permutation(len(x))
        for at in range(0, len(x), size):
            rows = order[at : at + size]
            yield x[rows], y[rows]


def cnn_data(rows=20 * 128):
    """20 batches of images of 28 x 28 x 1 and a digit each."""
    rng = np.random.default_rng(0)
    return rng.random((rows, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, rows).astype(np.int32)


# Two transformer encoder blocks, as wide as BERT-base's.
BLOCKS, WIDTH, HEADS, HIDDEN = 2, 768, 12, 3072


def transformer_data(rows=8 * 8, length=128):
    """8 batches of 8 sequences of 128 vectors, a class for each vector."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, length, WIDTH), dtype=np.float32)
    return x, rng.integers(0, 10, (rows, length)).astype(np.int32)


# A large embedding with a small dense head.
VOCABULARY, DEPTH, TOKENS = 200_000, 64, 8


def embedding_data(rows=20 * 1024):
    """20 batches of 1,024 rows of 8 tokens, common ones more often, a class each."""
    rng = np.random.default_rng(0)
    x = (rng.random((rows, TOKENS)) ** 3 * VOCABULARY).astype(np.int32)
    return x, rng.integers(0, 2, rows).astype(np.float32)


# An LSTM over sequences, with a dense head.
UNITS = 128


def lstm_data(rows=20 * 64, length=100, features=32):
    """20 batches of 64 sequences of 100 vectors, a class for each sequence."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, length, features), dtype=np.float32), rng.integers(0, 10, rows).astype(np.int32)


def glorot(rng, *shape):
    """Keras's glorot_uniform, by numpy."""
    field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / (field * shape[-2] + field * shape[-1]))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


class Clock:
    """Seconds of wall and of CPU since it was made."""

    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self, steps=1):
        """Both, per step."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {'wall': wall / steps, 'cpu': cpu / steps}


def report(**figures):
    """The program's result: its last line."""
    print(json.dumps(figures), flush=True)
