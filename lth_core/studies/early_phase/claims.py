"""The claims of Frankle, Schwab & Morcos 2020 (arXiv 2002.10365), per task, rewind step k and level.

Every effect is one number per seed (draws are averaged within their seed). The paper's networks are deep and have batch
norm (ResNet-20 above all). Of shallow ones Zhou et al. 2019 find that signs are what matters; both are tested on every
network. That one treatment is no better than another is tested with the tolerance within which networks match.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.measurements import MATCHING
from lth_core.studies.captions import listing
from lth_core.studies.early_phase.study import RESET, TICKET, noise_name
from lth_core.studies.early_phase.tables import by_seed, correlation, noted_level

if TYPE_CHECKING:
    from lth_core.studies.early_phase.study import EarlyPhase

PAPER = "Frankle, Schwab & Morcos 2020"
PERTURBATIONS = f"{PAPER}, perturbations"
POINTS = "percentage points"
NO_WORSE = -100 * MATCHING
TOLERANCE = f"{-NO_WORSE:g} points"
"""Margin of claims that one network is no worse, or no better, than another."""
HARMLESS = 0.5
"""Noise, in standard deviations of the initialization, that the paper finds nearly harmless."""
EARLY_STEPS = 10
"""The first steps, whose gradients the paper finds very large."""

SIGNS_ONLY = ("signs-start-magnitudes-initial", "signs-start-magnitudes-fresh")
SIGNS, MAGNITUDES = "signs-start-magnitudes-initial", "signs-initial-magnitudes-start"
SHUFFLES = ("shuffle-network", "shuffle-layer", "shuffle-filter")
SIGNED_SHUFFLES = tuple(f"{name}-keep-signs" for name in SHUFFLES)
KINDS = {"random-labels": "random labels", "rotation": "rotations", "blur": "blurred images"}


def claims(study: EarlyPhase, task: str, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """All claims about one task."""
    measurements, pretraining, telemetry = (
        tables[name][tables[name]["task"] == task] for name in ("measurements", "pretraining", "telemetry")
    )
    found = telemetry_claims(task, telemetry)
    noted = noted_level(measurements)
    for k in study.rewind_steps:
        for level in study.levels:
            here = [rows[(rows["k"] == k) & (rows["level"] == level)] for rows in (measurements, pretraining)]
            about = TicketClaims(task, k, *here)
            found += [*about.of_signs(), *about.of_shuffles(), *about.of_noise(study.noise)]
            found += [about.of_effective_std()] if level == noted else []
            if study.pretraining_steps:
                found += about.of_pretraining(study)
    return found


# ---------------------------------------------------------------- telemetry


def telemetry_claims(task: str, telemetry: pd.DataFrame) -> list[Claim]:
    """What the first steps of dense training look like."""
    changes, cosine, gradient = (
        telemetry[telemetry["quantity"] == name].pivot(index="seed", columns="step", values="value")
        for name in ("sign_changes", "cosine_to_initial", "gradient_norm")
    )
    last = int(telemetry["step"].max())
    middle = min(changes.columns, key=lambda step: abs(step - last / 2))

    def claim(sentence: str, effect: str, values: pd.Series, unit: str, margin: float = 0.0) -> Claim:
        sentence = f"{sentence} (first {last} steps of dense training)."
        return _judge(task, sentence, f"{PAPER}, telemetry", effect, values, unit, margin)

    slowing = changes[middle] / middle - (changes[last] - changes[middle]) / (last - middle)
    first = gradient.loc[:, : EARLY_STEPS - 1].mean(axis=1, skipna=False)
    later = gradient.loc[:, middle:].mean(axis=1, skipna=False)
    return [
        claim(
            "Weights change sign faster at first than later",
            f"changed signs per 100 steps, steps 0 to {middle} minus steps {middle} to {last}",
            100 * 100 * slowing,
            "% of the weights",
        ),
        claim(
            "Weights keep turning away from initialization",
            f"cosine to initialization, step {middle} minus step {last}",
            cosine[middle] - cosine[last],
            "cosine",
        ),
        claim(
            "The gradient is largest at the very start",
            f"gradient norm, mean of steps 0 to {EARLY_STEPS - 1} divided by mean of the logged steps from {middle} on",
            first / later,
            "times",
            1.0,
        ),
    ]


# ---------------------------------------------------------------- tickets


@dataclass(frozen=True)
class TicketClaims:
    """The claims at one rewind step and level."""

    task: str
    k: int
    measurements: pd.DataFrame
    pretraining: pd.DataFrame

    def accuracy(self, *networks: str) -> pd.Series:
        """Test accuracy by seed in percent, averaged over networks; nan where one of them diverged."""
        rows = self.measurements
        by_network = [by_seed(rows[rows["network"] == network]) for network in networks]
        return 100 * sum(by_network) / len(by_network)

    def pretrained(self, kind: str) -> pd.Series:
        """Test accuracy by seed in percent after a kind of pretraining, averaged over its lengths and networks."""
        rows = self.pretraining[self.pretraining["pretraining"] == kind]
        by_setting = [by_seed(setting) for _, setting in rows.groupby(["network", "steps"])]
        return 100 * sum(by_setting) / len(by_setting)

    def claim(
        self,
        sentence: str,
        effect: str,
        values: pd.Series,
        *,
        margin: float = 0.0,
        source: str = f"{PAPER}, perturbations",
    ) -> Claim:
        """Judge one value of the effect per seed, in percentage points of test accuracy."""
        where = f"rewound to step {self.k}, with {100 * self.measurements['density'].mean():.1f}% of the weights"
        return _judge(self.task, f"{sentence} ({where}).", source, f"test accuracy, {effect}", values, POINTS, margin)

    def of_signs(self) -> list[Claim]:
        """Signs and magnitudes of initialization and of step k."""
        k, ticket, reset = self.k, self.accuracy(TICKET), self.accuracy(RESET)
        signs, magnitudes, only = self.accuracy(SIGNS), self.accuracy(MAGNITUDES), self.accuracy(*SIGNS_ONLY)
        return [
            self.claim("Rewinding beats resetting to initialization", f"k={k} minus k=0", ticket - reset),
            self.claim(
                "Tickets need the signs of step k, not those of initialization",
                f"ticket minus magnitudes of step {k} with signs of step 0",
                ticket - magnitudes,
            ),
            self.claim(
                "Magnitudes of step k with signs of initialization beat the reverse",
                f"magnitudes of step {k} with signs of step 0, minus signs of step {k} with magnitudes of step 0",
                magnitudes - signs,
            ),
            self.claim(
                f"Signs of step k are not enough to come within {TOLERANCE}, as found on deep networks with batch norm",
                f"ticket minus signs of step {k} with other magnitudes (mean of those of step 0 and fresh ones)",
                ticket - only,
                margin=-NO_WORSE,
            ),
            self.claim(
                f"Signs of step k are enough to come within {TOLERANCE}, as found on shallow networks",
                f"signs of step {k} with other magnitudes (mean of those of step 0 and fresh ones) minus ticket",
                only - ticket,
                margin=NO_WORSE,
                source="Zhou et al. 2019",
            ),
        ]

    def of_shuffles(self) -> list[Claim]:
        """Kept values in other places, with and without their signs."""
        plain, signed = self.accuracy(*SHUFFLES), self.accuracy(*SIGNED_SHUFFLES)
        mean = "mean of shuffles within network, layer and filter"
        return [
            self.claim(
                f"Shuffled tickets are not better than reset ones by more than {TOLERANCE}",
                f"k=0 minus shuffled ({mean})",
                self.accuracy(RESET) - plain,
                margin=NO_WORSE,
            ),
            self.claim(
                "Shuffles that keep signs in place harm less",
                f"signs kept minus not kept ({mean})",
                signed - plain,
            ),
            self.claim(
                "Shuffles harm even where signs are kept",
                f"ticket minus shuffled with signs kept ({mean})",
                self.accuracy(TICKET) - signed,
            ),
        ]

    def of_noise(self, scales: list[float]) -> list[Claim]:
        """Gaussian noise in multiples of the standard deviation of the initialization."""
        ticket = self.accuracy(TICKET)
        by_scale = [self.accuracy(noise_name(scale)) for scale in scales]
        found = []
        if HARMLESS in scales:
            difference = by_scale[scales.index(HARMLESS)] - ticket
            sentence = f"Noise of {HARMLESS:g} standard deviations is harmless, within {TOLERANCE}"
            found.append(self.claim(sentence, f"with noise of {HARMLESS:g} minus ticket", difference, margin=NO_WORSE))
        curve = pd.concat([ticket, *by_scale], axis=1)
        x = np.array([0.0, *scales]) - np.mean([0.0, *scales])
        fall = -(curve * x).sum(axis=1, skipna=False) / (x**2).sum()
        effect = f"least-squares fall per standard deviation of noise, from 0 to {scales[-1]:g}"
        return [*found, self.claim("More noise harms more", effect, fall)]

    def of_effective_std(self) -> Claim:
        """One number for all perturbations."""
        density = f"{100 * self.measurements['density'].mean():.1f}% of the weights"
        return _judge(
            self.task,
            f"The farther a perturbation moves the weights, the lower the accuracy (rewound to step {self.k}, with "
            f"{density}).",
            PERTURBATIONS,
            "minus Pearson's correlation, over perturbations, of effective standard deviation and test accuracy",
            -correlation(self.measurements),
            "correlation",
        )

    def of_pretraining(self, study: EarlyPhase) -> list[Claim]:
        """Pretraining helps if it is about images, and random labels help least; mean of all lengths and networks."""
        lengths = listing([str(steps) for steps in study.pretraining_steps])
        of = f"{listing(study.pretrained_networks)}, {lengths} steps"
        gains = {kind: self.pretrained(kind) - self.accuracy(RESET) for kind in KINDS if kind in study.pretraining}
        random, found = gains.pop("random-labels", None), []
        if random is not None:
            sentence = f"Pretraining on random labels is not better than resetting by more than {TOLERANCE}"
            effect = f"k=0 minus pretrained ({of})"
            found.append(self._of_pretraining(sentence, effect, -random, NO_WORSE))
        for kind, gain in gains.items():
            effect = f"pretrained minus k=0 ({of})"
            found.append(self._of_pretraining(f"Pretraining on {KINDS[kind]} beats resetting", effect, gain))
            if random is not None:
                sentence = f"Pretraining on random labels is not better than on {KINDS[kind]} by more than {TOLERANCE}"
                effect = f"pretrained on {KINDS[kind]} minus on random labels ({of})"
                found.append(self._of_pretraining(sentence, effect, gain - random, NO_WORSE))
        return found

    def _of_pretraining(self, sentence: str, effect: str, values: pd.Series, margin: float = 0.0) -> Claim:
        return self.claim(sentence, effect, values, margin=margin, source=f"{PAPER}, data dependence")


def _judge(
    task: str, sentence: str, source: str, effect: str, values: pd.Series, unit: str, margin: float = 0.0
) -> Claim:
    return evaluate_claim(
        values.to_numpy(),
        study="early-phase",
        task=task,
        claim=sentence,
        source=source,
        effect=effect,
        unit=unit,
        margin=margin,
    )
