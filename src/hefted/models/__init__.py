"""Models."""

from hefted.models.model import Model
from hefted.models.sequential import Sequential

__all__ = ['Model', 'Sequential']
