"""The claims of Renda et al. 2020 (arXiv 2003.02389), tested per task on the table of measurements.

Every effect is one number per seed. A technique is compared at the budget t that is best by validation accuracy at that
level, the same for all seeds; weight rewinding at the best t below T, since with t = T it goes back to initialization.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.measurements import nearest_level
from lth_core.studies.renda2020.study import (
    FINE_TUNING,
    ITERATIVE,
    ONE_SHOT,
    POLICIES,
    RATE_REWINDING,
    REINIT,
    WEIGHT_REWINDING,
)
from lth_core.studies.renda2020.view import MATCHING, View

POINTS = "percentage points"
LOSSLESS_DENSITY = 0.168
"""The density (5.96 times fewer weights) down to which the proposed algorithm is lossless on ResNet-20 (section 5)."""


def claims(view: View, granularity: str) -> list[Claim]:
    """All claims about one task; `granularity` is that of its method: weight or filter."""
    sparsest, densest = view.levels[-1], view.levels[0]
    found = []
    for pruning in (ONE_SHOT, ITERATIVE):
        about = Comparison(view, pruning)
        found += [*about.techniques(sparsest), *about.tie(densest), *about.budgets(sparsest)]
    about = Comparison(view, ONE_SHOT)
    return [*found, *about.reinit(sparsest, granularity), *about.proposed(sparsest, granularity)]


@dataclass(frozen=True)
class Comparison:
    """The claims about one way of pruning."""

    view: View
    pruning: str

    def best(self, technique: str, level: int) -> tuple[int, pd.Series]:
        """The best budget of a technique and what it leaves, by seed."""
        budgets = self.view.budgets(self.pruning)
        if technique == WEIGHT_REWINDING:
            budgets = [budget for budget in budgets if budget < self.view.full] or budgets
        budget = self.view.best(self.pruning, technique, level, budgets)
        return budget, self.view.values(self.pruning, technique, level, budget)

    def validation(self, level: int) -> dict[str, pd.Series]:
        """Validation accuracy of every technique at its best budget, by seed."""
        found = {}
        for technique in POLICIES:
            budget, _ = self.best(technique, level)
            found[technique] = self.view.values(self.pruning, technique, level, budget, "validation_accuracy")
        return found

    def claim(
        self, sentence: str, section: str, effect: str, values: pd.Series, level: int, margin: float = 0.0
    ) -> Claim:
        """Judge one value of the effect per seed."""
        return evaluate_claim(
            values.to_numpy(),
            study="renda2020",
            task=self.view.task,
            claim=f"{sentence}, with {100 * self.view.density(level):.1f}% of the weights.",
            source=f"Renda et al. 2020, {section}",
            effect=effect,
            unit=POINTS,
            margin=margin,
        )

    def techniques(self, level: int) -> list[Claim]:
        """Section 4: at high compression both forms of rewinding beat fine-tuning, and equal one another."""
        (fine_t, fine), (weight_t, weight), (rate_t, rate) = (
            self.best(technique, level) for technique in (FINE_TUNING, WEIGHT_REWINDING, RATE_REWINDING)
        )
        after = f"after {self.pruning} pruning"
        chosen = "each at its best t by validation accuracy"
        return [
            self.claim(
                f"Learning-rate rewinding is more accurate than fine-tuning {after}",
                "section 4",
                f"test accuracy, learning-rate rewinding (t={rate_t}) minus fine-tuning (t={fine_t}), {chosen}",
                rate - fine,
                level,
            ),
            self.claim(
                f"Weight rewinding is more accurate than fine-tuning {after}",
                "section 4",
                f"test accuracy, weight rewinding (t={weight_t}) minus fine-tuning (t={fine_t}), {chosen}",
                weight - fine,
                level,
            ),
            self.claim(
                f"Learning-rate rewinding matches weight rewinding {after}",
                "section 4",
                f"test accuracy, learning-rate rewinding (t={rate_t}) minus weight rewinding (t={weight_t}), {chosen}",
                rate - weight,
                level,
                margin=-MATCHING,
            ),
        ]

    def tie(self, level: int) -> list[Claim]:
        """Section 4: at low compression fine-tuning is as good as rewinding."""
        (fine_t, fine), (rate_t, rate) = (self.best(technique, level) for technique in (FINE_TUNING, RATE_REWINDING))
        effect = f"test accuracy, fine-tuning (t={fine_t}) minus learning-rate rewinding (t={rate_t}), each at its best"
        sentence = f"At low compression fine-tuning matches learning-rate rewinding after {self.pruning} pruning"
        return [self.claim(sentence, "section 4", effect, fine - rate, level, margin=-MATCHING)]

    def budgets(self, level: int) -> list[Claim]:
        """Section 4: more retraining helps what keeps trained weights; weights cannot be rewound all the way."""
        shortest, full = self.view.budgets(self.pruning)[0], self.view.full
        after, found = f"after {self.pruning} pruning", []

        def at(technique: str, budget: int) -> pd.Series:
            return self.view.values(self.pruning, technique, level, budget)

        if shortest < full:
            for technique, name in ((RATE_REWINDING, "learning-rate rewinding"), (FINE_TUNING, "fine-tuning")):
                sentence = f"Longer retraining makes {name} more accurate {after}"
                effect = f"test accuracy of {name}, t={full} minus t={shortest}"
                gain = at(technique, full) - at(technique, shortest)
                found.append(self.claim(sentence, "section 4", effect, gain, level))
            best, mid = self.best(WEIGHT_REWINDING, level)
            sentence = f"Rewinding weights to initialization is worse than rewinding them to a later step {after}"
            effect = f"test accuracy of weight rewinding, t={best} (best below T by validation accuracy) minus t={full}"
            found.append(self.claim(sentence, "section 4", effect, mid - at(WEIGHT_REWINDING, full), level))
        sentence = f"With the full budget, learning-rate rewinding is more accurate than weight rewinding {after}"
        effect = f"test accuracy, learning-rate rewinding minus weight rewinding, both t={full}"
        gap = at(RATE_REWINDING, full) - at(WEIGHT_REWINDING, full)
        return [*found, self.claim(sentence, "section 4", effect, gap, level)]

    def reinit(self, level: int, granularity: str) -> list[Claim]:
        """Section 4: a new initialization is the worst choice for pruned weights, but not for pruned filters."""
        fine_t, fine = self.best(FINE_TUNING, level)
        reinit = self.view.values(ONE_SHOT, REINIT, level, self.view.full)
        if granularity == "filter":
            sentence = "Networks without the pruned filters, reinitialized, match fine-tuned ones"
            effect = f"test accuracy, reinitialized (t={self.view.full}) minus fine-tuning (t={fine_t})"
            return [self.claim(sentence, "section 4", effect, reinit - fine, level, margin=-MATCHING)]
        worst = best({technique: -accuracy for technique, accuracy in self.validation(level).items()})
        worst_t, accuracy = self.best(worst, level)
        sentence = "Reinitialized networks are worse than those of any technique after one-shot pruning"
        effect = f"test accuracy, {worst} (t={worst_t}; the worst technique by validation accuracy) minus reinitialized"
        return [self.claim(sentence, "section 4", effect, accuracy - reinit, level)]

    def proposed(self, level: int, granularity: str) -> list[Claim]:
        """Section 5: iterative learning-rate rewinding with the full budget."""
        view, full = self.view, self.view.full
        rival = best(self.validation(level))
        rival_t, accuracy = self.best(rival, level)
        gain = view.values(ITERATIVE, RATE_REWINDING, level, full) - accuracy
        sentence = "Iterative learning-rate rewinding with the full budget is more accurate than one-shot pruning"
        effect = f"test accuracy, proposed algorithm minus one-shot {rival} (t={rival_t}), best by validation"
        found = [self.claim(sentence, "section 5", effect, gain, level)]
        chain = view.rows(ITERATIVE, RATE_REWINDING, budget=full)
        if granularity == "weight" and (there := nearest_level(chain, LOSSLESS_DENSITY)):
            sentence = "Iterative learning-rate rewinding with the full budget matches the dense network"
            delta = view.values(ITERATIVE, RATE_REWINDING, there, full)
            effect = "test accuracy, proposed algorithm minus dense"
            found.append(self.claim(sentence, "section 5", effect, delta, there, margin=-MATCHING))
        return found
