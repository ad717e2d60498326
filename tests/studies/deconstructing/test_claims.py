"""Figures and claims of the study of the recipe's parts, made of tables with known effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from lth_core.studies.deconstructing import captions
from lth_core.studies.deconstructing.study import CRITERIA, KEPT_ACTIONS, PRUNED_ACTIONS, RANDOM
from lth_core.studies.deconstructing.tables import SUPERMASK_COMPARISON_COLUMNS, comparison
from tests.support.deconstructing_tables import LEVELS, SEEDS, config, known_accuracies, known_learned, study, tables

# ---------------------------------------------------------------- figures and claims


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from():
    drawings = study().figures(config(), tables())
    assert [drawing.name for drawing in drawings] == study().figure_names(config())
    for drawing in drawings:
        note = "Data: digits, network: lenet; mean of 3 seeds"
        in_bars = drawing.name in ("supermask-bars-digits", "learned-supermasks-digits")
        shown = ("bar: mean, line", "none") if in_bars else ("band", "no band")
        assert drawing.caption.endswith("{}; {}: 95% t interval ({} where all seeds are equal).".format(note, *shown))
        assert drawing.draw().axes
    without = study(supermasks=False)
    assert [drawing.name for drawing in without.figures(config(), tables())] == without.figure_names(config())


def test_captions_describe_what_the_config_has_drawn_and_nothing_else():
    chosen = {
        "criteria": ["large-final", "magnitude-increase-same-sign"],
        "kept_actions": ["redraw-signed", "constant-signed"],
        "pruned_actions": ["freeze-init"],
    }
    everything, some = (
        {one.name.removesuffix("-digits"): one.caption for one in study(**options).figures(config(), tables())}
        for options in ({}, chosen)
    )
    for kind, said in (
        ("criteria", ("|w_i| (init)", "movement", "small: the smallest", "other sign", "Random")),
        ("kept-weights", ("reshuffled", "Dashed")),
        ("pruned-weights", ("magnitude fell", "control")),
        ("supermask-densities", ("other sign",)),
    ):
        for text in said:
            assert text in everything[kind] and text not in some[kind], (kind, text)
    assert "Masks go by |w_f| (final) and |w_f| - |w_i| (magnitude increase). Large: the largest" in some["criteria"]
    assert "redrawn" in some["kept-weights"] and "Weights keep their signs." in some["kept-weights"]
    assert "set to 0; frozen at their starting values." in some["pruned-weights"]
    assert "Same sign: kept only where" in some["supermask-densities"]


@pytest.mark.parametrize(
    ("names", "meanings"),
    [
        (PRUNED_ACTIONS, captions.PRUNED),
        ([name.removesuffix("-signed") for name in KEPT_ACTIONS], captions.KEPT),
        ([captions._stem(name) for name in CRITERIA if name != RANDOM], captions.SCORES),
    ],
)
def test_captions_know_all_that_a_config_can_name(names: Iterable[str], meanings: Mapping[str, str]):
    assert {*names} <= meanings.keys()


def test_bars_show_the_density_that_validation_chooses():
    (drawing,) = (one for one in study().figures(config(), tables()) if one.name == "supermask-bars-digits")
    (axes,) = drawing.draw().axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    same_sign = rows.index("large final, same sign")
    widths = [bar.get_width() for bar in axes.patches]
    assert widths[2 * same_sign : 2 * same_sign + 2] == pytest.approx([0.7, 0.8], abs=1e-5)


def in_colour(axes: Axes) -> list[str]:
    """What a panel explains; lines of other panels are grey."""
    return axes.get_legend_handles_labels()[1]


def lines_of_variants(axes: Axes) -> int:
    """How many variants a panel shows, in colour or in grey; the dense network's line has two points."""
    grey = [segment for one in axes.collections if isinstance(one, LineCollection) for segment in one.get_segments()]
    return len(grey) + len([line for line in axes.get_lines() if len(line.get_xdata()) > 2])


@pytest.mark.parametrize(
    ("kind", "lines"), [("criteria", [3, 3, 3, 3, 4, 4]), ("kept-weights", [3, 3, 3]), ("pruned-weights", [2] * 5)]
)
def test_every_variant_is_drawn_beside_the_dense_network(kind: str, lines: list[int]):
    (drawing,) = (one for one in study().figures(config(), tables()) if one.name == f"{kind}-digits")
    panels = drawing.draw().axes
    assert [len(in_colour(axes)) for axes in panels] == [count + 1 for count in lines]
    variants = {label for axes in panels for label in in_colour(axes)}
    assert {lines_of_variants(axes) for axes in panels} == {len(variants) - 1}


