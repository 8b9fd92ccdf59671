"""Data sets: one that ships, `breast_cancer`, and `mnist`, read from a folder or downloaded once."""

from hefted.datasets import breast_cancer, mnist

__all__ = ['breast_cancer', 'mnist']
