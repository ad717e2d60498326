"""Tables, figures and claims of the retraining study, made of histories of known accuracies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.config import Choice, Config
from lth_core.data.facts import known_facts
from lth_core.studies.renda2020.study import POLICIES
from lth_core.studies.renda2020.tables import COLUMNS
from lth_core.studies.renda2020.view import View
from tests.support.renda2020_results import FULL, LEVELS, SEEDS, accuracy_of, config, study, write_results


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, pd.DataFrame]:
    settings = write_results(tmp_path_factory.mktemp("results"))
    return settings, study(iterative_budgets=[60]).tables(settings)["measurements"]


# ---------------------------------------------------------------- tables


def test_one_row_per_replicate_of_everything(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1]
    assert list(table.columns) == list(COLUMNS)
    counts = table.groupby(["pruning", "technique"]).size() / SEEDS
    for technique in POLICIES:
        assert counts["one-shot", technique] == 3 * len(LEVELS) and counts["iterative", technique] == 2 * 3
    assert counts["one-shot", "reinit"] == counts["one-shot", "pruned"] == len(LEVELS) and counts["dense", "dense"] == 1
    assert not table.duplicated(["task", "pruning", "technique", "budget", "level", "seed", "draw"]).any()


def test_cost_is_the_budget_of_all_rounds_together(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1]
    techniques = table[table["technique"].isin(POLICIES)]
    rounds = techniques["level"].where(techniques["pruning"] == "iterative", 1)
    assert (techniques["cost"] == techniques["budget"] * rounds).all()
    assert set(table.loc[table["technique"] == "reinit", "cost"]) == {FULL}
    assert set(table.loc[table["technique"].isin(["dense", "pruned"]), "cost"]) == {0}


def test_accuracies_are_those_of_the_last_step_and_before_any_retraining(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1]
    row = table.query("technique == 'fine-tuning' and budget == 20 and level == 3 and seed == 0").iloc[0]
    assert row["metric"] == pytest.approx(accuracy_of("fine-tuning", 20, 3, "one-shot"), abs=1e-4)
    assert set(table.loc[table["technique"] == "pruned", "metric"]) == {0.3}


def test_a_diverged_replicate_has_no_accuracy(measured: tuple[Config, pd.DataFrame]) -> None:
    rows = measured[1].query("pruning == 'iterative' and technique == 'fine-tuning' and budget == 100 and level == 2")
    assert rows.set_index("seed")["metric"].isna().to_dict() == {0: False, 1: True, 2: False}


# ---------------------------------------------------------------- views, figures and claims


def test_the_frontier_is_the_largest_lossless_compression_at_no_more_cost(
    measured: tuple[Config, pd.DataFrame],
) -> None:
    settings, table = measured
    table = table.copy()
    mine = (table["technique"] == "rate-rewinding") & (table["pruning"] == "one-shot") & (table["seed"] == 0)
    table.loc[mine & (table["budget"] == 60) & (table["level"] == 1), "validation_metric"] = 0.9581  # 0.19 below
    table.loc[mine & (table["budget"] == 100) & (table["level"] == 3), "validation_metric"] = 0.957  # 0.3 below
    frontier = View.of(study(), settings, "digits", table).frontier("one-shot", "rate-rewinding")
    by_cost = frontier[frontier["seed"] == 0].set_index("cost")["compression"]
    assert by_cost.to_dict() == pytest.approx({20: 1.0, 60: 1 / 0.8**4, 100: 1 / 0.8**4})


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from(
    measured: tuple[Config, pd.DataFrame],
) -> None:
    settings, table = measured
    drawings = study().figures(settings, {"measurements": table})
    assert [drawing.name for drawing in drawings] == study().figure_names(settings)
    for drawing in drawings:
        data = (
            "Data: digits, network: lenet; mean of 3 seeds; band: 95% t interval (no band where all seeds are equal)."
        )
        assert drawing.caption.endswith(data)
        assert drawing.draw().axes
    assert "one-shot pruned networks are 66.0 and 66.0 points below dense" in drawings[1].caption


def claims_by_sentence(measured: tuple[Config, pd.DataFrame], table: pd.DataFrame | None = None, **method) -> dict:
    settings = config(measured[0].results, **method)
    every_claim = study().claims(settings, {"measurements": measured[1] if table is None else table})
    sentences = {claim.claim.partition(", with ")[0]: claim for claim in every_claim}
    assert len(sentences) == len(every_claim)
    return sentences


def test_each_technique_has_a_panel_with_both_kinds_of_pruning(measured: tuple[Config, pd.DataFrame]) -> None:
    settings, table = measured
    panels = study().figures(settings, {"measurements": table})[0].draw().axes
    shown = {panel.get_title().replace("\n", " "): panel.get_legend_handles_labels()[1] for panel in panels}
    both = ["fine-tuning", "weight rewinding", "learning-rate rewinding", "weight rewinding at the last rate"]
    assert list(shown) == [*both, "random reinitialization"]
    for technique in both:
        proposed = ["proposed algorithm"] if technique == "learning-rate rewinding" else []
        assert shown[technique] == ["one-shot pruning", "iterative pruning", *proposed, "dense network"]
    assert shown["random reinitialization"] == ["one-shot pruning", "dense network"]


def test_the_caption_says_at_which_budgets_techniques_are_the_same(measured: tuple[Config, pd.DataFrame]) -> None:
    known, table = measured
    for drop, said in ((85, False), (80, True)):  # budgets are 20, 60 and 100
        later = config(known.results, {"name": "step", "drop_steps": [50, drop]})
        drawings = study().figures(later, {"measurements": table})
        (caption,) = [drawing.caption for drawing in drawings if drawing.name.startswith("delta-budget")]
        assert ("The last 20 steps have no drop" in caption) == said


def test_captions_say_how_many_steps_are_an_epoch(measured: tuple[Config, pd.DataFrame]) -> None:
    known, table = measured
    drawings = study().figures(known, {"measurements": table})
    examples = known_facts(Choice(name="digits"))["train_examples"]
    for kind in ("delta-budget", "frontier"):
        (caption,) = [drawing.caption for drawing in drawings if drawing.name.startswith(kind)]
        assert f"(an epoch of the training data has {examples / 10:.4g})" in caption


def test_claims_compare_techniques_at_their_best_budgets(measured: tuple[Config, pd.DataFrame]) -> None:
    claims = claims_by_sentence(measured)
    rewinding = claims["Learning-rate rewinding is more accurate than fine-tuning after one-shot pruning"]
    assert rewinding.estimate == pytest.approx(4.0) and rewinding.verdict == "supported" and rewinding.n == SEEDS
    weights = claims["Weight rewinding is more accurate than fine-tuning after one-shot pruning"]
    assert weights.estimate == pytest.approx(2.6)  # at t = 60: the full budget goes back to initialization
    assert "weight rewinding (t=60) minus fine-tuning (t=100)" in weights.effect
    assert "6.9%" in rewinding.claim


def test_techniques_tie_where_half_of_the_weights_are_left_and_nothing_is_claimed_of_fewer(
    measured: tuple[Config, pd.DataFrame],
) -> None:
    sentence = "At low compression fine-tuning matches learning-rate rewinding after iterative pruning"
    assert sentence not in claims_by_sentence(measured)  # the densest level has 41%
    table = measured[1].copy()
    table.loc[table["level"] == 1, "density"] = 0.51
    tie = claims_by_sentence(measured, table)[sentence]
    assert tie.estimate == pytest.approx(-4.0) and tie.margin == -0.2 and tie.verdict == "contradicted"
    assert "51%" in tie.claim


def test_claims_about_budgets(measured: tuple[Config, pd.DataFrame]) -> None:
    claims = claims_by_sentence(measured)
    longer = claims["Longer retraining makes fine-tuning more accurate after one-shot pruning"]
    assert longer.estimate == pytest.approx(0.8) and "t=100 minus t=20" in longer.effect
    mid = claims[
        "Rewinding weights to initialization is worse than rewinding them to a later step after one-shot pruning"
    ]
    assert mid.estimate == pytest.approx(3.0 - 0.4)
    sentence = "With the full budget, learning-rate rewinding is more accurate than weight rewinding"
    full = claims[f"{sentence} after iterative pruning"]
    assert full.estimate == pytest.approx(4.0)


def test_claims_about_reinitialization_differ_for_filters(measured: tuple[Config, pd.DataFrame]) -> None:
    weight = claims_by_sentence(measured)[
        "Reinitialized networks are worse than those of any technique after one-shot pruning"
    ]
    assert "fine-tuning (t=100; the worst technique by validation accuracy)" in weight.effect
    assert weight.estimate == pytest.approx(100 * (accuracy_of("fine-tuning", 100, 3, "one-shot") - 0.8))
    filters = {"scope": "layer", "granularity": "filter", "fractions": {"fc1.weight": 0.3}}
    structured = claims_by_sentence(measured, **filters)[
        "Networks without the pruned filters, reinitialized, match fine-tuned ones"
    ]
    assert not any("matches the dense network" in sentence for sentence in claims_by_sentence(measured, **filters))
    assert structured.estimate == pytest.approx(-weight.estimate) and structured.verdict == "contradicted"


def test_claims_about_the_proposed_algorithm(measured: tuple[Config, pd.DataFrame]) -> None:
    claims = claims_by_sentence(measured)
    gain = claims["Iterative learning-rate rewinding with the full budget is more accurate than one-shot pruning"]
    assert gain.estimate == pytest.approx(0.5) and "one-shot rate-rewinding (t=100)" in gain.effect
    lossless = claims["Iterative learning-rate rewinding with the full budget matches the dense network"]
    assert "16.8%" in lossless.claim and lossless.estimate == pytest.approx(-1.5 + 0.0)


def test_a_diverged_replicate_leaves_its_claims_open(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1].copy()
    table.loc[(table["technique"] == "rate-rewinding") & (table["seed"] == 1), ["metric", "validation_metric"]] = np.nan
    claims = claims_by_sentence(measured, table)
    sentence = "Learning-rate rewinding is more accurate than fine-tuning after one-shot pruning"
    assert claims[sentence].verdict == "inconclusive"


def test_a_budget_at_which_a_replicate_diverged_is_not_chosen(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1].copy()
    there = (table["technique"] == "fine-tuning") & (table["budget"] == FULL) & (table["seed"] == 0)
    table.loc[there, ["metric", "validation_metric"]] = np.nan
    view = View.of(study(), measured[0], "digits", table)
    assert view.best("one-shot", "fine-tuning", 3) == 60


def test_what_is_compared_is_chosen_by_validation_accuracy_and_never_by_test_accuracy(
    measured: tuple[Config, pd.DataFrame],
) -> None:
    """The made-up splits agree; here test accuracies alone would choose another budget and other techniques."""
    settings, table = measured[0], measured[1].copy()

    def change(technique: str, budget: int, column: str, value: float) -> None:
        rows = (table["pruning"] == "one-shot") & (table["technique"] == technique) & (table["level"] == 3)
        table.loc[rows & (table["budget"] == budget), column] += value

    change("rate-rewinding", 20, "metric", 0.05)  # the best budget by test; by validation still 100
    change("low-rate-rewinding", 100, "metric", -0.08)  # the worst technique by test; by validation fine-tuning is
    change("weight-rewinding", 60, "metric", 0.07)  # the best technique by test; by validation rate-rewinding is
    view = View.of(study(), settings, "digits", table)
    assert view.best("one-shot", "rate-rewinding", 3) == FULL
    claims = claims_by_sentence(measured, table)
    rewinding = claims["Learning-rate rewinding is more accurate than fine-tuning after one-shot pruning"]
    assert "(t=100)" in rewinding.effect and rewinding.estimate == pytest.approx(4.0)
    worst = claims["Reinitialized networks are worse than those of any technique after one-shot pruning"]
    assert "fine-tuning (t=100; the worst technique by validation accuracy)" in worst.effect
    assert worst.estimate == pytest.approx(100 * (accuracy_of("fine-tuning", 100, 3, "one-shot") - 0.8))
    proposed = claims["Iterative learning-rate rewinding with the full budget is more accurate than one-shot pruning"]
    assert "one-shot rate-rewinding (t=100)" in proposed.effect and proposed.estimate == pytest.approx(0.5)
    frontier = view.frontier("one-shot", "weight-rewinding")
    assert frontier.equals(View.of(study(), settings, "digits", measured[1]).frontier("one-shot", "weight-rewinding"))
