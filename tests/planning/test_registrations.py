"""What objectives and data sets say of themselves at registration: every mistake is one line with the config's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lth_core import registry
from lth_core.metrics import Metric
from lth_core.planning.registrations import misregistered_dataset, misregistered_objective
from tests.support.config_samples import GOOD, TASK, errors_of
from tests.support.tables import ERROR, register

KINDS = "images, text, labelled-texts, points, environment, graph"
OBJECTIVE = TASK % "objective: mine"


def mine(outputs: Any, batch: Any) -> Any:
    return {}


BAD: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "no kind": (
        mine, {"data": None},
        f"is registered without the kind of data that it takes: add data=..., one of {KINDS}",
    ),
    "an unknown kind": (
        mine, {"data": "point"}, f"is registered for data of kind 'point'; did you mean 'points'? (known: {KINDS})",
    ),
    "no metrics": (
        mine, {"metrics": None},
        "is registered without metrics: add metrics=(...,) with a Metric (lth_core/metrics.py) for what it measures",
    ),
    "an empty tuple": (
        mine, {"metrics": ()}, "is registered without any metric: studies compare networks by its first one",
    ),
    "a metric alone": (
        mine, {"metrics": ERROR},
        "is registered with a Metric as metrics: a tuple of Metric (lth_core/metrics.py) is needed",
    ),
    "a name": (
        mine, {"metrics": (ERROR, "accuracy")},
        "is registered with 'accuracy' as metrics: a tuple of Metric (lth_core/metrics.py) is needed",
    ),
    "a column's name": (
        mine, {"metrics": (Metric("loss", "loss", "nats"),)},
        "is registered with a metric named 'loss', as another column of histories is: name it otherwise",
    ),
    "two of one name": (
        mine, {"metrics": (ERROR, ERROR)},
        "is registered with two metrics named 'error': name one of them otherwise",
    ),
    "images of points": (
        mine, {"data": "points", "generates": object},
        "is registered with `generates` for data of other kinds: only objectives of images draw them",
    ),
    "no batch": (
        lambda outputs: {}, {}, "does not take batch: it must be a function of outputs and batch",
    ),
    "other arguments": (
        lambda scores, labels: {}, {},
        "does not take outputs and batch: it must be a function of outputs and batch",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("function", "facts", "said"), BAD.values(), ids=BAD)
def test_objectives(
    function: Callable[..., Any], facts: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, function, "mine", **facts)
    assert misregistered_objective("mine") == f"'mine' {said}"
    assert errors_of(GOOD, OBJECTIVE) == [f"tasks.digits-lenet.objective: 'mine' {said}"]


def test_a_registration_without_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    for fact in ("data", "metrics"):
        register(monkeypatch, mine, "mine")
        monkeypatch.delitem(registry.objective._facts["mine"], fact)
        assert "is registered without" in (misregistered_objective("mine") or "")


def test_those_that_come_with_the_project_are_well_registered() -> None:
    assert not any(map(misregistered_objective, registry.objective.names()))
    assert not any(map(misregistered_dataset, registry.dataset.names()))


def with_dataset(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    monkeypatch.setitem(registry.dataset._functions, "table", lambda root: None)
    monkeypatch.setitem(registry.dataset._facts, "table", facts)


def lines(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> Sequence[str]:
    """What is said of a data set that is registered with these facts, under an objective for points."""
    with_dataset(monkeypatch, **facts)
    register(monkeypatch, mine, "mine")
    return errors_of(GOOD, TASK % "dataset: table, objective: mine, model: {name: mlp, hidden: [3]}")


def test_a_data_set_of_an_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"'table' is registered with the kind 'point'; did you mean 'points'? (known: {KINDS})"
    assert lines(monkeypatch, kind="point") == [f"tasks.digits-lenet.dataset: {said}"]


def test_a_data_set_that_forgets_its_kind_counts_as_images(monkeypatch: pytest.MonkeyPatch) -> None:
    advice = 'add kind="points" where it is registered, if that is what it returns'
    said = f"'mine' takes points, but 'table' is of kind images: {advice}"
    assert lines(monkeypatch)[0] == f"tasks.digits-lenet.objective: {said}"


def test_one_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "'mine' takes points, but 'table' is of kind text, which goes with language"
    assert lines(monkeypatch, kind="text")[0] == f"tasks.digits-lenet.objective: {said}"


def test_one_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(monkeypatch, kind="points") == []
