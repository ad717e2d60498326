"""The claims of Morcos et al. 2019 (arXiv 1906.02773) on the tables of the transfer study.

Every effect is one number per seed, paired within the seed; draws are averaged. Claims are tested where few weights are
left: from about a tenth of the weights on, or at the lowest density that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import nearest_level, strict_mean
from lth_core.analysis.overlap import indices
from lth_core.config import Config
from lth_core.metrics import counted
from lth_core.studies.claim_sheet import ClaimSheet, with_weights
from lth_core.studies.transfer.groups import HALVES, OPTIMIZER, difference
from lth_core.studies.transfer.study import RANDOM, RANDOM_LAYERWISE, TICKET, Design
from lth_core.tasks.metrics import metric_of

TENTH = 0.1
"""The density from which on the paper finds all tickets far above random ones."""
SOURCE = "Morcos et al. 2019"
ALIKE = {
    HALVES: "A ticket found on the other half of the examples matches the target ticket",
    OPTIMIZER: "A ticket found with another optimizer matches the target ticket",
}
"""How two tasks differ -> what the paper says of their tickets."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test all claims; what two groups share is claimed once."""
    measurements, overlap = tables["measurements"], tables["overlap"]
    every_claim: list[Claim] = []
    for group, members in study.groups.items():
        for target in members:
            rows = measurements[(measurements["group"] == group) & (measurements["target"] == target)]
            sheet = ClaimSheet("transfer", target, metric_of(config.tasks[target]))
            sheet.read_from("measurements", "densities", group)
            of_target = TargetClaims(sheet, rows, target)
            if study.chooses_densities(config, group):
                of_target.claim_layerwise_densities()
            for source in members:
                if source != target:
                    of_target.claim_beats_random(source)
                    of_target.claim_matches(source, config)
            every_claim += of_target.sheet.claims
        for task, other in study.pairs(members):
            rows = overlap[(overlap["task"] == task) & (overlap["other"] == other)]
            sheet = ClaimSheet("transfer", task, metric_of(config.tasks[task]))
            sheet.read_from("overlap", "overlap", group)
            every_claim += overlap_claims(rows, sheet, other)
    once: dict[Claim, Claim] = {}
    for claim in every_claim:
        once.setdefault(replace(claim, figure=""), claim)  # each group has a figure of its own
    return list(once.values())


def few_weights(rows: pd.DataFrame) -> list[int]:
    """List the levels from the one nearest to a tenth of the weights on; the last level if none is that low."""
    densities = rows.groupby("level")["density"].mean()
    tenth = nearest_level(rows, TENTH)
    below = [int(level) for level in densities.index if densities[level] < TENTH or level == tenth]
    return below or [int(densities.index.max())]


@dataclass(frozen=True)
class TargetClaims:
    """Claims about what is trained on one target, from the rows of `measurements` in one group."""

    sheet: ClaimSheet
    rows: pd.DataFrame
    target: str

    def target_tickets(self) -> pd.DataFrame:
        """Return the rows of the target ticket."""
        return self.rows[(self.rows["network"] == TICKET) & (self.rows["source"] == self.target)]

    def gain(self, first: tuple[str, str], second: tuple[str, str], levels: Sequence[int]) -> pd.Series:
        """Return how much better the first network is in the test, by seed; each is given with its source."""
        difference = self.metric(*first, levels) - self.metric(*second, levels)
        return difference if self.sheet.metric.higher_is_better else -difference

    def effect(self, first: str, second: str) -> str:
        """Name how much better the first network is in the test, for effects."""
        return f"test {self.sheet.metric.label}, {self.sheet.metric.minus(first, second)}"

    def metric(self, network: str, source: str, levels: Sequence[int]) -> pd.Series:
        """Return the final test metric by seed in its unit, averaged over levels; nan where a replicate diverged."""
        rows = self.rows[(self.rows["network"] == network) & (self.rows["source"] == source)]
        rows = rows[rows["level"].isin(levels)]
        by_level = rows.groupby(["seed", "level"])["metric"].agg(strict_mean)
        return self.sheet.metric.scale * by_level.groupby("seed").agg(strict_mean)

    def conditions(self, levels: Sequence[int]) -> tuple[str, str]:
        """Return what sentences say of the densities of levels, and what effects say of averaging over them."""
        tickets = self.target_tickets()
        densities = tickets.loc[tickets["level"].isin(levels)].groupby("level")["density"].mean()
        averaged = f", averaged over {counted(len(levels), 'levels')}" if len(levels) > 1 else ""
        return with_weights(*densities), averaged

    def claim_layerwise_densities(self) -> None:
        """Claim why the paper's random tickets do not keep them."""
        levels = few_weights(self.target_tickets())
        densities, averaged = self.conditions(levels)
        layerwise = "random ticket with the ticket's layerwise densities"
        self.sheet.add(
            f"Layerwise densities of a ticket are worth something without the ticket, {densities}",
            SOURCE,
            f"{self.effect(layerwise, 'globally random one')}{averaged}",
            self.gain((RANDOM_LAYERWISE, self.target), (RANDOM, self.target), levels),
        )

    def claim_beats_random(self, source: str) -> None:
        """Claim that all tickets are far above random ones from a tenth of the weights on."""
        levels = few_weights(self.target_tickets())
        densities, averaged = self.conditions(levels)
        self.sheet.add(
            f"A ticket found on {source} is better than a random ticket, {densities}",
            SOURCE,
            f"{self.effect(f'ticket of {source}', 'globally random ticket')}{averaged}",
            self.gain((TICKET, source), (RANDOM, self.target), levels),
        )

    def claim_matches(self, source: str, config: Config) -> None:
        """Claim that tickets of the other half of the examples, or of another optimizer, match the target ticket."""
        sentence = ALIKE.get(difference(config, source, self.target))
        if sentence is None:
            return
        levels = few_weights(self.target_tickets())[:1]
        densities, _ = self.conditions(levels)
        self.sheet.match(
            f"{sentence} (within {self.sheet.metric.tolerance}), {densities}",
            f"{SOURCE}; what matches: Frankle et al. 2020",
            self.effect(f"ticket of {source}", "target ticket"),
            self.gain((TICKET, source), (TICKET, self.target), levels),
        )


def overlap_claims(rows: pd.DataFrame, sheet: ClaimSheet, other: str) -> list[Claim]:
    """Claim that the masks of two tasks share more than by chance; claim nothing if no layer has one shape in both."""
    if rows.empty:
        return []
    overlaps = indices(rows[rows["level"].isin(few_weights(rows))], ["level", "density", "seed"])
    excess = (overlaps["jaccard"] - overlaps["jaccard_by_chance"]).groupby(overlaps["seed"]).agg(strict_mean)
    sheet.add(
        f"Tickets of {sheet.task} and {other} keep the same weights more often than by chance, "
        f"{with_weights(*overlaps['density'].unique())}",
        "Beyond the paper",
        "Jaccard index of both masks minus its value by chance under the layerwise counts",
        excess,
        unit="Jaccard index",
    )
    return sheet.claims
