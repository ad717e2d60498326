"""The comparison: the trainings that it asks for, and its tables."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core import registry
from lth_core.config import Branch, Choice
from lth_core.planning.plan import Plan
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.catalogue import CATALOGUE
from lth_core.studies.comparison import Comparison
from tests.support.comparison_results import DENSITIES, METHOD, RIGL, SET, STEPS, TASK, config, study

# ---------------------------------------------------------------- trainings


def test_every_method_is_trained_once_per_density_as_the_recipe_says() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs)) and Run("task", "0-2") in runs
    as_written = [run for run in runs if run.task == "task" and run.level]
    assert len(as_written) == len(CATALOGUE) * len(DENSITIES)


def test_cheap_methods_are_trained_again_for_longer_from_the_same_tickets() -> None:
    longer = [run for run in study().runs(config()) if run.task != "task"]
    masks = Counter((run.method.removeprefix("imp-compared-"), run.level, run.branch) for run in longer)
    fixed = ("imp-rewind", "one-shot", "snip", "grasp", "synflow", "magnitude-at-init", "random", "random-erk")
    changing = ("gradual", "set-compared", "rigl-compared")
    expected = {(name, 1, "of-task") for name in fixed} | {(name, 1, None) for name in changing}
    expected |= {("edge-popup", 1, "reset-of-task")}
    assert set(masks) == expected and set(masks.values()) == {1}


def test_longer_trainings_are_tasks_of_their_length() -> None:
    settings = config()
    derived = {name: task for name, task in settings.tasks.items() if name != "task"}
    assert {run.task for run in study().runs(settings) if run.task != "task"} == set(derived)
    assert all(name == f"task-{task.train.steps}-steps" for name, task in derived.items())
    assert settings.tasks["task-30-steps"].train.schedule.drop_steps == [18]


def test_tickets_of_longer_trainings_are_those_of_the_task_treated_or_not() -> None:
    settings = config(branches={"reinit": {"treatment": "reinit", "draws": 2}})
    assert study().branches(settings) == {
        "of-task": Branch(treatment=Choice(name="ticket"), source="task"),
        "reset-of-task": Branch(treatment=Choice(name="reset"), source="task"),
        "reinit-of-task": Branch(treatment=Choice(name="reinit"), draws=2, source="task"),
    }


def test_without_longer_trainings_nothing_is_derived_for_them() -> None:
    options = {"longest": 1.0}
    settings = config(options=options)
    assert set(settings.tasks) == {"task"} and study(**options).branches(settings) == {}
    assert "equal-cost-task" not in study(**options).figure_names(settings)
    assert {entry.budget for entry in study(**options).entries(settings)} == {"training"}


def test_densities_of_equal_cost_can_be_chosen() -> None:
    chosen = study(equal_cost_densities=[0.05])
    assert {entry.density for entry in chosen.entries(config()) if entry.budget == "total"} == {0.05}
    with pytest.raises(ValueError, match=r"^equal_cost_densities: 0\.2 must be one of densities \(0\.5, 0\.05\)"):
        study(equal_cost_densities=[0.2]).runs(config())


@pytest.mark.parametrize(
    "options", [{"densities": [0.1, 0.2]}, {"densities": []}, {"compare": ["snip"]}, {"longest": 0}]
)
def test_options_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        study(**options)


def planned(folder: Path, task: dict[str, Any] = TASK, **sections: Any) -> Plan:
    """Names, levels, steps and branches of every derived training are looked at when the config is read."""
    methods = {"imp": METHOD, "rigl": RIGL, "set": SET} | sections.pop("methods", {})
    options = {"tasks": {"task": "imp"}, "densities": DENSITIES} | sections.pop("options", {})
    settings = {"tasks": {"task": task}, "methods": methods, "studies": {"comparison": options}, **sections}
    path = folder / "comparison.yaml"
    path.write_text(json.dumps(settings))
    return Plan.read([path])


def test_the_plan_takes_all_that_is_derived(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    runs = [run for run in plan.runs if run.branch == "of-task"]
    assert {plan.chains.branch_inputs(run)["mask"] for run in runs} <= {
        Run("task", run.cohort, run.method, run.level).mask("results") for run in runs
    }


GRAPH = {"digits-neighbours": {"source": {"name": "digits-graph", "labelled": 5}}}
TOKENS, NODES = (f"'synflow' needs inputs that are numbers, not {those}" for those in ("tokens", "nodes"))
TOO_FEW = "10 of each of 10 classes are more than the 50 training examples"
OTHER_TASKS = {
    "text": ({"dataset": "english", "objective": "language", "model": "lstm"}, {"synflow": TOKENS}),
    "autoencoder": ({"objective": "vae", "model": "vae"}, {}),
    "graph": (
        {"dataset": "digits-neighbours", "model": "gcn"},
        {"snip": TOO_FEW, "grasp": TOO_FEW, "synflow": NODES},
    ),
    "policy": ({"dataset": "cartpole", "objective": "actor-critic", "model": "mlp"}, {}),
}


@pytest.mark.parametrize(("changes", "left_out"), OTHER_TASKS.values(), ids=list(OTHER_TASKS))
def test_tasks_of_other_objectives_have_all_methods_but_those_that_do_not_suit_their_data(
    changes: dict[str, Any], left_out: dict[str, str], tmp_path: Path
) -> None:
    plan = planned(tmp_path, TASK | changes, datasets=GRAPH)
    (compared,) = plan.studies.values()
    assert isinstance(compared, Comparison) and compared.left_out(plan.config, "task") == left_out
    trained = {entry.contender.name for entry in compared.entries(plan.config)}
    assert trained == {*CATALOGUE} - left_out.keys()


def test_the_jobs_of_a_study_know_methods_that_are_left_out(tmp_path: Path) -> None:
    """Those that no training uses, too: the reasons are looked up again when tables and captions are made."""
    study = {"tasks": {"task": "imp"}, "densities": DENSITIES, "compare": ["imp-reset", "snip", "set"]}
    settings = {"tasks": {"task": TASK}, "methods": {"imp": METHOD}, "studies": {"comparison": study}}
    (tmp_path / "short.yaml").write_text(json.dumps(settings))
    plan = Plan.read([tmp_path / "short.yaml"])
    (compared,) = plan.studies.values()
    assert isinstance(compared, Comparison) and {*compared.left_out(plan.config, "task")} == {"set"}
    for spec in (plan.specs.table("comparison"), plan.specs.figures("comparison"), plan.specs.claims()):
        assert registry.sparsifier.get("set").__module__ in json.loads(spec)["modules"]


def test_a_search_of_its_own_length_is_that_of_the_task_and_not_of_its_longer_trainings(tmp_path: Path) -> None:
    """The tickets of these have the same masks. Their tasks are evaluated less often than such a search has steps."""
    learned = {"levels": 1, "search": {"parametrization": "edge-popup", "train": {"steps": 8}}}
    plan = planned(tmp_path, methods={"mine": learned}, options={"compare": ["imp-reset", "mine"]})
    assert any(run.method == "mine-compared" and run.task != "task" for run in plan.runs)


# ---------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def tables(everything: tuple) -> dict[str, pd.DataFrame]:
    return everything[2]


def test_every_method_is_measured_under_both_budgets(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["measurements"]
    assert not rows.duplicated(["task", "budget", "method", "density", "seed", "draw"]).any()
    methods = {*CATALOGUE}
    for budget, densities in (("training", DENSITIES), ("total", DENSITIES[:1])):
        of_budget = rows[(rows["budget"] == budget) & (rows["method"] != DENSE)]
        assert set(of_budget["method"]) == methods and set(of_budget["density"]) == set(densities)
        assert len(of_budget) == len(methods) * len(densities) * 3
    assert len(rows[rows["method"] == DENSE]) == 3


def test_masks_keep_what_they_should(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["measurements"]
    assert (rows["kept"] == rows["density"]).all()


def test_trainings_at_equal_cost_are_longer_where_they_cost_less(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["measurements"].query("density == 0.5").groupby(["budget", "method"])["steps"].first()
    assert rows["training", "random"] == STEPS and rows["total", "random"] == 3 * STEPS
    assert rows["training", "imp-rewind"] == STEPS - 2
    assert rows["total", "imp-reset"] == STEPS
    assert rows["training", "edge-popup"] == rows["total", "edge-popup"] == 0  # nothing is trained
    assert (rows["total"] >= rows["training"]).all()


def test_ranks_follow_the_metric_compared_with_the_dense_network(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["ranks"].query("budget == 'training' and density == 0.05").sort_values("rank")
    order = ["imp-lr-rewind", "imp-rewind", "imp-reset", "gradual", "fine-tune", "soft-mask", "one-shot"]
    assert list(rows["method"])[:7] == order and list(rows["method"])[-2:] == ["random", "edge-popup"]
    assert rows.set_index("method").loc["fine-tune", "gain"] == pytest.approx(-4)
    assert ((rows["best"] <= rows["rank"]) & (rows["rank"] <= rows["worst"])).all()


def test_what_is_compared_is_named(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["methods"]
    assert list(rows["method"]) == [*CATALOGUE] and rows["left_out"].isna().all()
    rigl = rows[rows["method"] == "rigl"].iloc[0]
    assert (rigl["label"], rigl["group"]) == ("RigL", "while training")
