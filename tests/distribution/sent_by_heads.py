"""What the projections of attention send where each device has some of the heads; printed as JSON."""

import json
import os
import sys

if __name__ == '__main__':
    os.environ['XLA_FLAGS'] = f'--xla_force_host_platform_device_count={sys.argv[1]}'

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hefted.models.bert.attention import _together
from hefted.train import collectives

if __name__ == '__main__':
    mesh = Mesh(np.array(jax.devices()), ('heads',))
    split = NamedSharding(mesh, PartitionSpec(None, 'heads'))
    kernels = [jax.ShapeDtypeStruct((32, 4, 8), np.float32, sharding=split)] * 3
    inputs = jax.ShapeDtypeStruct((2, 16, 32), np.float32, sharding=NamedSharding(mesh, PartitionSpec()))
    slopes = jax.grad(lambda kernels, inputs: jax.numpy.sin(_together(inputs, kernels)).sum())
    told = {
        'forward': collectives.bytes_by_kind(jax.jit(_together).lower(inputs, kernels).compile()),
        'back': collectives.bytes_by_kind(jax.jit(slopes).lower(kernels, inputs).compile()),
    }
    print(json.dumps(told))
