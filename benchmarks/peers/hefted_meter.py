"""One long fit with the meter on and one with it off, in turn; what the meter says that it cost itself."""

import statistics
import time

from common import EPOCHS, PAIRS, Clock, mlp_data, report

from hefted import Sequential, ledger, runs
from hefted.layers import Dense, Input

SECONDS = EPOCHS  # the runner says how long a fit should be
BATCH = 128

x, y = mlp_data()
model = Sequential([Input((784,)), Dense(512, activation='relu'), Dense(10, activation='softmax')])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])


def fit(epochs, meter):
    clock = Clock()
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, meter=meter)
    return history, clock.read()


def start_and_stop():
    begun = time.perf_counter()
    run = runs.start('fit', name='benchmark')
    started = time.perf_counter()
    run.enter('train')
    time.sleep(0.05)
    stopping = time.perf_counter()
    run.finish('finished')
    return started - begun + time.perf_counter() - stopping


fit(1, 'auto')
_, once = fit(2, None)
epochs = max(1, round(SECONDS / (once['wall'] / 2)))
rows = {'hefted': [], 'off': []}
for pair in range(PAIRS):
    for name in ('hefted', 'off') if pair % 2 else ('off', 'hefted'):
        history, figures = fit(epochs, 'auto' if name == 'hefted' else None)
        if name == 'hefted':
            time.sleep(0.5)  # the journal's thread writes the end a moment later
            figures['cost_share'] = ledger.open().get(history.run).meter_share
            figures['start_and_stop'] = statistics.median(start_and_stop() for _ in range(5))
        rows[name].append(figures)
report(rows=rows)
