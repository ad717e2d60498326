"""The retraining study: which trainings it asks for, and what it makes of known histories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core.artifacts import write_tensors, write_text
from lth_core.cells import Cell
from lth_core.config import Choice, Config, Method, Rewind
from lth_core.data.facts import known_facts
from lth_core.studies.renda2020 import COLUMNS, POLICIES, Renda2020
from lth_core.studies.renda2020_view import View

FULL, BUDGETS, LEVELS = 100, [20, 60], [1, 3]
SEEDS = 3
STEP = {"name": "step", "drop_steps": [50, 85]}


def config(results: str = "results", schedule: dict | None = None, **method) -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": FULL, "evaluate_every": 50}
    task = {"dataset": "digits", "model": "lenet", "cohorts": ["0-1", "2-2"]}
    task["train"] = recipe | {"schedule": STEP if schedule is None else schedule}
    options = {"tasks": {"digits": "imp"}, "budgets": BUDGETS, "levels": LEVELS}
    return Config(
        results=results,
        tasks={"digits": task},
        methods={"imp": {"scope": "global", "levels": 4, **method}},
        studies={"renda2020": options},
    )


def study(**options) -> Renda2020:
    return Renda2020(**{"tasks": {"digits": "imp"}, "budgets": BUDGETS, "levels": LEVELS, **options})


# ---------------------------------------------------------------- what is trained


def test_every_technique_gets_every_budget_and_the_full_one() -> None:
    found = study(iterative_budgets=[60]).retrainings(config(), "digits")
    assert {run.technique for run in found} == set(POLICIES)
    for technique in POLICIES:
        for pruning, budgets in (("one-shot", [20, 60, 100]), ("iterative", [60, 100])):
            own = [run.budget for run in found if (run.technique, run.pruning) == (technique, pruning)]
            assert own == budgets
    assert len({run.method for run in found}) == len(found) == 4 * 3 + 4 * 2


@pytest.mark.parametrize(
    ("technique", "budget", "rewind"),
    [
        ("fine-tuning", 20, Rewind(policy="fine-tune", step=80)),  # the last rate, for 20 steps
        ("weight-rewinding", 60, Rewind(policy="rewind", step=40)),  # weights and schedule of step T - t
        ("weight-rewinding", 100, Rewind(policy="reset")),
        ("rate-rewinding", 60, Rewind(policy="continue", step=40)),  # trained weights, schedule of step T - t
        ("rate-rewinding", 100, Rewind(policy="continue", step=0)),
        ("low-rate-rewinding", 60, Rewind(policy="rewind-low-rate", step=40)),
    ],
)
def test_a_technique_is_a_policy_at_the_step_that_leaves_its_budget(
    technique: str, budget: int, rewind: Rewind
) -> None:
    methods = study().methods(config()) | config().methods
    for run in study(iterative_budgets=BUDGETS).retrainings(config(), "digits"):
        if (run.technique, run.budget) == (technique, budget) and run.method in methods:
            expected = Method(scope="global", levels=4, rewind=rewind, iterative=run.pruning == "iterative")
            assert methods[run.method] == expected


def test_budgets_that_replay_no_drop_are_trained_once_for_both_techniques_and_said_so() -> None:
    """The rate drops for the last time at step 85 of 100: a budget of 15 steps has one rate, that of fine-tuning."""
    short = study(budgets=[15, 16], iterative_budgets=[15])
    of = {(run.technique, run.pruning, run.budget): run.method for run in short.retrainings(config(), "digits")}
    for pruning in ("one-shot", "iterative"):
        assert of["rate-rewinding", pruning, 15] == of["fine-tuning", pruning, 15]
        assert of["weight-rewinding", pruning, 15] == of["low-rate-rewinding", pruning, 15]
    assert len({method for (_, _, budget), method in of.items() if budget == 16}) == 4
    cells = short.cells(config())
    assert len(cells) == len(set(cells))
    assert short.constant_budget(config(), "digits") == 15


def test_the_configured_method_and_other_studies_names_are_shared() -> None:
    names = {run.method for run in study(iterative_budgets=[60]).retrainings(config(), "digits")}
    assert {"imp", "imp-one-shot", "imp-rewind-40", "imp-continue-0", "imp-one-shot-fine-tune-80"} <= names
    assert "imp" not in study().methods(config())


def test_the_grid_holds_one_shot_tickets_at_the_levels_whole_iterative_chains_and_reinit() -> None:
    cells = study(iterative_budgets=[60]).cells(config())
    assert len(cells) == len(set(cells))
    dense, one_shot, iterative, reinit = 1, 4 * 3 * len(LEVELS), 4 * 2 * 3, len(LEVELS)
    assert len(cells) == 2 * (dense + one_shot + iterative + reinit)  # two cohorts
    assert {(cell.method, cell.level) for cell in cells if cell.branch} == {("imp-one-shot", n) for n in LEVELS}


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ({"name": "constant"}, "its learning rate never falls, so that learning-rate rewinding would be the same as"),
        ({"name": "cosine"}, "its learning rate falls to 0, so that fine-tuning at the last rate would change nothing"),
    ],
)
def test_a_schedule_without_drops_is_explained_in_one_line(schedule: dict, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^tasks.digits: {why}.*: give the task's train.schedule drops"):
        study().methods(config(schedule=schedule))


@pytest.mark.parametrize(
    ("options", "method", "line"),
    [
        ({"budgets": [20, 100]}, {}, r"^budgets: 100 is not below the 100 steps of task 'digits'"),
        ({"iterative_budgets": [200]}, {}, r"^iterative_budgets: 200 is not below the 100 steps"),
        ({"levels": [1, 5]}, {}, r"^levels: 5 is beyond the 4 levels of method 'imp'$"),
        ({}, {"iterative": False}, r"^tasks.digits: method 'imp' must be iterative"),
        ({}, {"treatment": "reinit"}, r"^tasks.digits: method 'imp' has a treatment"),
    ],
)
def test_what_cannot_be_trained_is_one_clear_line(options: dict, method: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        study(**options).methods(config(**method))


@pytest.mark.parametrize("options", [{"budgets": []}, {"budgets": [60, 20]}, {"levels": [2, 2]}, {"levels": [0]}])
def test_options_that_leave_nothing_to_compare_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        study(**options)


# ---------------------------------------------------------------- tables

ACCURACY = {"fine-tuning": 0.90, "weight-rewinding": 0.93, "rate-rewinding": 0.94, "low-rate-rewinding": 0.91}


def accuracy_of(technique: str, budget: int, level: int, pruning: str) -> float:
    """Known effects: more with budget, less with level; weight rewinding loses with the full budget."""
    value = ACCURACY[technique] + budget / 10_000 - (level - 1) / 100 + (0.005 if pruning == "iterative" else 0)
    return value - 0.03 * (technique == "weight-rewinding" and budget == FULL)


def write_results(folder: Path) -> Config:
    """Histories and mask headers of every cell, with known values; the first evaluation is of the pruned network."""
    settings, the_study = config(str(folder)), study(iterative_budgets=[60])
    runs = {run.method: run for run in the_study.retrainings(settings, "digits")}
    for cell in the_study.cells(settings):
        if cell.level == 0 or cell.branch:
            accuracy, start = 0.96 if cell.level == 0 else 0.80, 0
        else:
            run = runs[cell.method]
            accuracy = accuracy_of(run.technique, run.budget, cell.level, run.pruning)
            start = FULL - run.budget
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in (0, 1) if cell.cohort == "0-1" else (2,):
            noise = 1 + (seed - 1) / 1e5  # every effect differs between seeds, by very little
            diverged = (seed, cell.method, cell.level) == (1, "imp-fine-tune-0", 2)
            for step, value in ((start, 0.3), (FULL, accuracy * noise)):
                loss = "nan" if diverged and step else "0.5"
                lines += [f"{seed},0,{step},{split},{loss},{value:.14f}" for split in ("train", "validation", "test")]
        write_text(cell.history(settings.results), "\n".join(lines) + "\n")
        if cell.level:
            write_tensors(
                cell.mask(settings.results), {"w": np.ones((1, 1), bool)}, {"density": 0.8 ** (4 * cell.level)}
            )
    return settings


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, pd.DataFrame]:
    settings = write_results(tmp_path_factory.mktemp("results"))
    return settings, study(iterative_budgets=[60]).tables(settings)["measurements"]


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
    assert row["accuracy"] == pytest.approx(accuracy_of("fine-tuning", 20, 3, "one-shot"), abs=1e-4)
    assert set(table.loc[table["technique"] == "pruned", "accuracy"]) == {0.3}


def test_a_diverged_replicate_has_no_accuracy(measured: tuple[Config, pd.DataFrame]) -> None:
    rows = measured[1].query("pruning == 'iterative' and technique == 'fine-tuning' and budget == 100 and level == 2")
    assert rows.set_index("seed")["accuracy"].isna().to_dict() == {0: False, 1: True, 2: False}


# ---------------------------------------------------------------- views, figures and claims


def test_the_frontier_is_the_largest_lossless_compression_at_no_more_cost(
    measured: tuple[Config, pd.DataFrame],
) -> None:
    settings, table = measured
    table = table.copy()
    mine = (table["technique"] == "rate-rewinding") & (table["pruning"] == "one-shot") & (table["seed"] == 0)
    table.loc[mine & (table["budget"] == 60) & (table["level"] == 1), "validation_accuracy"] = 0.9581  # 0.19 below
    table.loc[mine & (table["budget"] == 100) & (table["level"] == 3), "validation_accuracy"] = 0.957  # 0.3 below
    found = View.of(study(), settings, "digits", table).frontier("one-shot", "rate-rewinding")
    by_cost = found[found["seed"] == 0].set_index("cost")["compression"]
    assert by_cost.to_dict() == pytest.approx({20: 1.0, 60: 1 / 0.8**4, 100: 1 / 0.8**4})


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from(
    measured: tuple[Config, pd.DataFrame],
) -> None:
    settings, table = measured
    drawings = study().figures(settings, {"measurements": table})
    assert [drawing.name for drawing in drawings] == study().figure_names(settings)
    for drawing in drawings:
        assert drawing.caption.endswith("Data: digits, network: lenet; mean of 3 seeds; band: 95% t interval.")
        assert drawing.draw().axes
    assert "one-shot pruned networks are 66.0 and 66.0 points below dense" in drawings[1].caption


def claims_by_sentence(measured: tuple[Config, pd.DataFrame], table: pd.DataFrame | None = None, **method) -> dict:
    settings = config(measured[0].results, **method)
    found = study().claims(settings, {"measurements": measured[1] if table is None else table})
    sentences = {claim.claim.partition(", with ")[0]: claim for claim in found}
    assert len(sentences) == len(found)
    return sentences


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
        assert f"({examples / 10:.4g} are an epoch of the training data)" in caption


def test_claims_compare_techniques_at_their_best_budgets(measured: tuple[Config, pd.DataFrame]) -> None:
    found = claims_by_sentence(measured)
    rewinding = found["Learning-rate rewinding is more accurate than fine-tuning after one-shot pruning"]
    assert rewinding.estimate == pytest.approx(4.0) and rewinding.verdict == "supported" and rewinding.n == SEEDS
    weights = found["Weight rewinding is more accurate than fine-tuning after one-shot pruning"]
    assert weights.estimate == pytest.approx(2.6)  # at t = 60: the full budget goes back to initialization
    assert "weight rewinding (t=60) minus fine-tuning (t=100)" in weights.effect
    tie = found["At low compression fine-tuning matches learning-rate rewinding after iterative pruning"]
    assert tie.estimate == pytest.approx(-4.0) and tie.margin == -0.2 and tie.verdict == "contradicted"
    assert "41.0%" in tie.claim and "6.9%" in rewinding.claim


def test_claims_about_budgets(measured: tuple[Config, pd.DataFrame]) -> None:
    found = claims_by_sentence(measured)
    longer = found["Longer retraining makes fine-tuning more accurate after one-shot pruning"]
    assert longer.estimate == pytest.approx(0.8) and "t=100 minus t=20" in longer.effect
    mid = found[
        "Rewinding weights to initialization is worse than rewinding them to a later step after one-shot pruning"
    ]
    assert mid.estimate == pytest.approx(3.0 - 0.4)
    sentence = "With the full budget, learning-rate rewinding is more accurate than weight rewinding"
    full = found[f"{sentence} after iterative pruning"]
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
    found = claims_by_sentence(measured)
    gain = found["Iterative learning-rate rewinding with the full budget is more accurate than one-shot pruning"]
    assert gain.estimate == pytest.approx(0.5) and "one-shot rate-rewinding (t=100)" in gain.effect
    lossless = found["Iterative learning-rate rewinding with the full budget matches the dense network"]
    assert "16.8%" in lossless.claim and lossless.estimate == pytest.approx(-1.5 + 0.0)


def test_a_diverged_replicate_leaves_its_claims_open(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1].copy()
    table.loc[(table["technique"] == "rate-rewinding") & (table["seed"] == 1), ["accuracy", "validation_accuracy"]] = (
        np.nan
    )
    found = claims_by_sentence(measured, table)
    sentence = "Learning-rate rewinding is more accurate than fine-tuning after one-shot pruning"
    assert found[sentence].verdict == "inconclusive"


def test_a_budget_at_which_a_replicate_diverged_is_not_chosen(measured: tuple[Config, pd.DataFrame]) -> None:
    table = measured[1].copy()
    there = (table["technique"] == "fine-tuning") & (table["budget"] == FULL) & (table["seed"] == 0)
    table.loc[there, ["accuracy", "validation_accuracy"]] = np.nan
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

    change("rate-rewinding", 20, "accuracy", 0.05)  # the best budget by test; by validation still 100
    change("low-rate-rewinding", 100, "accuracy", -0.08)  # the worst technique by test; by validation fine-tuning is
    change("weight-rewinding", 60, "accuracy", 0.07)  # the best technique by test; by validation rate-rewinding is
    view = View.of(study(), settings, "digits", table)
    assert view.best("one-shot", "rate-rewinding", 3) == FULL
    found = claims_by_sentence(measured, table)
    rewinding = found["Learning-rate rewinding is more accurate than fine-tuning after one-shot pruning"]
    assert "(t=100)" in rewinding.effect and rewinding.estimate == pytest.approx(4.0)
    worst = found["Reinitialized networks are worse than those of any technique after one-shot pruning"]
    assert "fine-tuning (t=100; the worst technique by validation accuracy)" in worst.effect
    assert worst.estimate == pytest.approx(100 * (accuracy_of("fine-tuning", 100, 3, "one-shot") - 0.8))
    proposed = found["Iterative learning-rate rewinding with the full budget is more accurate than one-shot pruning"]
    assert "one-shot rate-rewinding (t=100)" in proposed.effect and proposed.estimate == pytest.approx(0.5)
    frontier = view.frontier("one-shot", "weight-rewinding")
    assert frontier.equals(View.of(study(), settings, "digits", measured[1]).frontier("one-shot", "weight-rewinding"))


def test_cells_of_the_reinit_control_lie_beside_the_one_shot_tickets() -> None:
    reinit = Cell("digits", "0-1", "imp-one-shot", 3, "reinit")
    assert reinit in study().cells(config())
