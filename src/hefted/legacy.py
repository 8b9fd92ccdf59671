"""`keras.legacy`'s name, and that of `utils.legacy`: the older form of configs, read and written by Keras itself."""

import sys
import types

from hefted.utils.passages import passage

saving = types.ModuleType(f'{__name__}.saving', "keras.legacy.saving, Keras's own.")
saving.__getattr__ = passage('legacy.saving', 'deserialize_keras_object serialize_keras_object')  # pyright: ignore[reportAttributeAccessIssue]
saving.__dir__ = lambda: ['deserialize_keras_object', 'serialize_keras_object']
sys.modules[saving.__name__] = saving
