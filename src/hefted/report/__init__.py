"""A run's receipt: for a terminal, a notebook, a file."""

from hefted.report.live import live
from hefted.report.receipt import Facts, Receipt, receipt

__all__ = ['Facts', 'Receipt', 'live', 'receipt']
