"""`keras.preprocessing.sequence`'s name."""

from hefted.utils.sequences import pad_sequences

__all__ = ['pad_sequences']
