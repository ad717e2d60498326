"""Tasks that are refused, in one line, by the studies of what networks can do without training."""

from __future__ import annotations

import pytest

from lth_core.config import Config
from lth_core.planning.configerrors import ConfigError
from lth_core.planning.plan import Plan

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 4, "evaluate_every": 4}
LANGUAGE = {"dataset": "english", "objective": "language", "model": "lstm"}
CONVOLUTIONS = {"dataset": "digits", "model": "conv-2"}
LINEAR = {"dataset": "digits", "model": "lenet"}
GRAPH = {"dataset": "digits-graph", "model": "gcn"}
CLASSES, CHOICES = "'classification'", "'classification' or 'actor-critic'"


def errors_of(task: dict, study: str, **settings: object) -> list[str]:
    """The lines of the error that the plan of one study of one task ends with."""
    config = {
        "tasks": {"mine": task | {"train": TRAIN, "cohorts": ["0-1"]}},
        "methods": {"imp": {"levels": 1}},
        "studies": {study: {"tasks": {"mine": "imp"}}},
    }
    with pytest.raises(ConfigError) as raised:
        Plan.read([], config | settings)
    return str(raised.value).splitlines()


@pytest.mark.parametrize(("study", "needed"), [("malach2020", CLASSES), ("gaier2019", CHOICES)])
def test_a_task_without_choices_is_refused(study: str, needed: str) -> None:
    (line,) = errors_of(LANGUAGE, study)
    wanted = f"this study needs tasks with objective {needed}, not 'language': leave the task out of it"
    assert line == f"studies.{study}.tasks.mine: {wanted}"


def test_nodes_of_a_graph_are_not_decided_on_one_by_one() -> None:
    (line,) = errors_of(GRAPH, "gaier2019")
    assert line == (
        "studies.gaier2019.tasks.mine: evolved networks take images, points or environment, and 'digits-graph' is of "
        "kind graph: leave the task out of it"
    )


def test_a_network_of_convolutions_is_no_target_of_a_construction() -> None:
    (line,) = errors_of(CONVOLUTIONS, "malach2020")
    assert line == (
        "studies.malach2020.tasks.mine: 'conv-2' is no network of linear layers with ReLU alone: use 'lenet'"
    )


def test_what_is_wrong_with_a_search_is_not_said_again_of_those_that_come_from_it() -> None:
    search = {"parametrization": "edge-popup", "weights": "constant", "retrain": False}
    method = {"levels": 2, "densities": [0.5, 0.2], "iterative": True, "search": search}
    (line,) = errors_of(LINEAR, "strong-tickets", methods={"imp": method})
    assert line.startswith("methods.imp.search.parametrization: 'edge-popup' does not go on from the mask of")


@pytest.mark.parametrize(
    ("section", "value", "start"),
    [
        ("construction", {"units": [4, 2]}, "construction: units must rise"),
        ("construction", {"units": [4, 40]}, "construction.units[1]: "),
        ("subset_sums", {"values": 40}, "subset_sums.values: "),
        ("evolution", {"connected": 0}, "evolution.connected: "),
        ("evolution", {"population": 1}, "evolution.population: "),
    ],
)
def test_settings_beyond_what_can_be_searched_are_refused(section: str, value: object, start: str) -> None:
    (line,) = errors_of(LINEAR, "malach2020", **{section: value})
    assert line.startswith(start)


def test_settings_have_defaults() -> None:
    config = Config.model_validate({"tasks": {"mine": LINEAR | {"train": TRAIN, "cohorts": ["0-1"]}}} | OTHERS)
    assert config.evolution.weights == [-2, -1, -0.5, 0.5, 1, 2] and config.subset_sums.targets == 200


OTHERS = {"methods": {"imp": {"levels": 1}}, "studies": {"malach2020": {"tasks": {"mine": "imp"}}}}
