"""The study of Yu et al. 2020: the tasks, methods and trainings that it asks for, and its tables."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core.config import Rewind
from lth_core.storage.runs import Run
from tests.support.yu2019_results import LEVELS, POLE, TEXT, config, study, write_files

# ---------------------------------------------------------------- tasks and methods


def test_language_models_are_trained_once_more_with_embeddings_to_prune() -> None:
    tasks = config().tasks
    assert set(tasks) == {"text", "pole", "swing", "text-embeddings"}
    assert tasks["text-embeddings"].model.options == {"width": 8, "prune_embeddings": True}
    assert tasks["text-embeddings"].model_dump(exclude={"model"}) == tasks["text"].model_dump(exclude={"model"})


def test_no_task_is_derived_where_embeddings_are_pruned_already_or_not_asked_for() -> None:
    pruned = TEXT | {"model": {"name": "lstm", "prune_embeddings": True}}
    assert set(config(tasks={"text": pruned}).tasks) == {"text"}
    assert set(config(options={"embeddings": False}).tasks) == {"text", "pole", "swing"}


def test_methods_differ_from_the_tasks_method_in_one_thing() -> None:
    settings = config()
    imp, derived = settings.methods["imp"], study().methods(settings)
    assert derived == {
        "imp-one-shot": imp.model_copy(update={"iterative": False}),
        "imp-rewind-0": imp.model_copy(update={"rewind": Rewind()}),
    }


@pytest.mark.parametrize("rewind", [{"policy": "reset"}, {"policy": "lr-rewind"}, {"policy": "fine-tune", "step": 3}])
def test_resetting_is_compared_with_late_rewinding_only(rewind: dict) -> None:
    assert set(study().methods(config(rewind=rewind))) == {"imp-one-shot"}


def test_a_method_that_prunes_once_is_not_compared_with_itself() -> None:
    assert set(study().methods(config(iterative=False))) == {"imp-rewind-0"}


# ---------------------------------------------------------------- trainings


def test_the_trainings_of_a_cohort() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs))
    of_text = [run for run in runs if run.task.startswith("text") and run.cohort == "2-2"]
    assert Counter((run.task, run.method, run.branch) for run in of_text) == {
        ("text", "dense", None): 1,
        ("text", "imp", None): LEVELS,
        ("text", "imp", "random-mask-reinit"): LEVELS,
        ("text", "imp", "reinit"): LEVELS,
        ("text", "imp-rewind-0", None): LEVELS,
        ("text", "imp-one-shot", None): LEVELS,
        ("text-embeddings", "dense", None): 1,
        ("text-embeddings", "imp", None): LEVELS,
    }
    assert len(runs) == 2 * (len(of_text) + 2 * (1 + 5 * LEVELS))  # two cohorts, two control tasks


def test_levels_of_controls_and_of_one_shot_pruning_can_be_chosen() -> None:
    runs = study({"pole": POLE}, control_levels=[2], one_shot_levels=[5]).runs(config(tasks={"pole": POLE}))
    assert {run.level for run in runs if run.branch} == {2}
    assert {run.level for run in runs if run.method == "imp-one-shot"} == {5}
    assert {run.level for run in runs if run.method == "imp-rewind-0"} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("option", ["control_levels", "one_shot_levels"])
def test_levels_that_no_method_has_are_one_clear_line(option: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option}: 9 must be at most 5, the last level of the study's methods$"):
        study(**{option: [2, 9]}).runs(config())


@pytest.mark.parametrize("options", [{"control_levels": [0]}, {"tasks": {}}, {"levels": [1]}])
def test_options_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        study().model_validate({"tasks": {"text": "imp"}, **options})


# ---------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    def diverged(run: Run, seed: int) -> bool:
        return (run.task, run.method, run.level, run.branch, seed) == ("text-embeddings", "imp", 5, None, 2)

    the_study, settings = write_files(tmp_path_factory.mktemp("results"), diverged)
    return the_study.tables(settings)


def test_metrics_are_those_of_the_last_step_and_of_dense_networks_the_first_one_too(
    tables: dict[str, pd.DataFrame],
) -> None:
    table = tables["measurements"]
    row = table.query("task == 'text' and branch == 'random-mask-reinit' and level == 4 and seed == 1").iloc[0]
    assert row["metric"] == row["validation_metric"] == pytest.approx(2 + 6 * 4 * 0.04)
    assert (table["untrained"].notna() == (table["level"] == 0)).all()
    assert set(table["untrained"].dropna()) == {6.0}


def test_all_weights_are_counted_whether_they_are_pruned_or_not(tables: dict[str, pd.DataFrame]) -> None:
    by_task = tables["measurements"].groupby(["task", "level"])["remaining"].mean()
    assert by_task["text", 0] == by_task["text-embeddings", 0] == 1
    assert by_task["text", 2] == pytest.approx((20 + 84 / 4) / 104)
    assert by_task["text-embeddings", 2] == pytest.approx(1 / 4)


def test_layers_are_those_of_tickets_with_their_kinds(tables: dict[str, pd.DataFrame]) -> None:
    layers = tables["layers"]
    kinds = layers.groupby("task")["kind"].agg(set).to_dict()
    assert kinds == {"text": {"recurrent", "output"}, "text-embeddings": {"recurrent", "output", "embedding"}}
    row = layers.query("task == 'text' and method == 'imp' and level == 2 and layer == 'rnn' and seed == 0").iloc[0]
    assert row["kept"] == 16 / 64
    assert not layers.duplicated(["task", "method", "level", "seed", "layer"]).any()


def test_what_diverged_is_not_measured(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["measurements"]
    lost = rows[rows["diverged"]]
    assert len(lost) == 1 and lost[["metric", "validation_metric"]].isna().all(axis=None)
    layers = tables["layers"]
    assert set(layers.loc[layers["kept"].isna(), "seed"]) == {2} and layers["kept"].isna().sum() == 3
