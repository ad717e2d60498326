"""Pruning: which weights a network may lose, what scores them, and the smaller mask."""

from lth_core.pruning import criteria as criteria  # registers the built-in criteria
