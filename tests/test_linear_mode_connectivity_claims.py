"""Claims and figures of the study of linear mode connectivity, on tables of known numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from lth_core.analysis.claims import Claim
from lth_core.cells import DENSE
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.linear_mode_connectivity import LinearModeConnectivity
from lth_core.studies.linear_mode_connectivity_tables import COLUMNS, PATH_COLUMNS, rank_correlation, successes
from lth_core.studies.linear_mode_connectivity_view import View

STEPS, LEVELS, SEEDS = [0, 20, 80], [2, 4], 3
BARRIERS = {DENSE: 0.10, "ticket": 0.06, "random-mask": 0.30, "reinit": 0.20}
"""At k = 0; they fall to a tenth at k = 80."""
ACCURACY = {DENSE: 0.96, "ticket": 0.95, "random-mask": 0.92, "reinit": 0.93}
"""At k = 0; subnetworks gain 0.012 at k = 80."""
OPTIONS = {"tasks": {"digits": "imp"}, "steps": STEPS, "levels": LEVELS}


def config(model: str = "resnet-20", cohorts: tuple[str, ...] = ("0-2",), method: dict | None = None) -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": "digits", "model": model, "train": recipe, "cohorts": list(cohorts)}
    studies = {"linear-mode-connectivity": OPTIONS}
    return Config(tasks={"digits": task}, methods={"imp": {"levels": 4} | (method or {})}, studies=studies)


def study(**options) -> LinearModeConnectivity:
    return LinearModeConnectivity(**OPTIONS | options)


def known_instability(statistics: tuple[str, ...] = ("interpolated",)) -> pd.DataFrame:
    """Every line of the study with known barriers; aligned ones have half the barrier, re-estimated ones 0.8 of it."""
    rows = []
    for pair in study().pairs(config()):
        late = pair.k / 80
        for seed in range(SEEDS):
            spread = (
                1 + (seed - 1) * (1 + pair.k + pair.own.level) / 1e5
            )  # every effect differs a little around its mean
            for matching in ("none", "aligned"):
                for kind in statistics:
                    barrier = {"order": BARRIERS[pair.network] * (1 - 0.9 * late), "level": 0.01, "seed": 0.5}[
                        pair.kind
                    ]
                    barrier *= {"none": 1, "aligned": 0.5}[matching] * {"interpolated": 1, "estimated": 0.8}[kind]
                    barrier *= spread
                    gain = 0.012 * late if pair.network != DENSE else 0
                    accuracy = (ACCURACY[pair.network] + gain) * spread
                    name = ("digits", pair.k, pair.own.level, 0.8**pair.own.level, pair.network, pair.kind, pair.order)
                    barriers = (2 * barrier, barrier, 20 * barrier, 10 * barrier)
                    rows.append((*name, seed, 0, matching, kind, *barriers, 5.0, 0.5, 0.1, 0.2, accuracy, accuracy))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def known_paths(instability: pd.DataFrame) -> pd.DataFrame:
    lines = instability[(instability["pair"] == "order") & (instability["matching"] == "none")]
    lines = lines[lines["network"].isin([DENSE, "ticket"])]
    parts = [
        lines.assign(split=split, alpha=alpha, error=0.04 + (1 - 2 * abs(alpha - 0.5)) * lines[f"barrier_{split}"])
        for split in ("train", "test")
        for alpha in np.linspace(0, 1, 7)
    ]
    return pd.concat(parts)[list(PATH_COLUMNS)]


def claims_by_sentence(model: str, table: pd.DataFrame | None = None, **options) -> dict[str, Claim]:
    table = known_instability() if table is None else table
    found = study(**options).claims(config(model), {"instability": table})
    by_sentence = {claim.claim: claim for claim in found}
    assert len(by_sentence) == len(found)  # each sentence says what it is about
    return by_sentence


# ---------------------------------------------------------------- claims


def test_deep_networks_are_unstable_at_initialization_and_stable_later() -> None:
    found = claims_by_sentence("resnet-20")
    early = found["The dense network is unstable at initialization (barrier above 2 points)."]
    assert (early.estimate, early.margin, early.verdict) == (pytest.approx(10), 2, "supported")
    late = found["The dense network is stable when its copies part at step 80."]
    assert (late.estimate, late.margin, late.verdict) == (pytest.approx(2 - 1), 0, "supported")
    fall = found["The later its copies part, the more stable is the dense network."]
    assert fall.estimate == pytest.approx(9) and fall.n == SEEDS


def test_lenet_is_expected_to_be_stable_from_initialization_on() -> None:
    found = claims_by_sentence("lenet")
    stable = found["The dense network is stable from initialization on."]
    assert (stable.estimate, stable.verdict) == (pytest.approx(2 - 10), "contradicted")
    assert not any("unstable" in sentence for sentence in found)
    subnetwork = found["IMP subnetworks reset to initialization are stable, with 64.0% of the weights."]
    assert subnetwork.estimate == pytest.approx(2 - 6)


def test_subnetworks_of_deep_networks_are_looked_at_where_they_are_rewound_to_the_last_step() -> None:
    found = claims_by_sentence("resnet-20")
    at = "with 41.0% of the weights."
    assert found[
        f"IMP subnetworks reset to initialization are unstable (barrier above 2 points), {at}"
    ].estimate == pytest.approx(6)
    assert found[f"IMP subnetworks rewound to step 80 are stable, {at}"].estimate == pytest.approx(2 - 0.6)
    assert found[f"Later rewinding makes IMP subnetworks more stable, {at}"].estimate == pytest.approx(6 - 0.6)
    higher = {"random ones": 3 - 0.6, "reinitialized ones": 2 - 0.6}
    for control, gap in higher.items():
        claim = found[f"IMP subnetworks rewound to step 80 are more stable than {control}, {at}"]
        assert claim.estimate == pytest.approx(gap) and claim.verdict == "supported"


def test_matching_is_within_a_fifth_of_a_point() -> None:
    found = claims_by_sentence("resnet-20")
    claim = found[
        "IMP subnetworks rewound to step 80 match the dense network's accuracy (within 0.2 points), "
        "with 41.0% of the weights."
    ]
    assert (claim.estimate, claim.margin, claim.verdict) == (pytest.approx(0.2, abs=1e-4), -0.2, "supported")
    reset = found[
        "IMP subnetworks reset to initialization are not more accurate than random ones "
        "by more than 0.2 points, with 41.0% of the weights."
    ]
    assert (reset.estimate, reset.verdict) == (pytest.approx(-3, abs=1e-4), "contradicted")


def test_subnetworks_become_stable_no_later_than_the_dense_network() -> None:
    """The dense network's barrier of training error (20, 15.5, 2.1 points) is never below 2: the last step counts."""
    table = known_instability()
    table.loc[(table["network"] == DENSE) & (table["k"] == 80), "barrier_train"] = 0.021
    sentence = "IMP subnetworks become stable no later than the dense network, with 41.0% of the weights."
    claim = claims_by_sentence("resnet-20", table)[sentence]
    assert "at k=80, where the dense network is not yet stable in training error" in claim.effect
    table = known_instability()
    table.loc[(table["network"] == DENSE) & (table["k"] >= 20), "barrier_train"] = 0.019
    claim = claims_by_sentence("resnet-20", table)[sentence]
    assert "at k=20, where the dense network becomes stable in training error" in claim.effect
    assert claim.estimate == pytest.approx(2 - 6 * (1 - 0.9 / 4)) and claim.verdict == "contradicted"


