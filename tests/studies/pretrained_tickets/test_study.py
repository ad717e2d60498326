"""The study of Chen et al. 2020: the task, branches and trainings that it asks for, its table, and what it refuses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lth_core.planning.configerrors import ConfigError
from lth_core.planning.configfile import load
from lth_core.storage.runs import Run
from tests.support.pretrained_tickets_results import (
    BASE,
    DENSE_BITS,
    LEVELS,
    METHOD,
    TASKS,
    bits,
    config,
    study,
    task,
    write_files,
)

# ---------------------------------------------------------------- what is trained


def test_pretraining_goes_on_from_its_own_weights_by_the_recipe_of_the_tasks() -> None:
    settings = config()
    again, words, base = (settings.tasks[name] for name in ("base-again", "words", "base"))
    assert (again.train, again.initialization, again.cohorts) == (words.train, words.initialization, words.cohorts)
    assert (again.dataset, again.model, again.objective) == (base.dataset, base.model, base.objective)
    assert again.initialization.source and again.initialization.source.task == "base"


def test_the_trainings_of_a_cohort() -> None:
    runs = study(control_levels=[4, 9], transfer_levels=[7]).runs(config())
    assert len(runs) == len(set(runs))
    of_one = [run for run in runs if run.cohort == "2-2"]
    assert Counter((run.task, run.branch) for run in of_one if run.task == "words") == {
        ("words", None): 1 + LEVELS,
        ("words", "random-mask"): 3,
        ("words", "reinit"): 1 + 3,  # the dense network, too
        ("words", "redraw"): 3,
        ("words", "from-base-again"): 1,
        ("words", "from-code"): 1,
    }
    assert Counter((run.task, run.branch) for run in of_one if run.task == "base-again") == {
        ("base-again", None): 1 + LEVELS,
        ("base-again", "random-mask"): 1,
        ("base-again", "from-words"): 1,
        ("base-again", "from-code"): 1,
    }
    assert {run.level for run in of_one if run.branch == "redraw"} == {4, 7, 9}
    assert Run("words", "2-2", branch="reinit") in runs


def test_without_levels_all_are_compared() -> None:
    of_words = [run for run in study().runs(config()) if run.task == "words" and run.cohort == "2-2"]
    assert Counter(run.branch for run in of_words) == {None: 10, "reinit": 10} | dict.fromkeys(
        ["random-mask", "redraw", "from-base-again", "from-code"], 9
    )


def test_networks_that_are_built_with_pretrained_weights_have_no_task_of_pretraining() -> None:
    built = {"weights": "as-built"}
    settings = config(tasks={name: task(name, initialization=built) for name in ("words", "code")})
    assert set(settings.tasks) == {"base", "words", "code"}
    the_study = study(controls=["random-mask"])
    assert {run.branch for run in the_study.runs(settings)} == {None, "random-mask", "from-words", "from-code"}
    one = study({"words": 0}, controls=[])
    assert {run.branch for run in one.runs(settings)} == {None} and one.figure_names(settings) == ["tickets"]


# ---------------------------------------------------------------- what is refused

BUILT = {"weights": "as-built"}
OTHER = {"name": BASE["model"], "heads": 2}
"""Its weights have the shapes of the others, and mean something else."""


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"code": task("code", None)}, "tasks 'words' and 'code' start from different weights: give both the same"),
        (
            {name: task(name, None) for name in TASKS},
            "task 'words' starts from drawn weights: give it `initialization: {from: {task: ...}}`",
        ),
        ({"code": task("code", cohorts=["0-1"])}, "tasks 'words' and 'code' need the same cohorts"),
        (
            {"code": task("code", model=OTHER)},
            "tasks 'base' and 'code' have different networks, and weights or masks pass",
        ),
        (
            {"words": task("words", initialization=BUILT), "code": task("code", initialization=BUILT, model=OTHER)},
            "tasks 'words' and 'code' have different networks, and weights or masks pass",
        ),
    ],
)
def test_tasks_that_do_not_share_a_start_are_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        study().runs(config(tasks=TASKS | changes))
    assert str(caught.value).startswith(line)


def test_tickets_that_do_not_go_back_to_the_pretrained_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="method 'imp' must reset tickets to the pre-trained weights: not policy 'rew"):
        study().runs(config(rewind={"policy": "rewind", "step": 10}))


def test_two_methods_are_refused() -> None:
    several = study().model_copy(update={"tasks": {"words": "imp", "code": "other"}})
    with pytest.raises(ValueError, match=r"^tasks 'words' and 'code' need one method, not 'imp' and 'other'$"):
        several.runs(config())


@pytest.mark.parametrize("option", ["control_levels", "transfer_levels"])
def test_levels_beyond_the_last_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"^{option}: 10 must be at most 9, the number of levels of method 'imp'"):
        study(**{option: [10]}).runs(config())
    with pytest.raises(ValidationError, match="must rise"):
        study(**{option: [3, 2]})


def test_levels_of_transfers_are_refused_where_one_task_alone_finds_masks() -> None:
    alone = study(transfer_levels=[2]).model_copy(update={"tasks": {"words": "imp"}})
    alone.runs(config())  # the pre-training finds masks, too
    with pytest.raises(ValueError, match=r"^transfer_levels changes nothing where one task alone finds masks: remove"):
        alone.runs(config(tasks={"words": task("words", initialization=BUILT)}))


def test_texts_of_other_characters_are_one_line_before_any_job(tmp_path: Path) -> None:
    english = {"other": {"source": {"name": "english", "context": 8}}}
    texts = {"all": {"source": {"name": "python-texts", "part": "topics", "context": 8}}}
    whole = {
        "datasets": english | texts,
        "tasks": {"base": BASE, "other": task("other")},
        "methods": {"imp": METHOD},
        "studies": {"pretrained-tickets": {"tasks": {"other": "imp"}}},
    }
    (tmp_path / "empty.yaml").write_text("name: empty\n")
    with pytest.raises(ConfigError) as caught:
        load([tmp_path / "empty.yaml"], whole)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(
        "tasks.other.initialization.from.task: tasks 'base' and 'other' have texts of different characters (96 and "
    )


# ---------------------------------------------------------------- the table


def test_the_table_says_whose_mask_a_ticket_has(tmp_path: Path) -> None:
    lost = Run("code", "2-2", "imp", 7, "from-words")
    settings = write_files(tmp_path, lambda run, seed: run == lost)
    table = study().tables(settings)["measurements"]
    assert set(table["branch"]) == {"dense", "ticket", "random-mask", "reinit", "redraw"}
    transferred = table.query("task == 'words' and level == 7 and mask_of == 'base-again' and seed == 1").iloc[0]
    assert transferred["branch"] == "ticket" and transferred["density"] == pytest.approx(0.3)
    assert transferred["metric"] == pytest.approx(bits(Run("words", "0-1", "imp", 7, "from-base-again"), 1))
    assert table.query("level == 0 and branch == 'reinit'")["metric"].min() > DENSE_BITS
    assert table.loc[table["branch"] != "ticket", "mask_of"].eq(table.loc[table["branch"] != "ticket", "task"]).all()
    (gone,) = table.loc[table["metric"].isna(), ["task", "seed", "mask_of"]].to_numpy().tolist()
    assert gone == ["code", 2, "words"]
