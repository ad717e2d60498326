"""The claims of Renda et al. 2020 (arXiv 2003.02389), tested per task on the table of measurements.

Every effect is one number per seed. A technique is compared at the budget t that is best by the validation metric at
that level, the same for all seeds; weight rewinding at the best t below T, since with t = T it goes back to
initialization.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import nearest_level
from lth_core.config import Config
from lth_core.studies.captions import better, makes_better
from lth_core.studies.claim_sheet import ClaimSheet, with_weights
from lth_core.studies.renda2020.study import (
    FINE_TUNING,
    ITERATIVE,
    ONE_SHOT,
    POLICIES,
    RATE_REWINDING,
    REINIT,
    WEIGHT_REWINDING,
    Design,
)
from lth_core.studies.renda2020.view import View

TECHNIQUES = "Renda et al. 2020, section 4"
PROPOSED = "Renda et al. 2020, section 5"
LOW_COMPRESSION = 0.5
"""The density from which on all techniques tie: with 21% of ResNet-20's weights, fine-tuning is 1.1 points worse."""
LOSSLESS_DENSITY = 0.168
"""The density (5.96 times fewer weights) down to which the proposed algorithm is lossless on ResNet-20 (section 5)."""


def claims(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test all claims about one task."""
    view = View.of(study, config, task, tables["measurements"])
    sheet = ClaimSheet("renda2020", task, view.metric)
    granularity = config.methods[study.tasks[task]].granularity
    densest, sparsest = study.levels[0], study.levels[-1]
    for pruning in (ONE_SHOT, ITERATIVE):
        comparison = PruningClaims(sheet, view, pruning)
        comparison.claim_techniques(sparsest)
        comparison.claim_tie(densest)
        comparison.claim_budgets(sparsest)
    one_shot = PruningClaims(sheet, view, ONE_SHOT)
    one_shot.claim_reinit(sparsest, granularity)
    one_shot.claim_proposed(sparsest, granularity)
    return sheet.claims


@dataclass(frozen=True)
class PruningClaims:
    """Claims about one kind of pruning. Effects are gains in the test metric, in its unit."""

    sheet: ClaimSheet
    view: View
    pruning: str

    @property
    def label(self) -> str:
        """Return the name of the metric."""
        return self.sheet.metric.label

    def better(self, technique: str, other: str) -> str:
        """Say that networks do better after one technique than after another."""
        return f"{technique} {better(self.sheet.metric, 'is')} than {other}"

    def effect(self, first: str, second: str) -> str:
        """Name how much better the first networks are in the test, for effects."""
        return f"test {self.label}, {self.sheet.metric.minus(first, second)}"

    def best(self, technique: str, level: int) -> tuple[int, pd.Series]:
        """Return the best budget of a technique and its gain over dense in the test, by seed."""
        budgets = self.view.budgets(self.pruning)
        if technique == WEIGHT_REWINDING:
            budgets = [budget for budget in budgets if budget < self.view.full] or budgets
        budget = self.view.best(self.pruning, technique, level, budgets)
        return budget, self.view.values(self.pruning, technique, level, budget)

    def validation(self, level: int) -> dict[str, pd.Series]:
        """Return the validation metric of every technique at its best budget, by seed."""
        by_technique = {}
        for technique in POLICIES:
            budget, _ = self.best(technique, level)
            by_technique[technique] = self.view.values(self.pruning, technique, level, budget, "validation_metric")
        return by_technique

    def at_level(self, sentence: str, level: int) -> str:
        """Add the density of a level to a sentence."""
        return f"{sentence}, {with_weights(self.view.density(level))}"

    def claim_techniques(self, level: int) -> None:
        """Claim that at high compression both kinds of rewinding beat fine-tuning, and match each other (section 4)."""
        self.sheet.read_from("measurements", "delta-density")
        (fine_t, fine), (weight_t, weight), (rate_t, rate) = (
            self.best(technique, level) for technique in (FINE_TUNING, WEIGHT_REWINDING, RATE_REWINDING)
        )
        rewound_rate, rewound = f"learning-rate rewinding (t={rate_t})", f"weight rewinding (t={weight_t})"
        fine_tuned, after = f"fine-tuning (t={fine_t})", f"after {self.pruning} pruning"
        chosen = f"each at its best t by validation {self.label}"
        self.sheet.add(
            self.at_level(f"{self.better('Learning-rate rewinding', 'fine-tuning')} {after}", level),
            TECHNIQUES,
            f"{self.effect(rewound_rate, fine_tuned)}, {chosen}",
            rate - fine,
        )
        self.sheet.add(
            self.at_level(f"{self.better('Weight rewinding', 'fine-tuning')} {after}", level),
            TECHNIQUES,
            f"{self.effect(rewound, fine_tuned)}, {chosen}",
            weight - fine,
        )
        self.sheet.match(
            self.at_level(f"Learning-rate rewinding matches weight rewinding {after}", level),
            TECHNIQUES,
            f"{self.effect(rewound_rate, rewound)}, {chosen}",
            rate - weight,
        )

    def claim_tie(self, level: int) -> None:
        """Claim that at low compression fine-tuning is as good as rewinding (section 4)."""
        if self.view.density(level) < LOW_COMPRESSION:
            return
        self.sheet.read_from("measurements", "delta-density")
        (fine_t, fine), (rate_t, rate) = (self.best(technique, level) for technique in (FINE_TUNING, RATE_REWINDING))
        sentence = f"At low compression fine-tuning matches learning-rate rewinding after {self.pruning} pruning"
        self.sheet.match(
            self.at_level(sentence, level),
            TECHNIQUES,
            f"{self.effect(f'fine-tuning (t={fine_t})', f'learning-rate rewinding (t={rate_t})')}, each at its best",
            fine - rate,
        )

    def claim_budgets(self, level: int) -> None:
        """Claim that longer retraining helps trained weights, and that rewinding to the start harms (section 4)."""
        self.sheet.read_from("measurements", "delta-budget")
        shortest, full = self.view.budgets(self.pruning)[0], self.view.full
        after = f"after {self.pruning} pruning"

        def at(technique: str, budget: int) -> pd.Series:
            return self.view.values(self.pruning, technique, level, budget)

        if shortest < full:
            for technique, label in ((RATE_REWINDING, "learning-rate rewinding"), (FINE_TUNING, "fine-tuning")):
                self.sheet.add(
                    self.at_level(f"Longer retraining {makes_better(self.sheet.metric, label)} {after}", level),
                    TECHNIQUES,
                    f"test {self.label} of {label}, {self.sheet.metric.minus(f't={full}', f't={shortest}')}",
                    at(technique, full) - at(technique, shortest),
                )
            later_t, later = self.best(WEIGHT_REWINDING, level)
            best_later = f"t={later_t} (best below T by validation {self.label})"
            sentence = f"Rewinding weights to initialization is worse than rewinding them to a later step {after}"
            self.sheet.add(
                self.at_level(sentence, level),
                f"{TECHNIQUES}, on deep networks with batch norm",
                f"test {self.label} of weight rewinding, {self.sheet.metric.minus(best_later, f't={full}')}",
                later - at(WEIGHT_REWINDING, full),
            )
        sentence = f"With the full budget, {self.better('learning-rate rewinding', 'weight rewinding')} {after}"
        self.sheet.add(
            self.at_level(sentence, level),
            TECHNIQUES,
            f"{self.effect('learning-rate rewinding', 'weight rewinding')}, both t={full}",
            at(RATE_REWINDING, full) - at(WEIGHT_REWINDING, full),
        )

    def claim_reinit(self, level: int, granularity: str) -> None:
        """Claim that reinitializing is the worst choice for pruned weights, but not for pruned filters (section 4).

        The paper has no other masks.
        """
        self.sheet.read_from("measurements", "delta-density")
        reinit = self.view.values(ONE_SHOT, REINIT, level, self.view.full)
        if granularity in ("n-of-m", "block"):
            return
        if granularity != "weight":
            fine_t, fine = self.best(FINE_TUNING, level)
            self.sheet.match(
                self.at_level("Networks without the pruned filters, reinitialized, match fine-tuned ones", level),
                TECHNIQUES,
                self.effect(f"reinitialized (t={self.view.full})", f"fine-tuning (t={fine_t})"),
                reinit - fine,
            )
            return
        worst = best({technique: -values for technique, values in self.validation(level).items()}, self.sheet.metric)
        worst_t, gain = self.best(worst, level)
        sentence = "Reinitialized networks are worse than those of any technique after one-shot pruning"
        self.sheet.add(
            self.at_level(sentence, level),
            TECHNIQUES,
            self.effect(f"{worst} (t={worst_t}; the worst technique by validation {self.label})", "reinitialized"),
            gain - reinit,
        )

    def claim_proposed(self, level: int, granularity: str) -> None:
        """Claim what the paper's algorithm reaches: iterative learning-rate rewinding, full budget (section 5)."""
        self.sheet.read_from("measurements", "delta-density")
        view, full = self.view, self.view.full
        proposed = "Iterative learning-rate rewinding with the full budget"
        rival = best(self.validation(level), self.sheet.metric)
        rival_t, gain = self.best(rival, level)
        self.sheet.add(
            self.at_level(self.better(proposed, "one-shot pruning"), level),
            PROPOSED,
            f"{self.effect('proposed algorithm', f'one-shot {rival} (t={rival_t})')}, best by validation",
            view.values(ITERATIVE, RATE_REWINDING, level, full) - gain,
        )
        lossless = nearest_level(view.rows(ITERATIVE, RATE_REWINDING, budget=full), LOSSLESS_DENSITY)
        if granularity == "weight" and lossless:
            self.sheet.match(
                self.at_level(f"{proposed} matches the dense network", lossless),
                PROPOSED,
                self.effect("proposed algorithm", "dense"),
                view.values(ITERATIVE, RATE_REWINDING, lossless, full),
            )
