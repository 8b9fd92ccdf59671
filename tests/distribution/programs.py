"""Programs that processes of a world run in tests; each prints what came of it as JSON, or writes it (in TOLD)."""

TRAINS = """
import json, os, signal, time
import numpy as np
import hefted
import hefted.host
from hefted import Sequential, callbacks, distribution
from hefted.layers import Dense, Dropout
from hefted.train.resuming import Resume

if 'HOSTS' in os.environ:  # as if each two ranks were on a machine of their own
    number = int(os.environ['HEFTED_PROCESS_ID']) // 2
    hefted.host.boot_id = lambda: f'machine {number}'
world = distribution.initialize()
hefted.utils.set_random_seed(7)
draw = np.random.default_rng(0)
x = draw.normal(size=(1000, 20)).astype('float32')
y = (x[:, :1] > 0).astype('float32')
model = Sequential([Dense(32, activation='relu'), Dropout(0.1), Dense(1, activation='sigmoid')])
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])


class Dies(callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(0.01 if os.environ.get('DIES') else 0)

    def on_epoch_begin(self, epoch, logs=None):
        if os.environ.get('DIES') == str(world.rank) and epoch == 3:
            print(json.dumps({'died': time.time()}), flush=True)
            os.kill(os.getpid(), getattr(signal, os.environ.get('HOW', 'SIGKILL')))
            time.sleep(6 if world.rank else 0)  # who goes on keeps a checkpoint first: rank 0 has to hear of it


folder = os.environ.get('RESUME')
resume = Resume(folder, seconds=float(os.environ.get('SECONDS', '0')), share=0.5) if folder else False
try:
    history = model.fit(x, y, epochs=5, batch_size=32, verbose=0, callbacks=[Dies()], resume=resume)
except Exception as error:
    print(json.dumps({'error': type(error).__name__, 'told': str(error), 'at': time.time()}), flush=True)
    raise
energy = history.footprint.energy
told = json.dumps({
    'rank': world.rank, 'size': world.size, 'by': world.by, 'loss': history.history['loss'],
    'weights': [float(np.abs(each).sum()) for each in model.get_weights()],
    'joules': energy and energy.value, 'receipt': str(history.receipt()),
})
print(told, flush=True)
if 'TOLD' in os.environ:  # launchers mix what their processes print, even within a line
    with open(os.path.join(os.environ['TOLD'], f'{world.rank}.json'), 'w') as file:
        file.write(told)
"""
