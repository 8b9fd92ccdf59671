"""What a step sends between eight devices, for two ways to distribute it; printed as JSON."""

import json
import os
import sys
from typing import Any

if __name__ == '__main__':
    os.environ['XLA_FLAGS'] = f'--xla_force_host_platform_device_count={sys.argv[1]}'

import numpy as np

from hefted import Sequential, distribution, layers
from hefted.train import collectives, program

if __name__ == '__main__':
    X, Y = np.ones((64, 128), 'float32'), np.ones((64, 1), 'float32')
    found: list[Any] = []
    compiled = program.compile_training
    told: dict[str, Any] = {}

    def seen(*arguments: Any) -> Any:
        found.append(compiled(*arguments))
        return found[-1]

    from hefted.models import loops

    loops.compile_training = seen
    for kind in ('DataParallel', 'FullyShardedDataParallel'):
        blocks = layers.Stack([layers.Dense(128, 'relu') for _ in range(6)])
        model = Sequential([blocks, layers.Dense(256, 'relu'), layers.Dense(1, 'sigmoid')])
        model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
        how = getattr(distribution, kind)()
        with how.scope():
            plan = model.fit(X, Y, batch_size=32, epochs=1, verbose=0).forecast.plan
        split = [v for v in model.trainable_variables if any(how.get_variable_layout(v).axes)]
        told[kind] = {
            'again': plan.recomputes,
            'products': plan.products_per_step,
            'sent': collectives.bytes_by_kind(found[-1].compiled),
            'weights': 4 * sum(int(np.prod(v.shape)) for v in model.trainable_variables),
            'split': 4 * sum(int(np.prod(v.shape)) for v in split),
            'of blocks': 4 * sum(int(np.prod(v.shape)) for v in split if '/stack' in v.path),
        }
    print(json.dumps(told))