def test_a_study_without_actions_has_figures_of_the_recipe_alone_and_no_claims_about_actions():
    few = study(criteria=["random"], pruned_actions=[], kept_actions=[], supermasks=False)
    for drawing in few.figures(config(), tables())[1:]:
        assert [len(axes.get_lines()) for axes in drawing.draw().axes] == [2]
    assert few.claims(config(), tables()) == []


def test_criteria_of_a_user_are_drawn_too():
    two_criteria = study(criteria=["large-final", "magnitude-at-init"])
    table = known_accuracies().replace({"method": {"imp-movement": "imp-magnitude-at-init"}})
    listed, others = two_criteria.figures(config(), tables(table))[0].draw().axes
    assert in_colour(listed) == ["large final", "dense network"]
    assert in_colour(others) == ["magnitude at init", "dense network"] and others.get_title() == "other criteria"


def claims_of(sentence: str, claims: list | None = None) -> list:
    claims = study().claims(config(), tables()) if claims is None else claims
    return [claim for claim in claims if claim.claim.startswith(sentence)]


@pytest.mark.parametrize(
    ("sentence", "points", "margin", "verdict"),
    [
        ("Keeping large final weights beats a random mask", 6, 0, "supported"),
        ("Keeping weights that grew in magnitude beats a random mask", 5, 0, "supported"),
        ("Keeping small final weights is worse than a random mask", 10, 0, "supported"),
        ("Pruned weights are better set to zero than frozen", 3, 0, "supported"),
        ("Freezing the pruned weights that moved away from zero", 0.1, -0.2, "supported"),
        ("Starting every weight that moved toward zero from zero", -2, -0.2, "contradicted"),
        ("With their signs kept, redrawn starting values do as well", -0.2, -0.3, "supported"),
        ("With their signs kept, constant magnitudes do as well", -5, -0.3, "contradicted"),
        ("Without their signs, redrawn starting values do worse", 3.8, 0, "supported"),
    ],
)
def test_claims_on_known_accuracies(sentence: str, points: float, margin: float, verdict: str):
    claims = claims_of(sentence)
    assert [claim.claim.split("with ")[-1] for claim in claims] == ["64% of the weights.", "51.2% of the weights."]
    for claim in claims:
        assert claim.estimate == pytest.approx(points, abs=1e-3) and claim.n == SEEDS
        assert (claim.margin, claim.verdict, claim.unit) == (margin, verdict, "percentage points")


def test_there_is_one_claim_per_comparison_and_level_and_none_without_its_variants():
    assert len(study().claims(config(), tables())) == (3 + 6 + 5) * len(LEVELS) + 8
    few = study(supermasks=False, criteria=["random"], pruned_actions=["freeze-init"], kept_actions=["constant"])
    sentences = {claim.claim.partition(",")[0] for claim in few.claims(config(), tables())}
    assert sentences == {"Pruned weights are better set to zero than frozen at their start"}


def test_a_diverged_replicate_leaves_its_claims_open():
    table = known_accuracies()
    table.loc[(table["method"] == "imp-random") & (table["seed"] == 1), "accuracy"] = np.nan
    claims = study().claims(config(), tables(table))
    assert {claim.verdict for claim in claims_of("Keeping large final weights", claims)} == {"inconclusive"}


@pytest.mark.parametrize(
    ("sentence", "points", "verdict"),
    [
        ("Masks of large final weights make untrained networks accurate", 38, "supported"),
        ("Masks of large final weights do so better if only weights that kept their sign", 30, "supported"),
        ("Signed constants make better supermasks than initial values", 10, "supported"),
        ("Supermasks are most accurate at an intermediate density", 50, "supported"),
        ("Learned masks of initial values beat masks found by a criterion", 22, "supported"),
        ("Learned masks of signed constants beat masks found by a criterion", 14, "supported"),
        ("Rescaling does no harm to learned masks of initial values", 3, "supported"),
        ("Rescaling does no harm to learned masks of signed constants", -3, "contradicted"),
    ],
)
def test_claims_on_known_supermasks(sentence: str, points: float, verdict: str):
    (claim,) = claims_of(sentence)
    assert claim.estimate == pytest.approx(points, abs=1e-3)
    assert (claim.verdict, claim.n, claim.source) == (verdict, SEEDS, "Zhou et al. 2019, section 5")


