"""Keras runs on JAX here. Its backend is fixed before anything imports it."""

import os

os.environ['KERAS_BACKEND'] = 'jax'
