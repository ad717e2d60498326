"""A pytest plugin: tests are steps of the GPU benchmark, and their outcomes are said (events.py).

python -m pytest -p benchmarks.gpu.outcomes tests/gpu
"""

from __future__ import annotations

from typing import Any

from benchmarks.gpu import events
from lth_core.runtime.lifetime import end_with_named

STICKY = "CUDA error"
"""What errors say after which CUDA does no further work in a process."""


def pytest_configure(config: Any) -> None:
    end_with_named()
    config.pluginmanager.register(Outcomes())


class Outcomes:
    """Says which tests there are, and how each has ended."""

    def __init__(self) -> None:
        self.session: Any = None
        self.failed: set[str] = set()

    def pytest_sessionstart(self, session: Any) -> None:
        self.session = session

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            events.planned([report.nodeid])
            self._fail(report)
            events.done(report.nodeid)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        events.planned([item.nodeid for item in items])
        items[:] = [item for item in items if item.nodeid not in events.done_steps()]

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome != "passed":
            self._fail(report)
        if report.when == "teardown":
            events.done(report.nodeid)

    def _fail(self, report: Any) -> None:
        """Say the first reason of a failure; what is skipped has not been tested, either."""
        if report.nodeid in self.failed:
            return
        self.failed.add(report.nodeid)
        events.failed(report.nodeid, reason(report))
        if STICKY in report.longreprtext:
            self.session.shouldstop = "CUDA does no further work in this process"


def reason(report: Any) -> str:
    """Say in one line why a test has failed or was skipped."""
    if report.skipped:
        return str(report.longrepr[-1])
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else report.longreprtext.strip()).splitlines()[0]
