"""Models built elsewhere: Keras 3's and Flax's train through Hefted's engine.

import hefted
hefted.fit(keras_model, x, y, epochs=10)                       # compiled by Keras
hefted.fit(flax_module, x, y, optimizer='adam', loss='mse')    # compiled here
"""

from hefted.integrations.fitting import fit

__all__ = ['fit']
