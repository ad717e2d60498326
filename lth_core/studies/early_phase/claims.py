"""The claims of Frankle, Schwab & Morcos 2020 (arXiv 2002.10365), per task, rewind step k and level.

Every effect is one number per seed; draws are averaged within their seed. The paper's networks are deep and have batch
norm (ResNet-20 above all). On shallow networks Zhou et al. 2019 find that signs are what matters. Both claims are
tested on every network. One treatment is no better than another if it is better by at most the tolerance of matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import seed_means
from lth_core.metrics import ACCURACY, counted
from lth_core.studies.captions import listing
from lth_core.studies.claim_sheet import ClaimSheet, with_weights
from lth_core.studies.early_phase.study import RESET, TICKET, Design, noise_name
from lth_core.studies.early_phase.tables import correlation, correlation_level

PAPER = "Frankle, Schwab & Morcos 2020"
TELEMETRY = f"{PAPER}, telemetry"
PERTURBATIONS = f"{PAPER}, perturbations"
DATA_DEPENDENCE = f"{PAPER}, data dependence"
TOLERANCE = ACCURACY.tolerance
HARMLESS = 0.5
"""Noise, in standard deviations of the initialization, that the paper finds to do little harm."""
EARLY_STEPS = 10
"""The first steps, whose gradients the paper finds very large."""

SIGNS_ONLY = ("signs-start-magnitudes-initial", "signs-start-magnitudes-fresh")
SIGNS, MAGNITUDES = "signs-start-magnitudes-initial", "signs-initial-magnitudes-start"
SHUFFLES = ("shuffle-network", "shuffle-layer", "shuffle-filter")
SIGNED_SHUFFLES = tuple(f"{name}-keep-signs" for name in SHUFFLES)
KINDS = {"random-labels": "random labels", "rotation": "rotations", "blur": "blurred images"}


def claims(study: Design, task: str, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test all claims about one task."""
    measurements, pretraining, telemetry = (
        tables[name][tables[name]["task"] == task] for name in ("measurements", "pretraining", "telemetry")
    )
    sheet = ClaimSheet("early-phase", task, ACCURACY)
    claim_telemetry(sheet, telemetry)
    level_of_correlation = correlation_level(measurements)
    for k in study.rewind_steps:
        for level in study.levels:
            perturbed, pretrained = (
                rows[(rows["k"] == k) & (rows["level"] == level)] for rows in (measurements, pretraining)
            )
            tickets = TicketClaims(sheet, k, perturbed, pretrained)
            tickets.claim_signs()
            tickets.claim_shuffles()
            tickets.claim_noise(study.noise)
            if level == level_of_correlation:
                tickets.claim_correlation()
            if study.pretraining_steps:
                tickets.claim_pretraining(study)
    return sheet.claims


# ---------------------------------------------------------------- telemetry


def claim_telemetry(sheet: ClaimSheet, telemetry: pd.DataFrame) -> None:
    """Claim what the first steps of dense training look like."""
    sheet.read_from("telemetry", "telemetry")
    changes, cosine, gradient = (
        telemetry[telemetry["quantity"] == name].pivot(index="seed", columns="step", values="value")
        for name in ("sign_changes", "cosine_to_initial", "gradient_norm")
    )
    last = int(telemetry["step"].max())
    middle = min(map(int, changes.columns), key=lambda step: abs(step - last / 2))
    steps = f"(first {counted(last, 'steps')} of dense training)"

    slowing = changes[middle] / middle - (changes[last] - changes[middle]) / (last - middle)
    sheet.add(
        f"Weights change sign faster at first than later {steps}",
        TELEMETRY,
        f"changed signs per 100 steps, steps 0 to {middle} minus steps {middle} to {last}",
        100 * 100 * slowing,
        unit="% of the weights",
    )
    sheet.add(
        f"Weights keep turning away from initialization {steps}",
        TELEMETRY,
        f"cosine to initialization, step {middle} minus step {last}",
        cosine[middle] - cosine[last],
        unit="cosine",
    )
    first = gradient.loc[:, : EARLY_STEPS - 1].mean(axis=1, skipna=False)
    later = gradient.loc[:, middle:].mean(axis=1, skipna=False)
    sheet.ratio(
        f"The gradient is largest at the very start {steps}",
        TELEMETRY,
        f"gradient norm, mean of steps 0 to {EARLY_STEPS - 1} divided by mean of the logged steps from {middle} on",
        first / later,
    )


# ---------------------------------------------------------------- tickets


def _mean_percent(accuracies: Sequence[pd.Series]) -> pd.Series:
    """Return the mean of several accuracies by seed, in percent; nan where one of them is missing."""
    return ACCURACY.scale * reduce(add, accuracies) / len(accuracies)


