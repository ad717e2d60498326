"""While a workflow is planned nothing is collected; in a run all is, as ever; the end of the process is short."""

from __future__ import annotations

import atexit
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from lth_core.runtime import collector


class Node:
    """Refers to itself, so that only the collector removes it."""

    def __init__(self) -> None:
        self.node = self


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    yield
    gc.set_threshold(*before)
    atexit.unregister(gc.freeze)


def dead_node() -> weakref.ref[Node]:
    return weakref.ref(Node())


def make_objects() -> list[list[int]]:
    """More living objects than a run makes without a look for dead ones."""
    return [[] for _ in range(collector.RUNNING[0] + 10_000)]


def test_nothing_is_collected_until_a_run_begins() -> None:
    collector.postpone()
    planned = dead_node()
    alive = make_objects()
    assert planned() is not None
    collector.resume()
    running = dead_node()
    alive += make_objects()
    assert running() is None


def test_what_died_in_planning_is_not_kept_for_good() -> None:
    collector.postpone()
    planned = dead_node()
    collector.resume()
    assert gc.isenabled() and gc.get_freeze_count() == 0
    gc.collect()
    assert planned() is None


def test_the_end_of_the_process_does_not_look_at_what_is_left() -> None:
    """What is registered first is called last: it sees that all objects are out of the collector's sight."""
    program = (
        "import atexit, gc\n"
        "from lth_core.runtime import collector\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 100))\n"
        "collector.postpone()\n"
        "collector.postpone()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "True"]
