"""Pruning: which weights a network may lose, what scores them, and the smaller mask."""
