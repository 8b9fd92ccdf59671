"""What every peer of `benchmarks/bert.py` shares: sizes, data, how long and with what energy, one line of JSON."""

import json
import os
import sys
import time

import numpy as np

# length: (sequences a step, masked tokens of each); 20 and 80 are those of the original recipe (Devlin et al. 2019).
BASE = {'vocabulary': 30_522, 'layers': 12, 'heads': 12, 'width': 768, 'hidden': 3_072}
SMALL = {'vocabulary': 8_192, 'layers': 2, 'heads': 4, 'width': 256, 'hidden': 1_024}
PLACES, SEGMENTS, DROPOUT = 512, 2, 0.1
RATE, DECAY = 1e-4, 0.01
MASKED = {128: 20, 512: 80}

SIZES = SMALL if '--small' in sys.argv else BASE
HALF = '--bf16' in sys.argv


def told(name, default):
    """A number among the arguments, such as --length=128."""
    found = [each.partition('=')[2] for each in sys.argv if each.startswith(f'--{name}=')]
    return int(found[0]) if found else default


LENGTH, BATCH, STEPS = told('length', 128), told('batch', 8), told('steps', 8)


def data():
    """Token ids, segments, the masked places and their tokens, and whether the second sentence follows."""
    rng = np.random.default_rng(0)
    rows, masked = BATCH * STEPS, MASKED[LENGTH]
    ids = rng.integers(5, SIZES['vocabulary'], (rows, LENGTH)).astype(np.int32)
    segments = (np.arange(LENGTH) >= LENGTH // 2).astype(np.int32) * np.ones((rows, 1), np.int32)
    places = np.sort(np.argsort(rng.random((rows, LENGTH)), 1)[:, :masked], 1).astype(np.int32)
    return ids, segments, places, np.take_along_axis(ids, places, 1), rng.integers(0, 2, rows).astype(np.int32)


def counter():
    """Joules of the first GPU, the one that peers may see, by its driver's counter; None where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(0)) / 1e3
    except Exception:  # no driver, no library, or one that tells no energy
        return None


def jax_compilations():
    """A function that tells how many programs JAX has compiled since this was called."""
    import jax

    seen = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: seen.append(event) if event.endswith('backend_compile_duration') else None
    )
    return lambda: len(seen)


class Clock:
    """Seconds, CPU seconds and joules from its making on.

    Args:
        compilations: Tells how many programs were compiled so far: those while it ran are told too.
        device: What the peer computed on: 'cpu' or a GPU's platform.
    """

    def __init__(self, compilations, device):
        self.compilations, self.compiled, self.device = compilations, compilations(), device
        self.joules = counter()
        self.begun, self.cpu = time.perf_counter(), time.process_time()

    def report(self, loss):
        """One line of JSON about all steps."""
        seconds, cpu = time.perf_counter() - self.begun, time.process_time() - self.cpu
        joules, before = counter(), self.joules
        used = None if joules is None or before is None else joules - before
        figures = {'seconds': seconds, 'cpu': cpu, 'joules': used, 'sequences': BATCH * STEPS, 'loss': float(loss)}
        figures |= {'compiled': self.compilations() - self.compiled, 'device': self.device}
        print(json.dumps(figures | {'threads': len(os.sched_getaffinity(0))}), flush=True)
