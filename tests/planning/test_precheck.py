"""What is asked of a run before its jobs start: the treatments of what it makes, each once, and where they stand."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lth_core.__main__ import main
from lth_core.planning.plan import Plan
from lth_core.planning.precheck import complaints, questions
from tests.support.example_plan import plan_of  # noqa: F401 (a fixture)
from tests.support.project import MINIATURE
from tests.support.you2020_results import config, study


def controls(config: dict[str, Any]) -> None:
    study = config["studies"]["frankle2019"]
    study |= {"controls": ["twice", "twice-elsewhere", "random-mask"], "tasks": {"mini": "reset", "other": "treated"}}
    config["methods"]["treated"]["treatment"] = "redraw-kept"


def keys(plan: Plan, task: str, branches: set[str | None]) -> list[tuple[str, str, bool]]:
    made = [run.trained("results") for run in plan.runs if run.branch in branches]
    treated = json.loads(questions(plan, [task], made))["tasks"][task]["treated"]
    return sorted((ticket["key"], ticket["method"], ticket["keeps_mask"]) for ticket in treated)


def test_every_treatment_is_asked_about_once_where_the_run_makes_its_tickets(plan_of: Callable[..., Plan]) -> None:  # noqa: F811
    plan = plan_of(controls)
    twice = ("branches.twice.treatment", "reset", False)
    random_mask = ("studies: branch 'random-mask'", "reset", False)
    assert keys(plan, "mini", {"twice", "twice-elsewhere", "random-mask"}) == [twice, random_mask]
    assert keys(plan, "mini", {"twice"}) == [twice]
    assert keys(plan, "mini", {None}) == []


def test_a_method_that_treats_its_tickets_is_asked_about_by_its_key(plan_of: Callable[..., Plan]) -> None:  # noqa: F811
    plan = plan_of(controls)
    assert keys(plan, "other", {None}) == [("methods.treated.treatment", "treated", True)]
    modules = json.loads(questions(plan, ["other"], [run.trained("results") for run in plan.runs]))["modules"]
    assert "lth_core.treatments.controls" in modules


def test_a_task_is_asked_about_with_those_whose_tickets_or_weights_its_branches_take(
    plan_of: Callable[..., Plan],  # noqa: F811
) -> None:
    def exchanges(config: dict[str, Any]) -> None:
        config["studies"]["frankle2019"]["controls"] = ["pretrained", "twice", "from-other"]

    plan = plan_of(exchanges)

    def asked(*branches: str) -> list[tuple[str, str]]:
        made = [run.trained("results") for run in plan.runs if run.branch in branches]
        exchanged = json.loads(questions(plan, ["mini"], made))["tasks"]["mini"]["exchanged"]
        return [(other["key"], other["name"]) for other in exchanged]

    assert asked("from-other") == [("branches.from-other.source", "other")]
    assert asked("pretrained") == [("branches.pretrained.weights", "other")]
    assert len(asked("pretrained", "twice", "from-other")) == 1  # of each network once
    assert asked("twice") == []


def test_the_device_is_asked_about_where_jobs_run_on_this_machine(plan_of: Callable[..., Plan]) -> None:  # noqa: F811
    plan = plan_of(lambda config: config.update(device="cuda"))
    asked = [json.loads(questions(plan, ["mini"], (), here))["device"] for here in (True, False)]
    assert asked == ["cuda", "auto"]


def test_methods_that_a_study_derives_are_told_from_those_of_the_config(plan_of: Callable[..., Plan]) -> None:  # noqa: F811
    plan = plan_of(lambda config: config["studies"]["frankle2019"].update(one_shot=True))
    asked = json.loads(questions(plan, ["mini"], ()))["tasks"]["mini"]
    assert asked["configured"] == ["reset"] and set(asked["methods"]) > {"reset"}


def test_a_method_that_a_study_derives_is_named_as_the_task_and_method_of_the_config() -> None:
    plan = Plan(config(), {"you2020": study()})
    asked = json.loads(questions(plan, ["mini"], [run.trained("results") for run in plan.runs]))["tasks"]["mini"]
    assert asked["configured"] == []
    assert set(asked["derived"]) == set(asked["methods"]) and "channels-drawn-at-60" in asked["derived"]
    assert set(asked["derived"].values()) == {"studies.you2020.tasks.mini: methods.channels"}


def test_data_that_are_not_there_are_named_where_their_file_is_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    images = "{name: image-folder, path: data/pets, size: 8}"
    config = MINIATURE.replace("dataset: digits", "dataset: pets") + f"datasets: {{pets: {{source: {images}}}}}\n"
    Path("config.yaml").write_text(config)
    assert main(["check"]) == 1
    missing = (
        "datasets.pets.source: data/data/pets is not there: paths are relative to data_root (data), so write 'pets'"
    )
    assert capsys.readouterr().err == f"{missing}\n"
    plan, file = Plan.read(["config.yaml"]), Path("results/data/pets.safetensors")
    file.parent.mkdir(parents=True)
    file.touch()
    nothing = [sys.executable, "-c", ""]
    assert complaints(plan, ["mini"], (), nothing) == []
    assert complaints(plan, ["mini"], [str(file)], nothing) == [missing]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", []),
        ("print('a warning', file=sys.stderr)", []),
        ("sys.exit('error: methods.imp: no')", ["methods.imp: no"]),
        ("sys.exit('a warning\\nerror: tasks.a: no\\nerror: methods.imp: no')", ["tasks.a: no", "methods.imp: no"]),
        (
            "os._exit(3)",
            "ended with status 3 (it said nothing): look for the cause in your plugins, or report it if you have none",
        ),
        ("1 / 0", "ended with status 1 (its last words: ZeroDivisionError: division by zero): look for the cause"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV (it said nothing): look for the cause in your"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL, as happens when memory runs out: free some"),
        ("sys.exit(137)", "was ended by SIGKILL, as happens when memory runs out: free some"),
    ],
)
def test_a_check_that_fails_is_no_check_that_found_nothing(
    plan_of: Callable[..., Plan],  # noqa: F811
    code: str,
    expected: list[str] | str,
) -> None:
    said = complaints(plan_of(controls), ["mini"], (), [sys.executable, "-c", f"import os, signal, sys\n{code}"])
    if isinstance(expected, list):
        assert said == expected
    else:
        assert len(said) == 1 and said[0].startswith(f"the check of the config {expected}") and "\n" not in said[0]
