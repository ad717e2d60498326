"""The claims of Gaier & Ha 2019, tested per task on the study's tables. Every effect is one number per seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.studies.claim_sheet import TaskSheet
from lth_core.studies.gaier2019.study import Design

PAPER = "Gaier & Ha 2019, section 4"


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task."""
    return TaskClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task."""

    name: ClassVar[str] = "gaier2019"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.sheet.read_from("measurements", "evolution")
        self.against_fixed()
        self.of_tuning()

    def rows(self, network: str, weights: str) -> pd.DataFrame:
        """Return the measurements of one network with weights of one sort."""
        table = self.tables["measurements"]
        return table[(table["task"] == self.task) & (table["network"] == network) & (table["weights"] == weights)]

    def test(self, network: str, weights: str) -> pd.Series:
        """Return the test metric by seed, averaged over shared weights."""
        return seed_means(self.rows(network, weights), "metric")

    def against_fixed(self) -> None:
        """Compare evolved topologies with that of the task's network."""
        metric, weights = self.sheet.metric, self.config.evolution.weights
        listed = ", ".join(f"{weight:g}" for weight in weights)
        self.sheet.add(
            "With one weight for all connections, evolved topologies do better than a fixed one",
            PAPER,
            f"test {metric.label}, mean over the shared weights {listed}, {metric.minus('evolved', 'fixed')}",
            metric.gain(self.test("evolved", "shared"), self.test("fixed", "shared")),
        )
        self.sheet.add(
            "Evolved topologies with one weight for all connections do better than a fixed one with random weights",
            PAPER,
            f"test {metric.label}, {metric.minus('evolved, mean over the shared weights', 'fixed, theta_0')}",
            metric.gain(self.test("evolved", "shared"), self.test("fixed", "random")),
        )

    def of_tuning(self) -> None:
        """Compare a tuned shared weight with others, and with the training of all weights."""
        metric, tuned = self.sheet.metric, self.test("evolved", "tuned")
        self.sheet.add(
            "Tuning the one weight of evolved topologies improves them",
            PAPER,
            f"test {metric.label}, {metric.minus('tuned on validation data', 'mean over the shared weights')}",
            metric.gain(tuned, self.test("evolved", "shared")),
        )
        random, trained = self.test("fixed", "random"), self.test("fixed", "trained")
        self.sheet.add(
            "Tuning the one weight of evolved topologies recovers more than half of what training all weights of a "
            "fixed one gains",
            PAPER,
            f"test {metric.label}, {metric.minus('tuned weight', 'half way from random to trained weights')}",
            metric.gain(tuned, (random + trained) / 2),
        )