@dataclass(frozen=True)
class TicketClaims:
    """Claims about the tickets of one rewind step and level."""

    sheet: ClaimSheet
    k: int
    measurements: pd.DataFrame
    pretraining: pd.DataFrame

    def accuracy(self, *networks: str) -> pd.Series:
        """Return test accuracy by seed in percent, averaged over networks; nan where one of them diverged."""
        rows = self.measurements
        by_network = [seed_means(rows[rows["network"] == network], "metric") for network in networks]
        return _mean_percent(by_network)

    def pretrained(self, kind: str) -> pd.Series:
        """Return test accuracy by seed in percent after a kind of pretraining: the mean of its lengths and networks."""
        rows = self.pretraining[self.pretraining["pretraining"] == kind]
        by_setting = [seed_means(setting, "metric") for _, setting in rows.groupby(["network", "steps"])]
        return _mean_percent(by_setting)

    def read_from(self, table: str, kind: str) -> None:
        """Say where the next claims come from: figures of this kind have one for each rewind step."""
        self.sheet.read_from(table, kind, f"{self.sheet.task}-k{self.k}")

    def sentence(self, text: str) -> str:
        """Add the rewind step and the density to a sentence."""
        return f"{text} (rewound to step {self.k}, {with_weights(self.measurements['density'].mean())})"

    def add(self, text: str, effect: str, values: pd.Series, margin: float = 0.0, source: str = PERTURBATIONS) -> None:
        """Claim a difference of test accuracies, in percentage points."""
        self.sheet.add(self.sentence(text), source, f"test accuracy, {effect}", values, margin=margin)

    def match(self, text: str, effect: str, gain: pd.Series, source: str = PERTURBATIONS) -> None:
        """Claim that a gain in test accuracy, in percentage points, is no loss."""
        self.sheet.match(self.sentence(text), source, f"test accuracy, {effect}", gain)

    def claim_signs(self) -> None:
        """Claim which signs and magnitudes matter: those of initialization or those of step k."""
        self.read_from("measurements", "perturbations")
        k, ticket, reset = self.k, self.accuracy(TICKET), self.accuracy(RESET)
        signs, magnitudes, only = self.accuracy(SIGNS), self.accuracy(MAGNITUDES), self.accuracy(*SIGNS_ONLY)
        self.add("Rewinding beats resetting to initialization", f"k={k} minus k=0", ticket - reset)
        self.add(
            "Tickets need the signs of step k, not those of initialization",
            f"ticket minus magnitudes of step {k} with signs of step 0",
            ticket - magnitudes,
        )
        self.add(
            "Magnitudes of step k with signs of initialization beat the reverse",
            f"magnitudes of step {k} with signs of step 0, minus signs of step {k} with magnitudes of step 0",
            magnitudes - signs,
        )
        self.add(
            f"The signs of step k alone do not match the ticket within {TOLERANCE}, as found on deep networks with "
            "batch norm",
            f"ticket minus signs of step {k} with other magnitudes (mean of those of step 0 and fresh ones)",
            ticket - only,
            margin=ACCURACY.matching,
        )
        self.match(
            f"The signs of step k alone match the ticket within {TOLERANCE}, as found on shallow networks",
            f"signs of step {k} with other magnitudes (mean of those of step 0 and fresh ones) minus ticket",
            only - ticket,
            source="Zhou et al. 2019",
        )

    def claim_shuffles(self) -> None:
        """Claim what shuffling the kept values does, with and without their signs."""
        self.read_from("measurements", "perturbations")
        shuffled, signed = self.accuracy(*SHUFFLES), self.accuracy(*SIGNED_SHUFFLES)
        mean = "mean of shuffles within network, layer and filter"
        self.match(
            f"Shuffled tickets are at most {TOLERANCE} better than reset ones",
            f"k=0 minus shuffled ({mean})",
            self.accuracy(RESET) - shuffled,
        )
        self.add("Shuffles that keep signs do less harm", f"signs kept minus not kept ({mean})", signed - shuffled)
        self.add(
            "Shuffles do harm even if signs are kept",
            f"ticket minus shuffled with signs kept ({mean})",
            self.accuracy(TICKET) - signed,
        )

    def claim_noise(self, scales: list[float]) -> None:
        """Claim what Gaussian noise does, in multiples of the standard deviation of the initialization."""
        self.read_from("measurements", "perturbations")
        ticket = self.accuracy(TICKET)
        by_scale = [self.accuracy(noise_name(scale)) for scale in scales]
        if HARMLESS in scales:
            self.match(
                f"Noise of {HARMLESS:g} standard deviations costs at most {TOLERANCE}",
                f"with noise of {HARMLESS:g} minus ticket",
                by_scale[scales.index(HARMLESS)] - ticket,
            )
        curve = pd.concat([ticket, *by_scale], axis=1)
        x = np.array([0.0, *scales]) - np.mean([0.0, *scales])
        fall = -(curve * x).sum(axis=1, skipna=False) / (x**2).sum()
        effect = f"least-squares fall per standard deviation of noise, from 0 to {scales[-1]:g}"
        self.add("More noise does more harm", effect, fall)

    def claim_correlation(self) -> None:
        """Claim that one number explains the accuracy of all perturbations."""
        self.sheet.read_from("measurements", "effective-std")
        self.sheet.add(
            self.sentence("The farther a perturbation moves the weights, the lower the accuracy"),
            PERTURBATIONS,
            "minus Pearson's correlation, over perturbations, of effective standard deviation and test accuracy",
            -correlation(self.measurements),
            unit="correlation",
        )

    def claim_pretraining(self, study: Design) -> None:
        """Claim that pretraining on images helps, and on random labels least; mean of all lengths and networks."""
        self.read_from("pretraining", "pretraining")
        lengths = listing([str(steps) for steps in study.pretraining_steps])
        settings = f"{listing(study.pretrained_networks)}, {lengths} steps"
        gains = {kind: self.pretrained(kind) - self.accuracy(RESET) for kind in KINDS if kind in study.pretraining}
        random_labels = gains.pop("random-labels", None)
        if random_labels is not None:
            self.match(
                f"Pretraining on random labels is at most {TOLERANCE} better than resetting",
                f"k=0 minus pretrained ({settings})",
                -random_labels,
                DATA_DEPENDENCE,
            )
        for kind, gain in gains.items():
            self.add(
                f"Pretraining on {KINDS[kind]} beats resetting",
                f"pretrained minus k=0 ({settings})",
                gain,
                source=DATA_DEPENDENCE,
            )
            if random_labels is not None:
                self.match(
                    f"Pretraining on random labels is at most {TOLERANCE} better than on {KINDS[kind]}",
                    f"pretrained on {KINDS[kind]} minus on random labels ({settings})",
                    gain - random_labels,
                    DATA_DEPENDENCE,
                )
