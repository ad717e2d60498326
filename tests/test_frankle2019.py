"""The study of Frankle & Carbin 2019 on synthetic histories: its trainings, tables, figures and claims."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lth_core.analysis.weights import Bin
from lth_core.artifacts import write_tensors
from lth_core.cells import Cell
from lth_core.config import Config, seeds_of
from lth_core.studies.frankle2019 import Frankle2019

LEVELS = 15
STEPS = range(0, 61, 10)
ADAM = {"optimizer": {"name": "adam", "learning_rate": 1.2e-3}}


def sgd(rate: float) -> dict[str, Any]:
    return {"optimizer": {"name": "sgd", "learning_rate": rate}, "schedule": {"name": "step", "drop_steps": [30]}}


def task(model: Any = "lenet", recipe: dict[str, Any] = ADAM, cohorts: tuple[str, ...] = ("0-2",)) -> dict[str, Any]:
    train = {**recipe, "batch_size": 10, "steps": 60, "evaluate_every": 10}
    return {"dataset": "digits", "model": model, "train": train, "cohorts": list(cohorts)}


def make_config(results: str = "results", levels: int = LEVELS, **tasks: dict[str, Any]) -> Config:
    return Config.model_validate(
        {
            "results": results,
            "tasks": tasks or {"digits": task()},
            "methods": {"imp": {"levels": levels}},
            "branches": {"reinit": {"treatment": "reinit", "draws": 2}},
            "studies": {"frankle2019": {"tasks": dict.fromkeys(tasks or ("digits",), "imp")}},
        }
    )


def make_study(config: Config, **options: Any) -> Frankle2019:
    return Frankle2019.model_validate({"tasks": dict.fromkeys(config.tasks, "imp"), **options})


# ---------------------------------------------------------------- trainings


def test_the_trainings_of_a_small_config():
    config = make_config(levels=3)
    cells = make_study(config).cells(config)
    assert len(cells) == len(set(cells))
    assert Counter((cell.method, cell.branch) for cell in cells) == {
        ("dense", None): 1,
        ("imp", None): 3,
        ("imp", "reinit"): 3,
        ("imp", "random-mask"): 3,
        ("imp-one-shot", None): 3,
        ("imp-one-shot", "reinit"): 3,
        ("imp-continued", "reset"): 3,
    }


def test_levels_of_controls_and_strategies_can_be_chosen():
    config = make_config(levels=4)
    study = make_study(config, control_levels=[2, 4, 9], strategy_levels=[3], one_shot=False)
    cells = study.cells(config)
    assert sorted(cell.level for cell in cells if cell.branch == "random-mask") == [2, 4]
    assert sorted(cell.level for cell in cells if cell.method == "imp" and not cell.branch) == [1, 2, 3, 4]
    assert [cell for cell in cells if cell.method not in ("imp", "dense")] == [
        Cell("digits", "0-2", "imp-continued", 3, "reset")
    ]


def test_the_derived_methods_differ_in_one_thing():
    config = make_config()
    derived = make_study(config).methods(config)
    assert set(derived) == {"imp-one-shot", "imp-continued"}
    imp = config.methods["imp"]
    assert derived["imp-one-shot"] == imp.model_copy(update={"iterative": False})
    assert derived["imp-continued"].rewind.policy == "continue"
    assert derived["imp-continued"].model_dump(exclude={"rewind"}) == imp.model_dump(exclude={"rewind"})


def test_strategies_that_the_method_cannot_be_compared_with_are_left_out():
    config = make_config(levels=2)
    once = config.model_copy(update={"methods": {"imp": config.methods["imp"].model_copy(update={"iterative": False})}})
    study = make_study(once)
    assert study.methods(once) == {}
    assert {cell.method for cell in study.cells(once)} == {"dense", "imp"}


def test_every_cohort_is_trained_apart():
    config = make_config(levels=2, digits=task(cohorts=("0-2", "3-4")))
    cells = make_study(config).cells(config)
    assert Counter(cell.cohort for cell in cells) == {"0-2": 13, "3-4": 13}


@pytest.mark.parametrize("option", ["control_levels", "strategy_levels", "histogram_levels"])
def test_a_list_of_levels_that_no_method_reaches_is_an_error_in_one_line(option: str):
    config = make_config(levels=3)
    with pytest.raises(ValueError, match=rf"^{option}: none of \[4, 9\] is among the 3 levels of the methods$"):
        make_study(config, **{option: [4, 9]}).cells(config)
    assert make_study(config, **{option: [3, 9]}).cells(config)


def test_histograms_are_asked_for_at_levels_that_exist():
    config = make_config(levels=4)
    assert make_study(config, histogram_levels=[2, 9]).analyses(config) == [
        "results/digits/0-2/imp/level_2/weight_histograms.csv"
    ]


def test_importing_the_studies_is_light():
    code = "import sys, lth_core.studies; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "matplotlib", "scipy", "torch", "seaborn"} & set(loaded)


# ---------------------------------------------------------------- synthetic artifacts

LATE = {"ticket": 20, "dense": 30, "reinit": 40, "random-mask": 50, "one-shot": 30, "reset": 30}
"""Where validation loss is smallest; one evaluation later for seed 2."""
LOSS_PER_LEVEL = {"ticket": 0.0, "reinit": 0.004, "random-mask": 0.006, "one-shot": 0.003, "reset": 0.001}
"""Accuracy lost per level."""


def kind_of(cell: Cell) -> str:
    if cell.branch:
        return cell.branch
    return "one-shot" if cell.method.endswith("one-shot") else "ticket" if cell.level else "dense"


def accuracy_of(cell: Cell, seed: int, draw: int) -> float:
    """Every network's accuracy from step 20 on: a sum of effects of seed, level, kind of network and draw."""
    wobble = 0.001 * np.cos(7 * seed + 3 * cell.level + sum(map(ord, kind_of(cell))))
    return 0.95 + 0.002 * seed + wobble + 0.001 * draw - LOSS_PER_LEVEL.get(kind_of(cell), 0.0) * cell.level


