"""Python's collector of dead objects while a workflow is planned: nearly all that planning makes lives to its end.

Searching millions of living objects for dead ones wastes time, most of it at the end of the process, which searches
twice and then frees the objects one by one, although the system takes all memory back at once.
"""

from __future__ import annotations

import atexit
import gc

PLANNING = (20_000_000, 20, 100)
"""Thresholds of gc: one look per 150,000 jobs or so. Where many plans are made in one process, dead ones still go."""
RUNNING = (200_000, 20, 100)


def postpone() -> None:
    """Look for dead objects only rarely, and not at the end of the process."""
    gc.set_threshold(*PLANNING)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def resume() -> None:
    """Look for dead objects among those made from now on; among older ones, only when Python looks everywhere."""
    gc.freeze()
    gc.unfreeze()  # into the oldest generation
    gc.set_threshold(*RUNNING)
