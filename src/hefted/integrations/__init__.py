"""Models and layers built elsewhere: Keras 3's and Flax's train through Hefted's engine.

hefted.fit(keras_model, x, y, epochs=10)                       # compiled by Keras
hefted.foresee(keras_model, x, y, epochs=10)                   # what that will take
hefted.fit(flax_module, x, y, optimizer='adam', loss='mse')    # compiled here
Sequential([keras.layers.ConvLSTM2D(8, 3), Flatten()])         # Keras's layers as they are
KerasLayer(keras_layer)(inputs)                                # the same in a functional model
"""

from hefted.integrations.fitting import fit, foresee
from hefted.layers.foreign import FlaxLayer, KerasLayer

__all__ = ['FlaxLayer', 'KerasLayer', 'fit', 'foresee']
