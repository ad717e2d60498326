"""The transfer study: which trainings and comparisons of masks it asks for."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product

from lth_core.config import Branch, Choice
from lth_core.planning.plan import Plan
from lth_core.storage.runs import Run
from lth_core.studies.transfer import Transfer
from tests.support.transfer_results import config, study


def test_every_member_of_a_group_is_trained_from_every_ticket_of_the_group_beside_the_controls() -> None:
    runs = study({"three": ["a", "b", "whole"]}, levels=[2, 4]).runs(config())
    of_b = [run for run in runs if run.task == "b" and run.cohort == "0-1"]
    branches = [None, "from-a", "from-whole", "random-ticket", "random-mask-reinit", "reinit"]
    wanted = {Run("b", "0-1", "imp", level, branch) for level, branch in product((2, 4), branches)}
    assert set(of_b) == {Run("b", "0-1")} | wanted
    assert len(runs) == len(set(runs)) == 3 * 2 * (1 + 2 * len(branches))  # tasks, cohorts


def test_without_levels_every_level_of_the_method_is_measured() -> None:
    assert {run.level for run in study().runs(config())} == {0, 1, 2, 3, 4}


def test_a_task_of_two_groups_is_trained_once() -> None:
    groups = {"one": ["a", "b"], "two": ["whole", "a"]}
    runs = study(groups).runs(config())
    assert len(runs) == len(set(runs))
    assert {run.branch for run in runs if run.task == "a"} >= {"from-b", "from-whole"}
    assert not {run.branch for run in runs if run.task == "b"} & {"from-whole"}


def test_the_ticket_of_another_task_is_the_same_treatment_with_another_source() -> None:
    branches = study().branches(config())
    assert branches["from-a"] == Branch(treatment=Choice(name="ticket"), source="a")
    assert set(branches) == {"from-a", "from-b", "from-whole", "from-whole-sgd"}


def test_controls_are_those_that_the_config_defines() -> None:
    plan = Plan(config(branches={"reinit": {"treatment": "reinit", "draws": 3}}), {"transfer": study()})
    assert plan.chains.branch("reinit").draws == 3
    assert plan.chains.branch("random-ticket") == Branch(treatment=Choice(name="random-ticket"))


def test_the_masks_of_every_pair_are_compared_once_per_cohort_and_level() -> None:
    files = study({"one": ["a", "b"], "two": ["b", "whole", "a"]}, levels=[3]).analyses(config())
    folders = [f"results/{task}/{cohort}/imp/level_3/overlap" for task, cohort in product("ab", ("0-1", "2-2"))]
    assert sorted(files) == sorted(
        [f"{folder}/b/imp.csv" for folder in folders[:2]] + [f"{folder}/whole/imp.csv" for folder in folders]
    )


def test_the_grid_is_known_where_nothing_but_the_modules_of_a_jobs_spec_is_imported() -> None:
    plan = Plan(config(), {"transfer": study()})
    code = f"""
import importlib, sys
for module in {json.loads(plan.specs.table("transfer"))["modules"]!r}: importlib.import_module(module)
from lth_core.studies.transfer import Transfer
from lth_core.config import Config
study = Transfer.model_validate_json({study().model_dump_json()!r})
print(len(study.runs(Config.model_validate_json({config().model_dump_json()!r}))), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(study().runs(config()))), "False"]


def test_the_order_of_the_configs_keys_does_not_matter() -> None:
    groups, tasks = {"two": ["whole", "b"], "one": ["b", "a"]}, {"whole": "imp", "b": "imp", "a": "imp"}
    first = Transfer(tasks=tasks, groups=groups)
    second = Transfer(tasks=dict(sorted(tasks.items())), groups=dict(sorted(groups.items())))
    assert set(first.analyses(config())) == set(second.analyses(config()))
    assert set(first.runs(config())) == set(second.runs(config()))
