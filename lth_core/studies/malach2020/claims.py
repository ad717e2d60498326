"""What Malach et al. 2020 and the papers on subset sums prove, tested with the numbers of each task.

Every effect is one number per seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.metrics import counted
from lth_core.studies.claim_sheet import TaskSheet
from lth_core.studies.malach2020.fits import bits, explained, needed
from lth_core.studies.malach2020.study import Design

MALACH = "Malach et al. 2020"
SUBSET_SUMS = "Pensia et al. 2020; Orseau et al. 2020"
EXPECTED = {12: 1e-2, 15: 1e-3}
"""Number of random values -> what the mean error is expected to be below."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task."""
    return TaskClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task."""

    name: ClassVar[str] = "malach2020"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.of_subset_sums()
        self.of_precision()
        self.of_construction()
        self.against_neurons()

    def pruned(self, what: str) -> pd.DataFrame:
        """Return the rows of the networks of which weights or neurons are pruned; without seeds that diverged."""
        rows = self.of_task("constructions")
        return rows[rows["pruned"] == what]

    # ------------------------------------------------------------ subset sums

    def of_subset_sums(self) -> None:
        """Claim that errors fall exponentially, and to where they are expected."""
        self.sheet.read_from("subset_sums", "subset-sums")
        rows, most = self.of_task("subset_sums"), self.config.subset_sums.values
        self.sheet.add(
            "The error of the best subset sum falls exponentially with the number of random values",
            SUBSET_SUMS,
            f"bits that each further value brings: slope of -log2 of the mean error, up to {counted(most, 'values')}",
            bits(rows, "values", "mean_error"),
            unit="bits",
        )
        for values, error in EXPECTED.items():
            some = rows[rows["values"] == values].set_index("seed")["mean_error"]
            if len(some):
                self.sheet.add(
                    f"With {counted(values, 'random values')} the mean error of the best subset sum is below {error:g}",
                    SUBSET_SUMS,
                    f"log10 of {error:g} over the mean error",
                    np.log10(error) - some.map(np.log10),
                    unit="powers of ten",
                )

    def of_precision(self) -> None:
        """Claim that the number of values grows with the logarithm of the precision, not with the precision."""
        self.sheet.read_from("subset_sums", "subset-sums")
        by_seed = dict(list(needed(self.of_task("subset_sums")).groupby("seed")))
        effect = {
            seed: explained(of["precision"].to_numpy(), of["values"].to_numpy())
            - explained(2.0 ** of["precision"].to_numpy(), of["values"].to_numpy())
            for seed, of in by_seed.items()
        }
        if effect:
            self.sheet.add(
                "The number of random values that brings all targets within epsilon grows along a line in "
                "log2(1/epsilon), rather than in 1/epsilon",
                SUBSET_SUMS,
                "variance that the line explains, in log2(1/epsilon) minus in 1/epsilon",
                100 * pd.Series(effect),
                unit="percentage points",
            )

    # ------------------------------------------------------------ the construction

    def of_construction(self) -> None:
        """Claim that pruned random networks come as near to the trained one as is wanted."""
        self.sheet.read_from("constructions", "construction")
        rows, most = self.pruned("weights"), self.config.construction.units[-1]
        last = seed_means(rows[rows["units"] == most], "largest_error")
        self.sheet.add(
            "Pruned random networks approximate the trained network, with an error that falls exponentially with the "
            "number of random units for each of its weights",
            f"{MALACH}; {SUBSET_SUMS}",
            "bits that each further unit brings: slope of -log2 of the largest error of test outputs",
            bits(rows, "units", "largest_error"),
            unit="bits",
        )
        self.sheet.add(
            f"With {counted(most, 'random units')} for each weight, all outputs are within "
            f"{100 * self.study.epsilon:g}% of the trained network's largest output",
            f"{MALACH}, Theorem 2.1",
            f"{100 * self.study.epsilon:g}% minus the largest error of test outputs, in percent of the largest output",
            100 * (self.study.epsilon - last),
            unit="percentage points",
        )
        metric, target = self.sheet.metric, seed_means(self.pruned("target"), "metric")
        self.sheet.match(
            f"A random network of {counted(most, 'units')} for each weight, pruned and never trained, matches the "
            f"trained network's {metric.label} (within {metric.tolerance})",
            MALACH,
            f"test {metric.label}, {metric.minus('pruned random', 'trained')}",
            metric.gain(seed_means(rows[rows["units"] == most], "metric"), target),
        )

    def against_neurons(self) -> None:
        """Claim that pruning neurons cannot do this."""
        self.sheet.read_from("constructions", "construction")
        most = self.config.construction.units[-1]
        weights, neurons = (
            seed_means(rows[rows["units"] == most], "agreement") for rows in map(self.pruned, ("weights", "neurons"))
        )
        self.sheet.add(
            "Pruning neurons alone does not approximate the trained network, where pruning weights does",
            f"{MALACH}, section 4",
            "test examples with the trained network's prediction, weights pruned minus neurons pruned, with "
            f"{counted(most, 'random units')} for each weight",
            100 * (weights - neurons),
            unit="percentage points",
        )
