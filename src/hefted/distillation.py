"""`keras.distillation`'s names, Keras's own: of Keras's models, which `hefted.fit` trains."""

from hefted.utils.passages import passage

_NAMES: str = 'DistillationLoss Distiller FeatureDistillation LogitsDistillation'

__getattr__ = passage('distillation', _NAMES)


def __dir__() -> list[str]:
    return _NAMES.split()
