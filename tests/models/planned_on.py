"""What a fit on some devices plans, foresees and tells, and what it would take elsewhere; printed as JSON."""

import json
import os
import sys

if __name__ == '__main__':
    os.environ['XLA_FLAGS'] = f'--xla_force_host_platform_device_count={sys.argv[1]}'

import numpy as np

from hefted import Sequential, ledger
from hefted.layers import Dense
from hefted.ledger import journal
from hefted.report.exports import export

if __name__ == '__main__':
    rows = int(sys.argv[2])
    x, y = np.ones((rows, 16), 'float32'), np.ones((rows, 1), 'float32')
    model = Sequential([Dense(64, 'relu', input_dim=16), Dense(1)])
    model.compile('adam', 'mse')
    history = model.fit(x, y, batch_size=32, epochs=2, verbose=0)
    journal.settle(30)
    run = ledger.open().get(history.receipt().facts.run_id)
    there = model.forecast(x, y, batch_size=32, epochs=2, on='64 x V100', place='US')
    print(
        json.dumps(
            {
                'plan': history.forecast.plan.to_json(),
                'line': history.forecast.__str__().splitlines()[0],
                'receipt': str(history.receipt()),
                'kept': run.told('plan'),
                'exported': json.loads(export(run, 'json')),
                'card': export(run, 'markdown'),
                'act': export(run, 'eu-ai-act'),
                'there': there.plan.to_json(),
                'told there': str(there),
                'waits': there.duration.value,
                'parameters': sum(int(np.prod(v.shape)) for v in model.trainable_variables),
            }
        )
    )
