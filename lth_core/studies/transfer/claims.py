"""The claims of Morcos et al. 2019 (arXiv 1906.02773) on the tables of the transfer study.

Every effect is one number per seed, paired within the seed (draws are averaged). Claims are made where few weights are
left: at about a tenth of the weights, or where no such level was measured at the fewest that were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.measurements import MATCHING, nearest_level
from lth_core.analysis.overlap import indices
from lth_core.config import Config
from lth_core.studies.transfer.groups import HALVES, OPTIMIZER, difference

if TYPE_CHECKING:
    from lth_core.studies.transfer.study import Transfer

TENTH = 0.1
"""The density from which on the paper finds all tickets far above random ones."""
SOURCE = "Morcos et al. 2019"


def claims(study: Transfer, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """All claims; what two groups share is claimed once."""
    accuracy, overlap = tables["accuracy"], tables["overlap"]
    found = []
    for group, members in study.groups.items():
        for target in members:
            about = Target(accuracy[(accuracy["group"] == group) & (accuracy["target"] == target)], target)
            found += [about.layerwise_densities()] if study.finds_densities(config, group) else []
            for source in members:
                if source != target:
                    found += [about.beats_random(source), *about.close_to_own(source, config)]
        for task, other in study.pairs(members):
            found += _overlap(overlap[(overlap["task"] == task) & (overlap["other"] == other)], task, other)
    return list(dict.fromkeys(found))


def few_weights(rows: pd.DataFrame) -> list[int]:
    """The levels from the one nearest to a tenth of the weights on; the last one if none is near a tenth or below."""
    densities = rows.groupby("level")["density"].mean()
    tenth = nearest_level(rows, TENTH)
    below = [int(level) for level, density in densities.items() if density < TENTH or level == tenth]
    return below or [int(densities.index.max())]


def _percent(densities: Sequence[float]) -> str:
    first, last = (f"{100 * density:.1f}%" for density in (max(densities), min(densities)))
    return first if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class Target:
    """The claims about what is trained on one target, from its rows of the table in one group."""

    rows: pd.DataFrame
    target: str

    def tickets(self) -> pd.DataFrame:
        return self.rows[(self.rows["network"] == "ticket") & (self.rows["source"] == self.target)]

    def values(self, network: str, source: str, levels: Sequence[int]) -> pd.Series:
        """Final test accuracy by seed, averaged over levels, in percent; nan where a replicate diverged."""
        rows = self.rows[(self.rows["network"] == network) & (self.rows["source"] == source)]
        rows = rows[rows["level"].isin(levels)]
        levels_of_seed = rows.groupby(["seed", "level"])["accuracy"].agg(lambda draws: draws.mean(skipna=False))
        return 100 * levels_of_seed.groupby("seed").agg(lambda means: means.mean(skipna=False))

    def claim(
        self,
        sentence: str,
        effect: str,
        first: tuple[str, str],
        second: tuple[str, str],
        levels: Sequence[int],
        source: str = SOURCE,
        margin: float = 0.0,
    ) -> Claim:
        """Judge the difference in accuracy between two networks, each given as network and source."""
        own = self.tickets()
        where = _percent(list(own.loc[own["level"].isin(levels)].groupby("level")["density"].mean()))
        averaged = f", averaged over {len(levels)} levels" if len(levels) > 1 else ""
        return evaluate_claim(
            (self.values(*first, levels) - self.values(*second, levels)).to_numpy(),
            study="transfer",
            task=self.target,
            claim=f"{sentence}, with {where} of the weights.",
            source=source,
            effect=f"test accuracy, {effect}{averaged}",
            unit="percentage points",
            margin=margin,
        )

    def layerwise_densities(self) -> Claim:
        """Why the paper's random tickets do not keep them."""
        return self.claim(
            "Layerwise densities of a ticket are worth something without the ticket",
            "random ticket with the ticket's layerwise densities minus globally random ticket",
            ("random-mask-reinit", self.target),
            ("random-ticket", self.target),
            few_weights(self.tickets()),
        )

    def beats_random(self, source: str) -> Claim:
        """All tickets are far above random ones at a tenth of the weights and fewer."""
        return self.claim(
            f"A ticket found on {source} is better than a random ticket",
            f"ticket of {source} minus globally random ticket",
            ("ticket", source),
            ("random-ticket", self.target),
            few_weights(self.tickets()),
        )

    def close_to_own(self, source: str, config: Config) -> list[Claim]:
        """Tickets of the other half of the examples, or of another optimizer, match the own one."""
        sentences = {
            HALVES: "A ticket found on the other half of the examples matches the own ticket",
            OPTIMIZER: "A ticket found with another optimizer matches the own ticket",
        }
        sentence = sentences.get(difference(config, source, self.target))
        if sentence is None:
            return []
        return [
            self.claim(
                f"{sentence} (within {100 * MATCHING:g} points)",
                f"ticket of {source} minus own ticket",
                ("ticket", source),
                ("ticket", self.target),
                few_weights(self.tickets())[:1],
                f"{SOURCE}; what matches: Frankle et al. 2020",
                -100 * MATCHING,
            )
        ]


def _overlap(rows: pd.DataFrame, task: str, other: str) -> list[Claim]:
    """The masks of two tasks have more in common than chance; no claim where no layer has one shape in both."""
    if rows.empty:
        return []
    levels = few_weights(rows)
    found = indices(rows[rows["level"].isin(levels)], ["level", "density", "seed"])
    excess = (found["jaccard"] - found["jaccard_by_chance"]).groupby(found["seed"])
    excess = excess.agg(lambda levels: levels.mean(skipna=False))
    return [
        evaluate_claim(
            excess.to_numpy(),
            study="transfer",
            task=task,
            claim=f"Tickets of {task} and {other} keep the same weights more often than by chance, with "
            f"{_percent(list(found['density'].unique()))} of the weights.",
            source="Beyond the paper",
            effect="Jaccard index of both masks minus its value by chance under the layerwise counts",
            unit="Jaccard index",
        )
    ]
