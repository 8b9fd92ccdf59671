"""A run's receipt: for a terminal, a notebook, a file.

What is here is imported from its own file, because a training needs its live line long before its receipt.
"""