def test_the_step_where_the_dense_network_becomes_stable_is_not_one_before_it_is_unstable_again() -> None:
    table = known_instability()
    for k, barrier in ((0, 0.0), (20, 0.5), (80, 0.0)):
        table.loc[(table["network"] == DENSE) & (table["k"] == k), "barrier_train"] = barrier
    sentence = "IMP subnetworks become stable no later than the dense network, with 41.0% of the weights."
    assert "at k=80, where the dense network becomes" in claims_by_sentence("resnet-20", table)[sentence].effect


def test_success_falls_with_the_barrier_over_all_subnetworks() -> None:
    claim = claims_by_sentence("resnet-20")["The more stable a subnetwork, the more accurate it is."]
    found = successes(known_instability()).query("seed == 1")
    assert len(found) == len(STEPS) * len(LEVELS) * 3
    last = found.query("network == 'reinit' and k == 80 and level == 2").iloc[0]
    assert (last["barrier"], last["success"]) == pytest.approx((0.02, 0.93 + 0.012 - 0.96))
    barrier, success = found["barrier"].to_numpy(), found["success"].to_numpy()
    ranks = [
        np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])
        for values in (barrier, success)
    ]
    assert claim.estimate == pytest.approx(-np.corrcoef(*ranks)[0, 1], abs=0.02)
    assert claim.estimate > 0.5 and claim.unit == "correlation"