def write_cell(config: Config, cell: Cell) -> None:
    draws = 2 if cell.branch == "reinit" else 1
    lines = ["seed,draw,step,split,loss,accuracy"]
    for seed in seeds_of(cell.cohort):
        late = LATE[kind_of(cell)] + 10 * (seed == 2)
        for draw in range(draws):
            for step in STEPS:
                accuracy = accuracy_of(cell, seed, draw) * min(1, step / 20)
                loss = 0.1 + abs(step - late) / 100
                lines += [
                    f"{seed},{draw},{step},{split},{loss},{accuracy}" for split in ("train", "validation", "test")
                ]
    path = Path(cell.history(config.results))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    if cell.level:
        write_tensors(cell.mask(config.results), {}, {"density": 0.8**cell.level})


def write_histograms(path: str, seeds: list[int]) -> None:
    rows = [
        Bin(layer, quantity, group, seed, left, left + 0.5, count)
        for layer in ("hidden.0.weight", "output.weight")
        for quantity in ("initial", "distance")
        for seed in seeds
        for group, counts in (("kept", (1, 3 + seed)), ("pruned", (3, 1)))
        for left, count in zip((0.0, 0.5), counts, strict=True)
    ]
    text = [",".join(Bin._fields), *(",".join(map(str, row)) for row in rows)]
    Path(path).write_text("\n".join(text) + "\n")


def write_artifacts(config: Config, study: Frankle2019) -> None:
    for cell in study.cells(config):
        write_cell(config, cell)
    for path in study.analyses(config):
        write_histograms(path, seeds_of(path.split("/")[-4]))


