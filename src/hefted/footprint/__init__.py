"""What a run weighs and where it stands: place, grid, equivalents, and tables with their sources."""

from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.place import Place

__all__ = ['Footprint', 'PhaseShare', 'Place']