def test_rank_correlation_needs_values_that_are_there_and_differ() -> None:
    rising = pd.Series([1.0, 2.0, 9.0])
    assert rank_correlation(rising, pd.Series([0.0, 7.0, 8.0])) == pytest.approx(1)
    assert rank_correlation(rising, -rising) == pytest.approx(-1)
    assert np.isnan(rank_correlation(rising, pd.Series([0.0, np.nan, 1.0])))
    assert np.isnan(rank_correlation(rising, pd.Series([1.0, 1.0, 1.0])))


def test_a_few_subnetworks_make_no_claim_about_all() -> None:
    table = known_instability()
    table = table[table["network"].isin([DENSE, "ticket"]) & table["k"].isin([0, 80])]
    few = claims_by_sentence("resnet-20", table, rewind_steps=[0, 80], controls=())
    assert not any("more accurate" in sentence for sentence in few)


def test_alignment_and_pairs_of_seeds_and_levels_are_marked_as_beyond_the_paper() -> None:
    found = claims_by_sentence("resnet-20")
    at = "rewound to step 80, with 41.0% of the weights"
    expected = {
        "Dense networks of different seeds are not connected (barrier above 2 points).": 50,
        "Permuting hidden units lowers the barrier between dense networks of different seeds.": 25,
        "Permuting hidden units connects dense networks of different seeds.": 2 - 25,
        f"IMP subnetworks of different seeds are not connected (barrier above 2 points), {at}.": 50,
        f"Permuting hidden units connects IMP subnetworks of different seeds, {at}.": 2 - 25,
        f"IMP subnetworks are connected to those of the level before, {at}.": 2 - 1,
        f"Permuting hidden units matters more between seeds than between successive levels, {at}.": 25 - 0.5,
    }
    for sentence, estimate in expected.items():
        assert found[sentence].estimate == pytest.approx(estimate), sentence
        assert found[sentence].source.startswith("beyond ")
    of_the_paper = [claim for claim in found.values() if not claim.source.startswith("beyond ")]
    assert not any("seeds" in claim.claim or "level" in claim.claim for claim in of_the_paper)


def test_networks_whose_units_cannot_be_matched_make_no_claims_about_it() -> None:
    table = known_instability()
    found = claims_by_sentence("resnet-20", table[table["matching"] == "none"])
    assert not any("ermut" in sentence for sentence in found)
    assert any("seeds are not connected (" in sentence for sentence in found)


def test_one_seed_per_cohort_makes_no_claims_about_seeds() -> None:
    table = known_instability()
    found = claims_by_sentence("resnet-20", table[table["pair"] != "seed"])
    assert not any("seeds" in sentence for sentence in found)


def test_batch_norm_networks_are_judged_with_both_statistics() -> None:
    table = known_instability(("interpolated", "estimated"))
    found = claims_by_sentence("resnet-20", table)
    for kind, factor in (("interpolated", 1), ("re-estimated", 0.8)):
        sentence = (
            f"The dense network is unstable at initialization (barrier above 2 points), batch-norm statistics {kind}."
        )
        assert found[sentence].estimate == pytest.approx(10 * factor)
    only = "IMP subnetworks rewound to step 80 are more stable than random ones, with 41.0% of the weights."
    assert found[only].estimate == pytest.approx(3 - 0.6)
    beyond = [claim for claim in found.values() if claim.source.startswith("beyond ")]
    assert beyond and all(claim.claim.endswith(", batch-norm statistics re-estimated.") for claim in beyond)
    apart = found[
        "Dense networks of different seeds are not connected (barrier above 2 points), "
        "batch-norm statistics re-estimated."
    ]
    assert apart.estimate == pytest.approx(50 * 0.8)


def test_without_a_chain_that_resets_nothing_is_claimed_about_resetting() -> None:
    table = known_instability()
    table = table[(table["network"] == DENSE) | (table["k"] == 80)]
    found = claims_by_sentence("resnet-20", table, rewind_steps=[80])
    assert not any("reset to initialization" in sentence or "Later rewinding" in sentence for sentence in found)
    assert "IMP subnetworks rewound to step 80 are stable, with 41.0% of the weights." in found


