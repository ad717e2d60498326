"""Figures and claims of the early phase, made of tables with known effects."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.early_phase import EarlyPhase
from lth_core.studies.early_phase.figures import perturbation_label
from lth_core.studies.early_phase.study import REFERENCES
from lth_core.studies.early_phase.tables import MEASUREMENT_COLUMNS, PRETRAINING_COLUMNS, TELEMETRY_COLUMNS

SEEDS = 3
ACCURACY = {  # in percent
    "dense": 97.0,
    "ticket": 96.0,
    "reset": 94.0,
    "reinit": 92.0,
    "signs-initial-magnitudes-initial": 94.0,
    "signs-initial-magnitudes-start": 95.5,
    "signs-initial-magnitudes-fresh": 93.0,
    "signs-start-magnitudes-initial": 94.5,
    "signs-start-magnitudes-fresh": 93.5,
    "shuffle-network": 93.0,
    "shuffle-layer": 93.5,
    "shuffle-filter": 94.0,
    "shuffle-network-keep-signs": 94.5,
    "shuffle-layer-keep-signs": 95.0,
    "shuffle-filter-keep-signs": 95.5,
    "gaussian-noise-0-5": 95.9,
    "gaussian-noise-1": 95.0,
    "gaussian-noise-2": 93.0,
    "gaussian-noise-3": 90.0,
}
PRETRAINING = {"random-labels": 93.0, "rotation": 94.5, "blur": 95.0, "blur-rotation": 94.4}


def config(model: str = "lenet") -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 600, "evaluate_every": 50}
    task = {"dataset": "digits", "model": model, "train": recipe, "cohorts": ["0-2"]}
    return Config(tasks={"small": task}, methods={"imp": {"levels": 9}}, studies={"early-phase": {}})


def study(**options) -> EarlyPhase:
    chosen = {"rewind_steps": [50], "levels": [3, 6], "pretraining_steps": [50, 200], "telemetry_steps": 200, **options}
    return EarlyPhase(tasks={"small": "imp"}, **chosen)


def known_tables(the_study: EarlyPhase) -> dict[str, pd.DataFrame]:
    """Every effect differs a little between seeds, around its mean; effective deviations are points lost."""
    families = dict.fromkeys(REFERENCES, "reference")
    families |= {name: choice.name for name, choice in the_study.perturbations().items()}
    rows, pretrained = [], []
    for seed in range(SEEDS):
        random = np.random.default_rng(0)  # the same for all seeds, which differ in their sign
        accuracy = ACCURACY["dense"] / 100
        rows.append(("small", 0, 0, 1.0, "reference", "dense", seed, 0, accuracy, accuracy, np.nan))
        for k, level in product(the_study.rewind_steps, the_study.levels):
            columns = ("small", k, level, 0.8**level)
            for network, family in families.items():
                accuracy = ACCURACY.get(network, 94.0) / 100 + (seed - 1) * random.normal() / 1e5
                added = ACCURACY["ticket"] / 100 - accuracy if family != "reference" else np.nan
                rows.append((*columns, family, network, seed, 0, accuracy, accuracy, added))
            for kind, network, steps in the_study.pretrainings("small").values():
                accuracy = PRETRAINING[kind] / 100 + (steps == 200) / 100 + (seed - 1) * random.normal() / 1e5
                pretrained.append((*columns, kind, network, steps, seed, 0, accuracy, accuracy))
    return {
        "measurements": pd.DataFrame(rows, columns=list(MEASUREMENT_COLUMNS)),
        "pretraining": pd.DataFrame(pretrained, columns=list(PRETRAINING_COLUMNS)),
        "telemetry": known_telemetry(the_study.telemetry_steps),
    }


def known_telemetry(last: int) -> pd.DataFrame:
    """10% of signs change in the first half, 2% in the second; the gradient is five times as large at first."""
    rows = []
    for seed, step in product(range(SEEDS), (0, 5, 9, 10, last // 2, last)):
        tiny, half = 1 + (seed - 1) / 1e4, step / last
        curve = np.interp(half, [0, 0.5, 1], [0, 0.10, 0.12])
        values = {
            "sign_changes": curve * tiny,
            "cosine_to_initial": 1 - 0.2 * half * tiny,
            "gradient_norm": (5.0 if step < 10 else 1.0) * (tiny if step else 1),
        }
        for name in ("validation_accuracy", "test_accuracy", "validation_loss", "test_loss", "mean_magnitude"):
            values[name] = half
        for name in ("l2_to_initial", "l2_to_final", "cosine_to_final", *(f"weight_{i}" for i in range(10))):
            values[name] = half
        rows += [("small", seed, step, quantity, value) for quantity, value in values.items()]
    return pd.DataFrame(rows, columns=list(TELEMETRY_COLUMNS))


def claims(the_study: EarlyPhase | None = None, tables: dict[str, pd.DataFrame] | None = None) -> dict[str, Claim]:
    """By the beginning of their sentences; of the tickets, at level 6."""
    the_study = the_study or study()
    every_claim = the_study.claims(config(), tables or known_tables(the_study))
    assert len({claim.claim for claim in every_claim}) == len(every_claim)
    return {claim.claim.partition(" (")[0]: claim for claim in every_claim if "51.2%" not in claim.claim}


# ---------------------------------------------------------------- figures


def test_points_of_a_single_length_of_pretraining_take_the_whole_panel():
    the_study = study(pretraining_steps=[200])
    drawing = next(one for one in the_study.figures(config(), known_tables(the_study)) if "pretraining" in one.name)
    panel = drawing.draw().axes[-1]
    points = [container.lines[0].get_xdata()[0] for container in panel.containers]
    left, right = np.log(panel.get_xlim())
    assert len(points) == len(PRETRAINING) and np.ptp(np.log(points)) > 0.6 * (right - left)
    assert "Dotted" not in drawing.caption and panel.get_xlabel() == "200 steps of pretraining"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"levels": [1, 3, 6], "rewind_steps": [20, 50], "pretraining_steps": []},
        {"pretraining": ["rotation"], "pretrained_networks": ["sparse"], "pretraining_steps": [100], "levels": [6]},
    ],
)
def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from(options):
    the_study = study(**options)
    drawings = the_study.figures(config(), known_tables(the_study))
    assert [drawing.name for drawing in drawings] == the_study.figure_names(config())
    for drawing in drawings:
        assert "Data: digits, network: lenet; mean of 3 seeds; ba" in drawing.caption
        assert all(panel.has_data() for panel in drawing.draw().axes)


@pytest.mark.parametrize(("lost", "words"), [([], ""), ([1], "(2 of 3 seeds)"), ([0, 1, 2], "unknown (0 of 3 seeds)")])
def test_the_correlation_is_that_of_the_seeds_that_did_not_diverge(lost: list[int], words: str):
    tables = known_tables(study())
    rows = tables["measurements"]
    rows.loc[rows["seed"].isin(lost) & (rows["network"] == "gaussian-noise-2"), "metric"] = np.nan
    drawings = {drawing.name: drawing for drawing in study().figures(config(), tables)}
    (axes,) = drawings["effective-std-small"].draw().axes
    title = axes.get_title()
    assert title.endswith(words) and ("seeds" in title) == bool(lost) and "nan" not in title


def test_every_perturbation_has_a_label_of_its_own():
    perturbations = study().perturbations()
    labels = [perturbation_label(choice, 50) for choice in perturbations.values()]
    assert len(set(labels)) == len(labels)
    assert "signs of step 50, fresh magnitudes" in labels and "noise of 0.5 σ" in labels


def test_few_levels_are_shown_line_by_line_with_all_networks_named():
    drawing = next(drawing for drawing in study().figures(config(), known_tables(study())) if "perturb" in drawing.name)
    ticks = [label.get_text() for label in drawing.draw().axes[0].get_yticklabels()]
    assert ticks[:3] == ["rewound to k = 50", "reset to initialization", "random reinitialization"]
    assert len(ticks) == 3 + 15


# ---------------------------------------------------------------- claims about tickets


@pytest.mark.parametrize(
    ("sentence", "estimate", "margin", "verdict"),
    [
        ("Rewinding beats resetting to initialization", 2.0, 0, "supported"),
        ("Tickets need the signs of step k, not those of initialization", 0.5, 0, "supported"),
        ("Magnitudes of step k with signs of initialization beat the reverse", 1.0, 0, "supported"),
        (
            "The signs of step k alone do not match the ticket within 0.2 percentage points, as found on deep networks "
            "with batch norm",
            2.0,
            0.2,
            "supported",
        ),
        (
            "The signs of step k alone match the ticket within 0.2 percentage points, as found on shallow networks",
            -2.0,
            -0.2,
            "contradicted",
        ),
        ("Shuffled tickets are at most 0.2 percentage points better than reset ones", 0.5, -0.2, "supported"),
        ("Shuffles that keep signs do less harm", 1.5, 0, "supported"),
        ("Shuffles do harm even if signs are kept", 1.0, 0, "supported"),
        ("Noise of 0.5 standard deviations costs at most 0.2 percentage points", -0.1, -0.2, "supported"),
        ("The farther a perturbation moves the weights, the lower the accuracy", 1.0, 0, "inconclusive"),
        ("Pretraining on random labels is at most 0.2 percentage points better than resetting", 0.5, -0.2, "supported"),
        ("Pretraining on rotations beats resetting", 1.0, 0, "supported"),
        (
            "Pretraining on random labels is at most 0.2 percentage points better than on rotations",
            1.5,
            -0.2,
            "supported",
        ),
        ("Pretraining on blurred images beats resetting", 1.5, 0, "supported"),
        (
            "Pretraining on random labels is at most 0.2 percentage points better than on blurred images",
            2.0,
            -0.2,
            "supported",
        ),
    ],
)
def test_effects_are_those_of_the_table(sentence: str, estimate: float, margin: float, verdict: str):
    claim = claims()[sentence]
    assert claim.estimate == pytest.approx(estimate, abs=1e-5)
    assert (claim.margin, claim.verdict, claim.n) == (margin, verdict, SEEDS)


def test_the_harm_of_noise_is_its_least_squares_slope():
    scales, accuracies = [0, 0.5, 1, 2, 3], [96.0, 95.9, 95.0, 93.0, 90.0]
    assert claims()["More noise does more harm"].estimate == pytest.approx(
        -np.polyfit(scales, accuracies, 1)[0], abs=1e-5
    )


def test_the_correlation_is_claimed_at_one_level_the_nearest_to_26_percent():
    the_study = study()
    every_claim = the_study.claims(config(), known_tables(the_study))
    (correlation,) = (claim for claim in every_claim if claim.unit == "correlation")
    assert "26.2% of the weights" in correlation.claim


def test_signs_alone_may_suffice():
    tables = known_tables(study())
    rows = tables["measurements"]["network"].str.startswith("signs-start")
    tables["measurements"].loc[rows, "metric"] += 0.0195
    by_sentence = claims(tables=tables)
    assert (
        by_sentence[
            "The signs of step k alone match the ticket within 0.2 percentage points, as found on shallow networks"
        ].verdict
        == "supported"
    )
    deep = by_sentence[
        "The signs of step k alone do not match the ticket within 0.2 percentage points, as found on deep networks "
        "with batch norm"
    ]
    assert deep.verdict == "contradicted"


def test_noise_that_does_no_harm_and_random_labels_that_help_contradict_their_claims():
    tables = known_tables(study())
    noisy = tables["measurements"]["family"] == "gaussian-noise"
    tables["measurements"].loc[noisy, "metric"] += tables["measurements"].loc[noisy, "effective_std"] * 2
    tables["pretraining"].loc[tables["pretraining"]["pretraining"] == "random-labels", "metric"] += 0.05
    by_sentence = claims(tables=tables)
    assert by_sentence["More noise does more harm"].verdict == "contradicted"
    assert (
        by_sentence["Pretraining on random labels is at most 0.2 percentage points better than on rotations"].verdict
        == "contradicted"
    )


def test_what_was_not_trained_is_not_claimed():
    sentences = claims(study(noise=[1.0], pretraining_steps=[]))
    assert not any("Pretraining" in sentence or "costs at most" in sentence for sentence in sentences)
    sentences = claims(study(pretraining=["blur"]))
    assert [s for s in sentences if s.startswith("Pretraining")] == ["Pretraining on blurred images beats resetting"]


@pytest.mark.parametrize(
    ("table", "column", "value", "sentences"),
    [
        ("measurements", "network", "shuffle-layer", ["Shuffles that keep signs do less harm"]),
        ("measurements", "network", "gaussian-noise-2", ["More noise does more harm"]),
        ("measurements", "network", "reset", ["Rewinding beats resetting to initialization"]),
        ("pretraining", "pretraining", "rotation", ["Pretraining on rotations beats resetting"]),
    ],
)
def test_a_diverged_replicate_leaves_its_claims_open(table, column, value, sentences):
    tables = known_tables(study())
    rows = tables[table]
    rows.loc[(rows[column] == value) & (rows["seed"] == 1), "metric"] = np.nan
    by_sentence = claims(tables=tables)
    assert [by_sentence[sentence].verdict for sentence in sentences] == ["inconclusive"]
    assert [(by_sentence[sentence].n, by_sentence[sentence].unmeasured) for sentence in sentences] == [(2, 1)] * len(
        sentences
    )


# ---------------------------------------------------------------- claims about the first steps


def test_claims_about_the_first_steps():
    by_sentence = claims()
    slowing = by_sentence["Weights change sign faster at first than later"]
    assert slowing.estimate == pytest.approx(10 - 2, rel=1e-5) and slowing.verdict == "supported"
    turning = by_sentence["Weights keep turning away from initialization"]
    assert turning.estimate == pytest.approx(0.1, rel=1e-5) and turning.verdict == "supported"
    gradient = by_sentence["The gradient is largest at the very start"]
    assert gradient.estimate == pytest.approx(5, rel=1e-5) and gradient.margin == 1
    assert all("first 200 steps" in claim.claim for claim in (slowing, turning, gradient))


def test_signs_that_change_ever_faster_contradict_the_claim():
    tables = known_tables(study())
    changes = tables["telemetry"]["quantity"] == "sign_changes"
    tables["telemetry"].loc[changes, "value"] = (tables["telemetry"].loc[changes, "step"] / 200) ** 2 * (
        1 + (tables["telemetry"].loc[changes, "seed"] - 1) / 1e4
    )
    assert claims(tables=tables)["Weights change sign faster at first than later"].verdict == "contradicted"
