"""The oracle is Keras itself, on JAX. Its backend is fixed before anything imports it."""

import os

os.environ['KERAS_BACKEND'] = 'jax'
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