def test_several_copies_and_draws_are_one_value_per_seed() -> None:
    table = known_instability()
    other = table[table["pair"] == "order"].assign(order=2)
    other["barrier_test"] += 0.02
    found = claims_by_sentence("resnet-20", pd.concat([table, other]))
    claim = found["The dense network is unstable at initialization (barrier above 2 points)."]
    assert claim.estimate == pytest.approx(11) and claim.n == SEEDS


def test_a_diverged_copy_leaves_its_claims_open() -> None:
    table = known_instability()
    there = (table["network"] == "ticket") & (table["k"] == 80) & (table["level"] == 4) & (table["seed"] == 1)
    table.loc[there, "barrier_test"] = np.nan
    found = claims_by_sentence("resnet-20", table)
    assert found["IMP subnetworks rewound to step 80 are stable, with 41.0% of the weights."].verdict == "inconclusive"
    assert found["The more stable a subnetwork, the more accurate it is."].verdict == "inconclusive"


# ---------------------------------------------------------------- figures


def view(table: pd.DataFrame) -> View:
    return View(study(), config(), "digits", table, known_paths(table))


def test_the_last_matching_level_is_found_by_validation_accuracy() -> None:
    table = known_instability()
    is_ticket, is_random = table["network"] == "ticket", table["network"] == "random-mask"
    table.loc[is_ticket, ["accuracy", "validation_accuracy"]] = [0.5, 0.959]  # test accuracy is only reported
    table.loc[is_random & (table["level"] == 2), "validation_accuracy"] = 0.9581
    table.loc[is_random & (table["level"] == 4), "validation_accuracy"] = 0.9579
    assert view(table).last_matching("ticket", 20) == 4
    assert view(table).last_matching("random-mask", 20) == 2
    assert view(table).last_matching("reinit", 20) == 0


def test_a_level_where_a_seed_diverged_does_not_match() -> None:
    table = known_instability()
    table.loc[table["network"] == "ticket", "validation_accuracy"] = 0.96
    table.loc[(table["network"] == "ticket") & (table["level"] == 4) & (table["seed"] == 0), "validation_accuracy"] = (
        np.nan
    )
    assert view(table).last_matching("ticket", 20) == 2


@pytest.fixture(scope="module", params=[("interpolated",), ("interpolated", "estimated")], ids=["plain", "batch-norm"])
def drawn(request: pytest.FixtureRequest) -> list[tuple[Drawing, list[Axes]]]:
    """Every figure's drawing and panels, of a network without and with batch norm."""
    table = known_instability(request.param)
    drawings = study().figures(config(), {"instability": table, "paths": known_paths(table)})
    return [(drawing, drawing.draw().axes) for drawing in drawings]


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from(drawn: list) -> None:
    assert [drawing.name for drawing, _ in drawn] == study().figure_names(config())
    for drawing, axes in drawn:
        bands = "" if drawing.name == "success-digits" else "; mean of 3 seeds; band: 95% t interval"
        assert drawing.caption.endswith(f"Data: digits, network: resnet-20{bands}.")
        assert all(panel.get_lines() for panel in axes)


def test_batch_norm_networks_have_rows_for_both_statistics(drawn: list) -> None:
    rows = {
        drawing.name.split("-")[0]: len({panel.get_subplotspec().rowspan.start for panel in axes})
        for drawing, axes in drawn
    }
    caption = drawn[0][0].caption
    kinds = 2 if "re-estimated" in caption else 1
    assert (rows["paths"], rows["instability"], rows["alignment"]) == (2 * kinds, 2 + kinds, kinds)


def test_the_line_of_stability_is_drawn_wherever_barriers_are(drawn: list) -> None:
    for drawing, axes in drawn:
        panels = [panel for panel in axes if "barrier" in panel.get_ylabel()]
        assert bool(panels) == (drawing.name in {f"{kind}-digits" for kind in ("instability", "ranges", "alignment")})
        for panel in panels:
            assert any(list(line.get_ydata()) == [2, 2] for line in panel.get_lines())
            low, high = panel.get_ylim()
            assert low <= 2 <= high


