"""The claims of the study of structured tickets, tested per task on the study's table.

Every effect is one number per seed. A ticket of channels keeps what it keeps; tickets of single weights are
interpolated between their levels, of the same seed, in the logarithm of what is made equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from lth_core.analysis.measurements import seed_means
from lth_core.storage.runs import DENSE
from lth_core.studies.captions import better
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.structured_tickets.study import REINIT, Design, is_early

RETHINKING = "Liu et al. 2019 (Rethinking the Value of Network Pruning)"
COARSENING = "Chen et al. 2022 (Coarsening the Granularity)"
EARLY_BIRD = "You et al. 2020 (Drawing Early-Bird Tickets), section 4.3"
NEAR = 5
"""How many times what still matches a near one may be worse: by 1 percentage point of accuracy."""
EQUALS = {"density": "parameters", "operations": "operations"}
"""What tickets of both sorts have equally many of."""


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "structured-tickets"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        for method, level, density in self.structured():
            what = f"tickets of '{method}', {with_weights(density)}"
            self.of_equals(method, level, what)
            self.of_reinit(method, level, what)
            if is_early(self.config.methods[method]):
                self.of_costs(method, level, what)

    # ------------------------------------------------------------ reading the table

    def structured(self) -> Iterator[tuple[str, int, float]]:
        """List the methods and levels of channels, with the mean density of weights."""
        rows = self.of_task("measurements")
        for method in self.study.compare[self.task]:
            known = rows[(rows["method"] == method) & (rows["network"] == "ticket")]
            for level, density in known.groupby("level")["density"].mean().items():
                yield method, int(str(level)), float(density)

    def measured(self, method: str, level: int, column: str = "metric", network: str = "ticket") -> pd.Series:
        """Return a measurement of a method's level by seed."""
        rows = self.of_task("measurements")
        rows = rows[(rows["method"] == method) & (rows["level"] == level) & (rows["network"] == network)]
        return seed_means(rows, column)

    def single_weights(
        self, wanted: pd.Series, equal: str, column: str = "metric", network: str = "ticket"
    ) -> pd.Series | None:
        """Interpolate a measurement of the tickets of single weights at `wanted` of what is `equal`, by seed.

        The dense network is the first of their levels. None where some seed's is below the last of them.
        """
        rows = self.of_task("measurements")
        unstructured = (rows["method"] == self.study.tasks[self.task]) & (rows["network"] == network)
        rows = rows[unstructured | (rows["network"] == DENSE)].sort_values(equal)
        values = {}
        for seed, value in wanted.items():
            of_seed = rows[rows["seed"] == seed]
            if value < of_seed[equal].min() * (1 - 1e-9):
                return None
            values[seed] = np.interp(np.log(value), np.log(of_seed[equal]), of_seed[column])
        return pd.Series(values).rename_axis("seed")

    # ------------------------------------------------------------ claims

    def of_equals(self, method: str, level: int, what: str) -> None:
        """Claim that tickets of single weights are better at equal parameters, and at equal operations."""
        self.sheet.read_from("measurements", "equals")
        metric = self.sheet.metric
        for equal, words in EQUALS.items():
            others = self.single_weights(self.measured(method, level, equal), equal)
            if others is not None:
                self.sheet.add(
                    f"tickets of single weights with as many {words} {better(metric)} than {what}",
                    COARSENING,
                    f"test {metric.label} at the end of training, single weights minus channels, at equal {words}",
                    metric.gain(others, self.measured(method, level)),
                )

    def of_reinit(self, method: str, level: int, what: str) -> None:
        """Claim that channels are worth as much with fresh weights, and that single weights lose more by them."""
        self.sheet.read_from("measurements", "reinit")
        metric, wanted = self.sheet.metric, self.measured(method, level, "density")
        lost = metric.gain(self.measured(method, level), self.measured(method, level, network=REINIT))
        self.sheet.add(
            f"a fresh initialization is nearly as good for {what}",
            RETHINKING,
            f"test {metric.label} at the end of training, reinitialized minus ticket",
            -lost,
            margin=-NEAR * metric.matching,
        )
        ticket, reinit = (self.single_weights(wanted, "density", network=name) for name in ("ticket", REINIT))
        if ticket is not None and reinit is not None:
            self.sheet.add(
                f"tickets of single weights with as many parameters lose more by a fresh initialization than {what}",
                RETHINKING,
                f"test {metric.label} at the end of training, ticket minus reinitialized, weights minus channels",
                metric.gain(ticket, reinit) - lost,
            )

    def of_costs(self, method: str, level: int, what: str) -> None:
        """Claim that channels that are drawn early cost less than iterative pruning of single weights."""
        self.sheet.read_from("measurements", "equals")
        others = self.single_weights(self.measured(method, level, "density"), "density", "cost")
        if others is not None:
            self.sheet.saved(
                f"to find and train {what}, costs less than iterative pruning of single weights to as many parameters",
                EARLY_BIRD,
                "floating-point operations of search and training saved by channels",
                self.measured(method, level, "cost") / others,
                of="iterative pruning of single weights",
            )
