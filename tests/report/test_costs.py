"""What the page says of the costs of smaller networks."""

from __future__ import annotations

import math

from lth_core.config import Method
from lth_core.report.costs import cost_line, shrunk_tickets
from lth_core.storage.runs import Run

METHODS = {
    "filters": Method(granularity="filter", fractions={"*": 0.5}, levels=3),
    "weights": Method(levels=3),
}
RUN = Run("mini", "0-1", "filters", 3)


def row(seed: int, network: str, parameters: float, flops: float, seconds: float) -> dict[str, str]:
    values = {"parameters": parameters, "flops": flops, "seconds": seconds}
    numbers = {name: str(value) for name, value in values.items()}
    return {"seed": str(seed), "network": network, **numbers, "reason": ""}


def test_the_last_tickets_of_methods_that_prune_filters_are_compared() -> None:
    runs = [
        Run("mini", "0-1"),
        *(Run("mini", cohort, method, level) for cohort in ("0-1", "2-3") for method in METHODS for level in (1, 2, 3)),
        Run("mini", "0-1", "filters", 3, "reinit"),
        Run("other", "0-1", "filters", 2),
    ]
    assert shrunk_tickets(runs, METHODS) == [RUN, Run("mini", "2-3", "filters", 3), Run("other", "0-1", "filters", 2)]


def test_a_line_has_the_means_over_seeds() -> None:
    rows = [row(0, "dense", 100, 200, 0.1), row(0, "ticket", 40, 90, 0.05)]
    rows += [row(1, "dense", 100, 200, 0.3), row(1, "ticket", 60, 110, 0.15)]
    line = cost_line(RUN, rows)
    assert line.dense == {"parameters": 100, "flops": 200, "seconds": 0.2}
    assert line.ticket == {"parameters": 50, "flops": 100, "seconds": 0.1}


def test_seeds_without_a_ticket_do_not_count() -> None:
    nothing = row(1, "ticket", math.nan, math.nan, math.nan)
    line = cost_line(RUN, [row(0, "dense", 100, 200, 0.1), row(0, "ticket", 40, 90, 0.05), nothing])
    assert line.ticket["parameters"] == 40
    assert all(math.isnan(value) for value in cost_line(RUN, [nothing]).ticket.values())


def test_a_network_that_cannot_be_shrunk_says_why() -> None:
    ticket = row(0, "ticket", 40, math.nan, math.nan) | {"reason": "it concatenates"}
    line = cost_line(RUN, [row(0, "dense", 100, 200, 0.1), ticket])
    assert line.reason == "it concatenates" and line.ticket["parameters"] == 40
    assert math.isnan(line.ticket["flops"]) and line.dense["flops"] == 200