def test_on_mnist_accuracies_are_compared_with_what_the_paper_leads_to_expect():
    claims = study().claims(config(dataset="mnist"), tables())
    (by_criterion,) = claims_of("A mask found by a criterion gets 60% of MNIST right", claims)
    assert by_criterion.estimate == pytest.approx(80, abs=1e-3) and by_criterion.verdict == "supported"
    (learned,) = claims_of("A learned mask gets 93% of MNIST right", claims)
    assert learned.estimate == pytest.approx(95, abs=1e-3) and learned.verdict == "supported"
    assert "initial and rescaled (best by validation)" in learned.effect
    assert len(claims) == len(study().claims(config(), tables())) + 2


# ---------------------------------------------------------------- what validation chooses


def disagreeing() -> dict[str, pd.DataFrame]:
    """Tables in which other levels, another criterion and another kind of mask are best by validation than by test."""
    changed = tables()

    def believe(table: str, accuracy: float, **where: object) -> None:
        rows = changed[table]
        chosen = np.logical_and.reduce([rows[column] == value for column, value in where.items()])
        rows.loc[chosen, "validation_accuracy"] = accuracy
        assert chosen.sum() == SEEDS

    for values in ("initial", "constant"):
        believe("supermasks", 0.90, criterion="large-final-same-sign", values=values, level=3)  # by test 2
        believe("supermasks", 0.95, criterion="large-final", values=values, level=2)  # by test 3, and the other one
    believe("learned_supermasks", 0.99, values="constant", scaling="plain", mask="drawn")  # by test initial, rescaled
    return changed


@pytest.mark.parametrize(
    ("sentence", "points", "effect"),
    [
        ("Masks of large final weights make", 30 - 2, "large-final minus random"),  # at levels 2 and 4
        ("Masks of large final weights do so better", 40 - 30, "large-final-same-sign minus large-final"),  # 3 and 2
        ("Supermasks are most accurate at an intermediate", 50 - 30, "level 3 (best by validation)"),
        ("Learned masks of initial values beat masks found by a criterion", 92 - 30, "learned minus large-final masks"),
        (
            "Learned masks of signed constants beat masks found by a criterion",
            94 - 40,
            "learned minus large-final masks",
        ),
        ("A mask found by a criterion gets 60% of MNIST", 50, ""),
        ("A learned mask gets 93% of MNIST", 94, "constant and plain (best by validation)"),
    ],
)
def test_what_is_compared_is_chosen_by_validation_accuracy_and_never_by_test_accuracy(
    sentence: str, points: float, effect: str
):
    (claim,) = claims_of(sentence, study().claims(config(dataset="mnist"), disagreeing()))
    assert claim.estimate == pytest.approx(points, abs=1e-3) and effect in claim.effect


def test_the_comparison_of_supermasks_has_means_and_intervals_of_what_validation_chooses():
    table = comparison(disagreeing())
    assert list(table.columns) == list(SUPERMASK_COMPARISON_COLUMNS)
    by_kind = table.set_index(["kind", "values"])
    assert by_kind.index.is_unique and set(table["task"]) == {"digits"} and set(table["seeds"]) == {SEEDS}
    assert (100 * by_kind["mean"]).round(2).to_dict() == {
        ("found", "initial"): 30,
        ("found", "constant"): 40,
        ("learned", "initial"): 92,
        ("learned", "constant"): 94,
        ("learned-rescaled", "initial"): 95,
        ("learned-rescaled", "constant"): 91,
        ("likely", "initial"): 62,
        ("likely", "constant"): 64,
        ("likely-rescaled", "initial"): 65,
        ("likely-rescaled", "constant"): 61,
        ("trained", "trained"): 97,
    }
    assert by_kind["chosen"]["found"].tolist() == ["large-final at level 2"] * 2
    learned = known_learned().query("values == 'constant' and scaling == 'plain' and mask == 'drawn'")["test_accuracy"]
    half = 4.302652729696142 * learned.std() / SEEDS**0.5  # Student's t at 97.5% with 2 degrees of freedom
    row = by_kind.loc[("learned", "constant")]
    assert [row["low"], row["high"]] == pytest.approx([row["mean"] - half, row["mean"] + half], rel=1e-12)
