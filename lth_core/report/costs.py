"""Costs on the page: networks without their pruned filters against the dense ones that they come from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lth_core.config import Method
from lth_core.storage.runs import Run

QUANTITIES = ("parameters", "flops", "bytes", "seconds_1", "seconds_256")
"""Columns of a run's costs.csv: numbers of a network, floating-point operations of one input, bytes of the numbers,
seconds of one input and of 256 at once."""


@dataclass(frozen=True)
class CostLine:
    """A row of the page: what a ticket costs without its pruned filters, and what the dense network does."""

    run: Run
    dense: Mapping[str, float]
    """By quantity, averaged over seeds; nan where no seed has a ticket."""
    ticket: Mapping[str, float]
    reason: str = ""
    """Why there is no smaller network; the ticket's parameters are then those that the mask keeps."""


def shrunk_tickets(runs: Iterable[Run], methods: Mapping[str, Method]) -> list[Run]:
    """List the tickets of the last level of every method that prunes whole filters or channels."""
    last: dict[tuple[str, str, str], Run] = {}
    for run in sorted(run for run in runs if run.level and not run.branch):
        if methods[run.method].granularity in ("filter", "channel"):
            last[run.task, run.cohort, run.method] = run
    return [*last.values()]


def cost_line(run: Run, rows: Sequence[Mapping[str, str]]) -> CostLine:
    """Average the rows of a run's costs.csv over the seeds that have a ticket."""
    dense, shrunk = means(rows, "dense"), means(rows, "shrunk")
    if not math.isnan(shrunk["parameters"]) or math.isnan(dense["parameters"]):
        return CostLine(run, dense, shrunk)
    reason = next(row["reason"] for row in rows if row["form"] == "shrunk" and row["reason"])
    return CostLine(run, dense, shrunk | {"parameters": means(rows, "sparse")["parameters"]}, reason)


def means(rows: Sequence[Mapping[str, str]], form: str) -> dict[str, float]:
    """Average each quantity of a form over the rows of a run's costs.csv that know it; nan where no row does."""
    values = {name: [float(row[name]) for row in rows if row["form"] == form] for name in QUANTITIES}
    known = {name: [value for value in column if math.isfinite(value)] for name, column in values.items()}
    return {name: statistics.fmean(column) if column else math.nan for name, column in known.items()}