def captions_of(table: pd.DataFrame, settings: Config | None = None, **options) -> dict[str, Drawing]:
    drawings = study(**options).figures(settings or config(), {"instability": table, "paths": known_paths(table)})
    return {drawing.name.removesuffix("-digits"): drawing for drawing in drawings}


def test_the_ranges_show_the_accuracy_that_they_are_judged_by() -> None:
    table = known_instability()
    table["validation_accuracy"] = table["accuracy"] - 0.5
    panel = captions_of(table)["ranges"].draw().axes[-1]
    assert all(np.max(line.get_ydata()) < 0.5 for line in panel.get_lines() if len(line.get_xdata()))


def test_pairs_that_are_not_connected_are_in_no_caption() -> None:
    table = known_instability()
    all_kinds = captions_of(table)["alignment"]
    assert "different seeds, at 100% the dense networks (3 pairs of seeds" in all_kinds.caption
    assert [panel.get_title() for panel in all_kinds.draw().axes][1:] == [
        "successive levels",
        "different seeds (3 pairs of seeds)",
    ]
    without = captions_of(table[table["pair"] != "level"], successive=False)["alignment"]
    assert "successive levels" not in without.caption and "share seeds" in without.caption
    one_seed = captions_of(table[table["pair"] != "seed"], config(cohorts=("0-0", "1-1", "2-2")))["alignment"]
    assert "different seeds" not in one_seed.caption and "successive levels" in one_seed.caption


def test_a_cohort_of_two_seeds_is_one_pair_that_shares_none() -> None:
    table = known_instability()
    table = table[(table["seed"] < 2) & ((table["pair"] != "seed") | (table["seed"] == 0))]
    two = config(cohorts=("0-1",))
    caption = captions_of(table, two)["alignment"].caption
    assert "(1 pair of seeds in place of seeds)" in caption and "share" not in caption
    effects = [claim.effect for claim in study().claims(two, {"instability": table})]
    assert any("between two seeds" in effect for effect in effects)
    assert not any("share" in effect for effect in effects)


def test_more_than_two_copies_are_counted() -> None:
    table = known_instability()
    assert captions_of(table, copies=3)["alignment"].draw().axes[0].get_title() == "copies on 3 data orders"


@pytest.mark.parametrize(
    ("method", "name", "words"),
    [
        ({}, "IMP", "iterative magnitude pruning (IMP)"),
        ({"iterative": False}, "one-shot", "one-shot magnitude pruning"),
        ({"criterion": "random"}, "iteratively pruned", "iterative random pruning"),
    ],
)
def test_subnetworks_are_named_after_their_method(method: dict, name: str, words: str) -> None:
    table, settings = known_instability(), config(method=method)
    drawings = captions_of(table, settings)
    assert f"found by {words} and rewound" in drawings["paths"].caption
    assert drawings["paths"].draw().axes[1].get_title().startswith(f"{name} subnetwork, ")
    sentences = [claim.claim for claim in study().claims(settings, {"instability": table})]
    assert (
        f"{name[0].upper()}{name[1:]} subnetworks rewound to step 80 are stable, with 41.0% of the weights."
        in sentences
    )
    if name != "IMP":
        assert not any("IMP" in text for text in (*sentences, *(drawing.caption for drawing in drawings.values())))


def test_one_level_without_controls_is_drawn_too() -> None:
    table = known_instability()
    table = table[table["network"].isin([DENSE, "ticket"]) & table["level"].isin([0, 4])]
    alone = study(levels=[4], controls=(), rewind_steps=[0, 80], successive=False)
    for drawing in alone.figures(config(), {"instability": table, "paths": known_paths(table)}):
        assert drawing.draw().axes
        if drawing.name == "ranges-digits":
            assert "random ones were not trained" in drawing.caption


@pytest.mark.parametrize("diverged", [[1], [0, 1, 2]])
def test_figures_and_claims_are_made_where_seeds_diverged(diverged: list[int]) -> None:
    table = known_instability()
    table.loc[table["seed"].isin(diverged), list(COLUMNS[11:])] = np.nan
    for drawing in study().figures(config(), {"instability": table, "paths": known_paths(table)}):
        assert drawing.draw().axes
    assert {claim.verdict for claim in claims_by_sentence("resnet-20", table).values()} == {"inconclusive"}