def read_back(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """As the figures and claims see them: from CSV."""
    return {name: pd.read_csv(io.StringIO(table.to_csv(index=False))) for name, table in tables.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Frankle2019, dict[str, pd.DataFrame]]:
    """Four tasks: plain, with dropout, and two learning rates that fall in steps."""
    config = make_config(
        str(tmp_path_factory.mktemp("results")),
        plain=task(),
        dropout=task({"name": "lenet", "dropout": 0.5}),
        fast=task("resnet-20", sgd(0.1)),
        slow=task("resnet-20", sgd(0.01)),
    )
    study = make_study(config)
    write_artifacts(config, study)
    return config, study, read_back(study.tables(config))


# ---------------------------------------------------------------- tables


def test_the_tables_are_those_announced(results):
    _, study, tables = results
    assert tuple(tables) == study.table_names


def test_measurements_have_one_row_per_cell_seed_and_draw(results):
    _, _, tables = results
    table = tables["measurements"]
    assert len(table) == 4 * 3 * (1 + LEVELS * (1 + 2 + 1 + 1 + 2 + 1))
    row = table.query("task == 'plain' and method == 'imp' and level == 3 and branch == 'ticket' and seed == 1").iloc[0]
    assert row["density"] == pytest.approx(0.512) and row["early_stop_step"] == 20
    assert row["test_accuracy_early_stop"] == pytest.approx(accuracy_of(Cell("plain", "0-2", "imp", 3), 1, 0))


def test_curves_hold_few_densities(results):
    _, _, tables = results
    levels = tables["curves"].query("task == 'plain'").groupby("branch")["level"].unique()
    assert {branch: list(found) for branch, found in levels.items()} == {
        "dense": [0],
        "ticket": [3, 7, 12, 15],
        "reinit": [3, 7, 12, 15],
    }


def test_histograms_are_joined_with_their_cells(results):
    _, _, tables = results
    assert tables["weights"].groupby(["task", "level"]).size().to_dict() == {
        (name, level): 2 * 2 * 2 * 3 * 2 for name in ("plain", "dropout", "fast", "slow") for level in (3, 7, 12)
    }


# ---------------------------------------------------------------- figures


def test_the_figures_are_those_announced(results):
    config, study, tables = results
    names = study.figure_names(config)
    assert [drawing.name for drawing in study.figures(config, tables)] == names and len(set(names)) == len(names)
    kinds = ("fig03-training", "fig04-tickets", "fig05-early-stop", "fig09-strategies", "fig14-controls")
    histograms = ("fig15-initial-values", "fig19-distances")
    assert [name for name in names if name.endswith("plain")] == [f"{kind}-plain" for kind in (*kinds, *histograms)]
    assert "fig06-dropout-dropout" in names and "fig06-dropout-plain" not in names
    assert [name for name in names if "fast" in name] == [
        f"{kind}-fast" for kind in ("fig03-training", "fig14-controls", *histograms, "fig07-thirds")
    ]


def test_figures_follow_the_options():
    config = make_config(levels=2)
    study = make_study(config, controls=[], continued=False)  # 2 levels: no histograms
    assert study.figure_names(config) == ["fig03-training-digits", "fig04-tickets-digits", "fig05-early-stop-digits"]


def test_every_figure_is_drawn_from_tables_alone(results, tmp_path, monkeypatch):
    config, study, tables = results
    elsewhere = config.model_copy(update={"results": str(tmp_path / "nothing")})
    monkeypatch.setattr("lth_core.artifacts.read_tensors", None)
    for drawing in study.figures(elsewhere, tables):
        figure = drawing.draw()
        assert all(axes.get_xlabel() or axes.get_ylabel() or axes.get_title() for axes in figure.axes)
        assert figure.legends and "3 seeds" in figure.legends[0].get_title().get_text()
        assert "3 seeds" in drawing.caption and "digits" in drawing.caption and drawing.caption.endswith(".")


def test_lines_show_the_tables_numbers(results):
    config, study, tables = results
    (drawing,) = (d for d in study.figures(config, tables) if d.name == "fig05-early-stop-plain")
    steps, accuracies, _ = drawing.draw().axes
    lines = {line.get_label(): line for line in accuracies.get_lines()}
    cell = Cell("plain", "0-2", "imp", 2, "reinit")
    expected = np.mean([accuracy_of(cell, seed, draw) for seed in range(3) for draw in (0, 1)])
    densities, shown = lines["random reinitialization"].get_data()
    assert shown[np.isclose(densities, 0.64)].tolist() == [pytest.approx(expected)]
    assert {line.get_label(): line.get_ydata()[0] for line in steps.get_lines()} == {
        "dense network": pytest.approx(100 / 3),  # 30, 30 and 40
        "winning ticket": pytest.approx(70 / 3),
        "random reinitialization": pytest.approx(130 / 3),
    }


def test_a_diverged_seed_spoils_no_figure(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    diverged = (table["seed"] == 1) & (table["branch"] == "reinit") & (table["level"] > 9)
    measured = table.columns[list(table.columns).index("draw") + 1 : -1]
    table.loc[diverged, measured] = np.nan
    for drawing in study.figures(config, tables | {"measurements": table})[:6]:
        drawing.draw().draw_without_rendering()


def test_of_an_empty_layer_nothing_is_kept_which_is_not_to_diverge(results):
    config, study, tables = results
    weights = tables["weights"].copy()
    first = weights["layer"] == weights["layer"].iloc[0]
    weights.loc[first & (weights["group"] == "kept"), "count"] = 0
    weights["count"] = weights["count"].mask(~first & (weights["seed"] == 1))
    drawings = {drawing.name: drawing for drawing in study.figures(config, tables | {"weights": weights})}
    emptied, other, *_ = drawings["fig19-distances-plain"].draw().axes
    labels = [axes.get_legend_handles_labels()[1] for axes in (emptied, other)]
    assert not any("diverged" in label for label in labels[0])
    assert "weights in the ticket: 1 of 3 seeds diverged" in labels[1]
    assert set(emptied.get_lines()[0].get_ydata()) == {0}


@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize("controls", [[], ["reset"], ["random-mask", "reinit"]])
def test_short_studies_are_drawn_too(tmp_path: Path, levels: int, controls: list[str]):
    config = make_config(str(tmp_path), levels=levels, one=task(cohorts=("3-3",)))
    study = make_study(config, controls=controls, strategy_levels=[1])
    write_artifacts(config, study)
    for drawing in study.figures(config, read_back(study.tables(config))):
        drawing.draw().draw_without_rendering()
        assert "one seed, no interval" in drawing.caption


# ---------------------------------------------------------------- claims


def claims_of(results, task: str) -> dict[str, Any]:
    config, study, tables = results
    return {claim.claim: claim for claim in study.claims(config, tables) if claim.task == task}


def find(claims: dict[str, Any], words: str) -> Any:
    (claim,) = (claim for sentence, claim in claims.items() if words in sentence)
    return claim


def test_the_advantage_over_reinitialization_is_a_paired_t_interval_over_seeds(results):
    claim = find(claims_of(results, "plain"), "tickets beat the same masks reinitialized, with 21%")
    level = 7  # 0.8**7 = 21.0%
    pairs = [
        accuracy_of(Cell("plain", "0-2", "imp", level), seed, 0)
        - np.mean([accuracy_of(Cell("plain", "0-2", "imp", level, "reinit"), seed, draw) for draw in (0, 1)])
        for seed in range(3)
    ]
    expected = stats.ttest_1samp(100 * np.array(pairs), 0).confidence_interval(0.95)
    assert (claim.estimate, claim.low, claim.high) == pytest.approx((100 * np.mean(pairs), expected.low, expected.high))
    assert (claim.n, claim.unit, claim.margin) == (3, "percentage points", 0)
    assert "at 21.0% density" in claim.effect


def test_every_claim_of_the_paper_is_tested_on_a_plain_task(results):
    claims = claims_of(results, "plain")
    assert len(claims) == 13
    verdicts = {
        "50% to 10% of the weights match (within 0.2 percentage points) or exceed": "supported",
        "learn faster than the dense network.": "supported",
        "(steps to the dense network's validation accuracy)": "inconclusive",  # all of them at step 20
        "reinitialized, with 5%": "supported",
        "grows as fewer weights remain": "supported",
        "learn slower than the dense": "supported",
        "fall below the dense": "supported",
        "beat random masks, with 5%": "supported",
        "beats one-shot": "supported",
        "Resetting the weights": "supported",
        "farther than the pruned": "supported",
    }
    assert {words: find(claims, words).verdict for words in verdicts} == verdicts


def test_effects_have_the_sizes_that_were_put_in(results):
    claims = claims_of(results, "plain")
    third = pytest.approx(100 * np.mean([1 / 3, 1 / 3, 1 / 4]))
    assert find(claims, "learn faster than the dense network.").estimate == third  # steps 20, 20, 30; dense 30, 30, 40
    assert find(claims, "learn slower").estimate == third  # steps 40, 40, 50
    assert find(claims, "50% to 10%").margin == -0.2
    assert "51.2% to 10.7%" in find(claims, "50% to 10%").effect
    assert find(claims, "grows").estimate == pytest.approx(100 * 0.004 * 6, abs=0.3)  # from level 7 to level 13
    moved = find(claims, "farther")
    kept = [(0.25 + 0.75 * (3 + seed)) / (4 + seed) for seed in range(3)]  # means of the bins' centres
    assert moved.estimate == pytest.approx(100 * (np.mean(kept) / 0.375 - 1))


def with_changes(results, *changes: tuple[str, str, Any]) -> dict[str, Any]:
    """The claims about the plain task, after setting a column of the measurements to values where a query holds."""
    config, study, tables = results
    table = tables["measurements"].copy()
    for query, column, values in changes:
        table.loc[table.query(f"task == 'plain' and {query}").sort_values("seed").index, column] = values
    claims = study.claims(config, tables | {"measurements": table})
    return {claim.claim: claim for claim in claims if claim.task == "plain"}


TICKET_7 = "method == 'imp' and branch == 'ticket' and level == 7"


def test_effects_on_early_stopping_say_how_often_training_ended_first(results):
    untouched = claims_of(results, "plain")
    assert not any("still falling" in claim.effect for claim in untouched.values())
    claims = with_changes(
        results,
        (TICKET_7, "early_stop_step", [60, 50, 50]),
        ("branch == 'dense'", "early_stop_step", [60, 60, 50]),
        ("method == 'imp' and branch == 'reinit' and level == 7", "early_stop_step", [60] * 5 + [50]),
    )
    told = "validation loss still falling at the last step in"
    assert find(claims, "faster than the dense network.").effect.endswith(
        f"{told} 1 of 3 ticket runs and 2 of 3 dense runs"
    )
    assert find(claims, "learn slower").effect.endswith(f"{told} 5 of 6 reinitialized runs and 2 of 3 dense runs")


def test_learning_speed_is_also_told_by_the_step_that_matches_the_dense_network(results):
    words = "(steps to the dense network's validation accuracy)"
    steps_of_dense = ("branch == 'dense'", "steps_to_dense", [40, 40, 50])
    claim = find(with_changes(results, (TICKET_7, "steps_to_dense", [20, 10, 20]), steps_of_dense), words)
    assert claim.estimate == pytest.approx(np.mean([50, 75, 60])) and "not reached" not in claim.effect
    claim = find(with_changes(results, (TICKET_7, "steps_to_dense", [20, 10, np.nan]), steps_of_dense), words)
    assert claim.estimate == pytest.approx(np.mean([50, 75, -20]))  # never: the last step, 60 for 50
    assert "not reached in 1 of 3 runs, counted as the last step" in claim.effect


def test_a_diverged_ticket_is_not_one_that_never_matches(results):
    lost = (TICKET_7, "steps_to_dense", np.nan), (TICKET_7, "diverged", True)
    claim = find(with_changes(results, *lost), "(steps to the dense network's validation accuracy)")
    assert np.isnan(claim.estimate) and claim.unmeasured == 3 and "not reached" not in claim.effect


def test_iterative_and_one_shot_pruning_are_compared_at_equal_densities(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    once = (table["method"] == "imp-one-shot") & (table["branch"] == "ticket")
    iterative = (table["method"] == "imp") & (table["branch"] == "ticket")
    table.loc[once, "density"] = 0.82 ** table["level"]
    loss = {seed: 0.02 + seed / 1000 for seed in range(3)}
    table["test_accuracy_early_stop"] = 1 + 0.05 * np.log10(table["density"]) - once * table["seed"].map(loss)
    claims = {c.claim: c for c in study.claims(config, tables | {"measurements": table}) if c.task == "plain"}
    claim = find(claims, "beats one-shot")
    assert claim.estimate == pytest.approx(100 * np.mean(list(loss.values())))
    assert "13.7% to 5.1% left by one-shot pruning (iterative pruning leaves 10.7% to 3.5%" in claim.effect
    assert (table[iterative].groupby("level")["density"].first() < 0.82 ** np.arange(1, LEVELS + 1)).all()


def test_equal_densities_need_no_interpolation(results):
    effect = find(claims_of(results, "plain"), "beats one-shot").effect
    assert effect.endswith("iterative minus one-shot, mean over 7 densities, 13.4% to 3.5%")


def test_a_contradiction_is_reported(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    worse = (table["branch"] == "ticket") & (table["method"] == "imp")
    table.loc[worse, "test_accuracy_early_stop"] -= 0.2
    claims = {c.claim: c for c in study.claims(config, tables | {"measurements": table}) if c.task == "plain"}
    assert find(claims, "match (within").verdict == "contradicted"
    assert find(claims, "reinitialized, with 21%").verdict == "contradicted"


def test_a_diverged_seed_leaves_its_claims_open(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    lost = (table["branch"] == "reinit") & (table["level"] == 7) & (table["seed"] == 0) & (table["draw"] == 1)
    table.loc[lost, "test_accuracy_early_stop"] = np.nan
    claims = {c.claim: c for c in study.claims(config, tables | {"measurements": table}) if c.task == "plain"}
    open_claim = find(claims, "reinitialized, with 21%")
    assert (open_claim.verdict, open_claim.n, open_claim.unmeasured) == ("inconclusive", 2, 1)
    assert find(claims, "reinitialized, with 5%").verdict == "supported"


def test_claims_about_levels_that_were_not_trained_are_not_made(tmp_path: Path):
    config = make_config(str(tmp_path), levels=4)  # down to 41% density
    study = make_study(config)
    write_artifacts(config, study)
    assert study.claims(config, read_back(study.tables(config))) == []


def test_collapse_is_claimed_where_it_was_looked_for(tmp_path: Path):
    config = make_config(str(tmp_path), levels=18)  # down to 1.8%
    study = make_study(config, controls=[], one_shot=False, continued=False, histogram_levels=[])
    write_artifacts(config, study)
    claims = {claim.claim: claim for claim in study.claims(config, read_back(study.tables(config)))}
    assert len(claims) == 4 and "at 1.8% density" in find(claims, "2% of the weights").effect


def test_learning_rates_that_fall_in_steps_are_compared_with_each_other(results):
    assert set(claims_of(results, "fast")) == {
        "Training moves the weights of the winning ticket farther than the pruned ones."
    }
    slow = claims_of(results, "slow")
    gap, change = find(slow, "tickets beat"), find(slow, "need a lower learning rate")
    assert gap.verdict == "supported" and "final" not in change.effect
    assert change.estimate == pytest.approx(0, abs=1e-9) and change.verdict != "supported"  # equal by construction
