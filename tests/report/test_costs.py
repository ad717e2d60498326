"""What the page says of the costs of smaller networks."""

from __future__ import annotations

import math

import pytest

from lth_core.config import Method
from lth_core.report.costs import cost_line, shrunk_tickets
from lth_core.storage.runs import Run

METHODS = {
    "filters": Method(granularity="filter", fractions={"*": 0.5}, levels=3),
    "weights": Method(levels=3),
}
RUN = Run("mini", "0-1", "filters", 3)


def row(seed: int, form: str, parameters: float, flops: float, seconds: float) -> dict[str, str]:
    values = {"parameters": parameters, "flops": flops, "bytes": 4 * parameters}
    values |= {"seconds_1": seconds, "seconds_256": 100 * seconds}
    return {"seed": str(seed), "form": form, **{name: str(value) for name, value in values.items()}, "reason": ""}


def test_the_last_tickets_of_methods_that_prune_filters_are_compared() -> None:
    runs = [
        Run("mini", "0-1"),
        *(Run("mini", cohort, method, level) for cohort in ("0-1", "2-3") for method in METHODS for level in (1, 2, 3)),
        Run("mini", "0-1", "filters", 3, "reinit"),
        Run("other", "0-1", "filters", 2),
    ]
    assert shrunk_tickets(runs, METHODS) == [RUN, Run("mini", "2-3", "filters", 3), Run("other", "0-1", "filters", 2)]


def test_a_line_has_the_means_over_seeds() -> None:
    rows = [row(0, "dense", 100, 200, 0.1), row(0, "shrunk", 40, 90, 0.05)]
    rows += [row(1, "dense", 100, 200, 0.3), row(1, "shrunk", 60, 110, 0.15)]
    line = cost_line(RUN, rows)
    seconds = {"seconds_1": 0.2, "seconds_256": 20}
    assert line.dense == pytest.approx({"parameters": 100, "flops": 200, "bytes": 400, **seconds})
    assert line.ticket["parameters"] == 50 and line.ticket["bytes"] == 200 and line.ticket["seconds_256"] == 10


def test_seeds_without_a_ticket_do_not_count() -> None:
    nothing = row(1, "shrunk", math.nan, math.nan, math.nan)
    line = cost_line(RUN, [row(0, "dense", 100, 200, 0.1), row(0, "shrunk", 40, 90, 0.05), nothing])
    assert line.ticket["parameters"] == 40
    assert all(math.isnan(value) for value in cost_line(RUN, [nothing]).ticket.values())


def test_a_network_that_cannot_be_shrunk_says_why_and_has_the_parameters_that_its_mask_keeps() -> None:
    shrunk = row(0, "shrunk", math.nan, math.nan, math.nan) | {"reason": "it concatenates"}
    sparse = row(0, "sparse", 40, 80, math.nan) | {"reason": "no kernels"}
    line = cost_line(RUN, [row(0, "dense", 100, 200, 0.1), shrunk, sparse])
    assert line.reason == "it concatenates" and line.ticket["parameters"] == 40
    assert math.isnan(line.ticket["flops"]) and line.dense["flops"] == 200
