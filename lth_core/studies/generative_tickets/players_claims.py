"""The claims about GANs, whose images a classifier judges, and about generators that pass between tasks.

A Fréchet distance is not compared with those of papers, only between networks of one task (protocol: ordering alone).
Where a claim speaks of the spread of seeds, that is the standard deviation of the dense networks' distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import level_densities, nearest_level, per_seed, seed_means, select_dense
from lth_core.config import Config
from lth_core.studies.claim_sheet import with_weights
from lth_core.studies.generative_tickets.claims import MATCHING, NEAR, NOUNS, SPARSE, TaskClaims
from lth_core.studies.generative_tickets.players import Players, transferred
from lth_core.studies.generative_tickets.study import RANDOM, REINIT
from lth_core.studies.judges import ACCURACY, why_unfit

CHEN, KALIBHAT = "Chen et al. 2021", "Kalibhat et al. 2021"
DENSEST = 0.3
"""The density at which Chen et al. find tickets that match: 26% to 33% of a generator's weights."""
DISTANCE, UNIT = "Fréchet distance of drawn images to test images", "points of Fréchet distance"


def claims(study: Players, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test the claims about every task; a GAN has those of its judged images."""
    made = []
    for task in study.tasks:
        kind = GanClaims if task in study.gans(config) else TransferClaims
        sheet = kind(study, config, tables, task)
        sheet.fill()
        made += sheet.sheet.claims
    return made


@dataclass(frozen=True)
class TransferClaims(TaskClaims):
    """Collects the claims about one task, with those of another task's tickets."""

    study: Players

    def fill(self) -> None:
        """Add all claims about the task."""
        super().fill()
        self.sheet.read_from("measurements", "transfer")
        self.of_transfer("metric", "measurements")

    def of_transfer(self, quantity: str, table: str) -> None:
        """Claim that another task's tickets of the generator are better than random masks of their counts."""
        source = self.study.transfers.get(self.task)
        if source is None:
            return
        method, names = self.study.tasks[source], transferred(source)
        rows = {name: self.rows(name, method, table) for name in names}
        levels = (nearest_level(rows[names[0]], density, within=NEAR) for density in (MATCHING, SPARSE))
        for level in dict.fromkeys(levels):
            if level is None:
                continue
            given, random = (per_seed(rows[name], quantity)[level] for name in names)
            pruned = with_weights(level_densities(rows[names[0]])[level], of="the generator's weights")
            sentence = f"Tickets of the generator of '{source}' are better than random masks, {pruned}"
            if table == "judged":
                effect = f"{DISTANCE}, random mask minus transferred ticket"
                self.sheet.add(sentence, KALIBHAT, effect, random - given, unit=UNIT)
            else:
                effect = f"{self.label}, {self.metric.minus('transferred ticket', 'random mask')}"
                self.sheet.add(sentence, KALIBHAT, effect, self.metric.gain(given, random))


@dataclass(frozen=True)
class GanClaims(TransferClaims):
    """Collects the claims about one GAN, by what a judge says of its images."""

    shows_distances = "samples"

    def fill(self) -> None:
        """Add all claims about the task; without a judge that is fit all but the first are not measured."""
        self.of_images()
        accuracy = float(self.of_task("judged")[ACCURACY].iloc[0])
        self.sheet.unmeasured_because = why_unfit(self.config, self.task, accuracy)
        self.sheet.read_from("judged", "tickets")
        self.against_dense()
        self.against_random()
        self.against_reinit()
        self.of_classes()
        self.sheet.read_from("judged", "players")
        self.of_both_players()
        self.of_discriminators()
        self.sheet.read_from("judged", "transfer")
        self.of_transfer("frechet_distance", "judged")

    def at(self, level: int) -> str:
        """Say what part of the weights tickets of a level have: of those of the generator, where it is pruned alone."""
        of = "the generator's weights" if self.study.prunes_generator_alone(self.config, self.task) else "the weights"
        return with_weights(level_densities(self.rows())[level], of=of)

    @property
    def dense_distances(self) -> pd.Series:
        """Return the distance of every seed's dense network."""
        return seed_means(select_dense(self.tables["judged"], self.task), "frechet_distance")

    @property
    def seed_spread(self) -> float:
        """Return the standard deviation of the dense networks' distances; nan where fewer than two are known."""
        return float(self.dense_distances.std())

    def distances(self, level: int, branch: str = "ticket", method: str | None = None) -> pd.Series:
        """Return the distance of every seed's network at a level."""
        return per_seed(self.rows(branch, method, "judged"), "frechet_distance")[level]

    def nearer(
        self,
        sentence: str,
        source: str,
        names: tuple[str, str],
        gain: pd.Series,
        margin: float = 0.0,
        controls: Mapping[str, pd.Series] | None = None,
    ) -> None:
        """Claim that images of the first of two networks are nearer to test images than those of the second."""
        effect = f"{DISTANCE}, {names[1]} minus {names[0]}"
        self.sheet.add(sentence, source, effect, gain, unit=UNIT, margin=margin, controls=controls)

    # ------------------------------------------------------------ claims

    def against_dense(self) -> None:
        """Claim that tickets match the dense network within the spread of seeds."""
        if (level := self.level(DENSEST)) is not None:
            sentence = f"Images of tickets match those of dense networks within the spread of seeds, {self.at(level)}"
            gain = self.dense_distances - self.distances(level)
            controls = {
                NOUNS.get(name, f"branch '{name}'"): self.dense_distances - self.distances(level, name)
                for name in self.study.controls
            }
            self.nearer(sentence, CHEN, ("ticket", "dense"), gain, -self.seed_spread, controls)

    def against_random(self) -> None:
        """Claim that tickets are better than random masks at high sparsity, by more than the spread of seeds."""
        for level in dict.fromkeys(map(self.level, (MATCHING, SPARSE))):
            if level is not None and RANDOM in self.study.controls:
                sentence = "Images of tickets are nearer to real ones than those of random masks"
                gain = self.distances(level, RANDOM) - self.distances(level)
                spread = f"{sentence} by more than the spread of seeds, {self.at(level)}"
                self.nearer(spread, CHEN, ("ticket", "random mask"), gain, self.seed_spread)

    def against_reinit(self) -> None:
        """Claim that tickets are better than their masks on fresh weights."""
        level = self.level(SPARSE)
        if level is not None and REINIT in self.study.controls:
            sentence = "Images of tickets are nearer to real ones than those of their masks on fresh weights"
            gain = self.distances(level, REINIT) - self.distances(level)
            self.nearer(f"{sentence}, {self.at(level)}", CHEN, ("ticket", "mask on fresh weights"), gain)

    def of_classes(self) -> None:
        """Claim that images of tickets spread over more classes than those of random masks."""
        level = self.level(SPARSE)
        if level is not None and RANDOM in self.study.controls:
            ticket, random = (
                per_seed(self.rows(branch, table="judged"), "entropy")[level] for branch in ("ticket", RANDOM)
            )
            sentence = "Images of tickets are spread more evenly over the classes than those of random masks"
            self.sheet.add(
                f"{sentence}, {self.at(level)}",
                CHEN,
                "entropy of the classes that the judge sees, ticket minus random mask",
                ticket - random,
                unit="nats",
            )

    def of_both_players(self) -> None:
        """Claim that it costs little to prune the discriminator, too."""
        method, level = self.study.both.get(self.task), self.level(SPARSE)
        if method and level is not None:
            gain = self.distances(level) - self.distances(level, method=method)
            sentence = f"Pruning the discriminator, too, costs no more than the spread of seeds, {self.at(level)}"
            self.nearer(sentence, CHEN, ("both players pruned", "generator alone"), gain, -self.seed_spread)

    def of_discriminators(self) -> None:
        """Claim that a trained discriminator helps a pruned generator, and that a fresh one is worse than theta_0's."""
        for level in self.study.discriminator_levels[-1:]:
            trained, fresh = (self.distances(level, f"discriminator-{start}") for start in ("trained", "fresh"))
            ticket, pruned = self.distances(level), self.at(level)
            sentence = f"Images of tickets are nearer to real ones if the discriminator starts trained, {pruned}"
            self.nearer(sentence, CHEN, ("trained", "theta_0"), ticket - trained)
            sentence = f"Images of tickets are farther from real ones if the discriminator starts afresh, {pruned}"
            self.nearer(sentence, CHEN, ("theta_0", "fresh"), fresh - ticket)
