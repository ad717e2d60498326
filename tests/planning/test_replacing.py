"""Another config's files are replaced where both mean something else by one name, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lth_core.planning.replacing import replaced

OWN: dict[str, Any] = {
    "tasks": {"mini": {"dataset": "dots", "cohorts": ["0-1", "2-3"], "train": {"steps": 40}}},
    "datasets": {"dots": {"source": {"name": "digits"}}},
    "methods": {"imp": {"levels": 2}},
}


def other(**changed: Any) -> dict[str, Any]:
    return json.loads(json.dumps(OWN)) | changed


@pytest.fixture
def results(tmp_path: Path) -> str:
    return str(tmp_path / "results")


def lines(
    results: str, settings: dict[str, Any], name: str = "other", tasks: tuple[str, ...] = ("mini",), pruned: str = "0-1"
) -> list[str]:
    """What a run of `OWN` says beside the tables of a config with these settings, of which a cohort is `pruned`."""
    path = Path(results, "tables", name, "frankle2019", "curves.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"spec": {"config": settings}}))
    Path(results, f"mini/{pruned}/imp/level_1").mkdir(parents=True)
    return [line.partition(":")[0] for line in replaced("own", OWN, tasks, results)]


def test_equal_meanings_replace_nothing(results: str) -> None:
    assert lines(results, other()) == []


def test_names_with_another_meaning_are_listed_where_a_cohort_is_shared(results: str) -> None:
    changed = {"tasks": {"mini": {"dataset": "dots", "cohorts": ["0-1"], "train": {"steps": 20}}}}
    changed |= {"methods": {"imp": {"levels": 3}}, "datasets": {"dots": {"source": {"name": "mnist"}}}}
    assert lines(results, other(**changed)) == ["tasks.mini", "datasets.dots", "methods.imp"]


def test_other_cohorts_lie_in_other_folders(results: str) -> None:
    tasks = {"mini": {"dataset": "dots", "cohorts": ["4-5"], "train": {"steps": 20}}}
    assert lines(results, other(tasks=tasks)) == []


def test_a_method_is_named_where_it_has_pruned_a_shared_task(results: str) -> None:
    """Another config may use the name for tasks that are its own."""
    changed = other(methods={"imp": {"levels": 3}})
    assert lines(results, changed, pruned="2-3") == ["methods.imp"]


def test_a_method_of_other_tasks_is_not_named(results: str) -> None:
    assert lines(results, other(methods={"imp": {"levels": 3}}), pruned="8-9") == []


def test_a_config_may_replace_what_it_has_made_itself(results: str) -> None:
    assert lines(results, other(methods={"imp": {"levels": 3}}), name="own") == []


def test_tasks_of_which_nothing_is_made_are_not_looked_at(results: str) -> None:
    assert lines(results, other(methods={"imp": {"levels": 3}}), tasks=()) == []


def test_damaged_provenance_is_passed_over(results: str) -> None:
    path = Path(results, "tables/other/frankle2019/curves.json")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert replaced("own", OWN, ["mini"], results) == []
