"""Python's collector of dead objects while a workflow is planned: nearly all that planning makes lives to its end.

To look among millions of living objects for dead ones is lost time, and most of it is lost at the end of the process,
which looks twice and then takes the objects apart one by one, although the system takes all memory back at once.
"""

from __future__ import annotations

import atexit
import gc

PLANNING = (20_000_000, 20, 100)
"""Thresholds of gc: one look per 150,000 jobs or so. Where many plans are made in one process, dead ones still go."""
RUNNING = (200_000, 20, 100)


def postpone() -> None:
    """Look for dead objects hardly ever, and not at the end of the process."""
    gc.set_threshold(*PLANNING)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def resume() -> None:
    """Look for dead objects among those made from now on; among older ones, when Python looks everywhere."""
    gc.freeze()
    gc.unfreeze()  # into the oldest generation
    gc.set_threshold(*RUNNING)
