"""Groups of the transfer study: which tasks can exchange tickets, and what is said of those that cannot."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lth_core.config import Config
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER
from lth_core.studies.transfer import Transfer
from lth_core.studies.transfer.groups import channels_may_differ
from tests.support.transfer_results import METHOD, TASKS, config, study, task

SMALL = {"name": "lenet", "hidden": [30]}
OUTPUT_KEPT = {**METHOD, "exclude": ["output"]}


def refused(tasks: dict[str, Any], method: dict[str, Any] = METHOD, **options: Any) -> str:
    group = {"both": list(tasks)}
    given = {"tasks": dict.fromkeys(tasks, "imp"), "groups": group, **options}
    with pytest.raises(ValueError, match=r"^studies\.transfer\.groups\.both: ") as caught:
        Transfer(**given).runs(config(tasks=tasks, method=method))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("studies.transfer.groups.both: ")


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        (
            {"a": task("half-a"), "b": task("half-b", cohorts=["0-1"])},
            "'a' and 'b' need the same cohorts: tickets are exchanged seed by seed",
        ),
        (
            {"a": task("half-a"), "b": task("half-b", SMALL)},
            "'a' and 'b' have different models or options: tickets fit one network only",
        ),
        (
            {"a": task("digits"), "b": task("mnist")},
            "'a' and 'b' have images of 1x8x8 and 1x28x28, but the weights of 'lenet' depend on their size and "
            "channels",
        ),
        (
            {"a": task("mnist", "conv-2"), "b": task("cifar10", "conv-2")},
            "'a' and 'b' have images of 1x28x28 and 3x32x32, but the weights of 'conv-2' depend on their size and "
            "channels",
        ),
        (
            {"a": task("digits"), "b": task("low")},
            "'a' has 10 classes and 'b' 5: their method must not prune the output layer (exclude: [output])",
        ),
    ],
)
def test_tasks_that_cannot_exchange_tickets_are_refused_in_one_line(tasks: dict[str, Any], line: str) -> None:
    assert refused(tasks) == line


def test_a_level_beyond_the_method_is_refused() -> None:
    line = refused({"a": task("half-a"), "b": task("half-b")}, levels=[2, 5])
    assert line == "level 5 must be at most 4, the number of levels of method 'imp'"


def test_a_group_needs_one_method() -> None:
    both = config(methods={"imp": METHOD, "other": METHOD})
    with pytest.raises(ValueError, match="'a' has method 'imp', 'b' has 'other': a group needs one method"):
        Transfer(tasks={"a": "imp", "b": "other"}, groups={"halves": ["a", "b"]}).runs(both)


def test_a_group_needs_one_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a ticket loses on another task is compared in one unit."""
    bits = {"half-b": (BITS_PER_CHARACTER,)}
    monkeypatch.setattr("lth_core.tasks.metrics.metrics_of", lambda task: bits.get(task.dataset, (ACCURACY,)))
    line = "'a' is measured by accuracy, 'b' by bits per character: a group needs one metric"
    assert refused({"a": task("half-a"), "b": task("half-b")}) == line


def test_a_member_that_is_no_task_of_the_study_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="unknown task 'whole-sdg'; did you mean 'whole-sgd'"):
        Transfer(tasks=dict.fromkeys(TASKS, "imp"), groups={"x": ["whole", "whole-sdg"]}).runs(config())


def test_a_task_of_no_group_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^studies\.transfer\.tasks\.whole: must be in a group: add it to `groups`, or"
    ):
        Transfer(tasks=dict.fromkeys(["a", "b", "whole"], "imp"), groups={"x": ["a", "b"]}).runs(config())


@pytest.mark.parametrize(
    "tasks",
    [
        {"a": task("half-a"), "b": task("half-b", {"name": "lenet", "hidden": [300, 100]})},  # the default, written out
        {"a": task("mnist", "resnet-20"), "b": task("cifar10", "resnet-20")},  # any size, one channel and three
        {"a": task("digits", "resnet-20"), "b": task("svhn", "resnet-20")},
        {"a": task("own-images"), "b": task("digits")},  # classes are not known before they are read
    ],
)
def test_tasks_that_fit_or_may_fit_are_accepted(tasks: dict[str, Any]) -> None:
    assert study({"both": list(tasks)}).runs(config(tasks=tasks))


def test_other_classes_are_no_problem_where_the_output_layer_is_not_pruned() -> None:
    tasks = {"a": task("digits"), "b": task("low")}
    assert study({"both": ["a", "b"]}).runs(config(tasks=tasks, method=OUTPUT_KEPT))


@pytest.mark.parametrize(
    "options", [{"levels": [3, 2]}, {"levels": [0]}, {"groups": {}}, {"groups": {"x": ["a"]}}, {"groups": {"x": "aa"}}]
)
def test_options_that_leave_nothing_to_exchange_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Transfer(**{"tasks": {"a": "imp", "b": "imp"}, "groups": {"x": ["a", "b"]}, **options})


def test_a_group_names_each_task_once() -> None:
    with pytest.raises(ValidationError, match="group 'x' names a task twice"):
        Transfer(tasks={"a": "imp"}, groups={"x": ["a", "a"]})


@pytest.mark.parametrize(
    ("model", "datasets", "expected"),
    [
        ("lenet", ("mnist", "mnist"), False),
        ("resnet-20", ("cifar10", "cifar10"), False),
        ("resnet-20", ("mnist", "cifar10"), True),
    ],
)
def test_channels_differ_only_where_networks_take_them(model: str, datasets: tuple[str, str], expected: bool) -> None:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    tasks = {
        name: {"dataset": dataset, "model": model, "train": recipe, "cohorts": ["0-0"]}
        for name, dataset in zip("ab", datasets, strict=True)
    }
    settings = Config(tasks=tasks, methods={"imp": {"levels": 1}}, studies={"transfer": {}})
    assert channels_may_differ(settings, ["a", "b"]) is expected
