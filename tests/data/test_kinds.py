"""Kinds of data: what models are offered of each, and the shape of an example."""

from __future__ import annotations

from typing import Any

import pytest

from lth_core.data.kinds import OFFERED, are_known, counted_by_batches, example_shape, kind_of_data, offered_to_models
from lth_core.registry import model

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, ...]]] = {
    "images": (
        {"classes": 4, "input_shape": [3, 8, 8], "source": "pictures"},
        {"classes": 4, "input_shape": (3, 8, 8)},
        (3, 8, 8),
    ),
    "text": (
        {"kind": "text", "vocabulary": 60, "context": 16, "characters": "abc"},
        {"vocabulary": 60, "context": 16},
        (16,),
    ),
    "labelled-texts": (
        {"kind": "labelled-texts", "vocabulary": 60, "context": 16, "classes": 3, "padding": 0},
        {"vocabulary": 60, "context": 16, "classes": 3, "padding_token": 0},
        (16,),
    ),
    "numbers": ({"kind": "points", "features": 10, "targets": 2}, {"features": 10, "outputs": 2}, (10,)),
    "classes": (
        {"kind": "points", "features": 10, "targets": 1, "classes": 7},
        {"features": 10, "outputs": 7},
        (10,),
    ),
    "environment": (
        {"kind": "environment", "features": 4, "actions": 2},
        {"features": 4, "actions": 2, "outputs": 3},
        (4,),
    ),
    "graph": (
        {"kind": "graph", "graph": "the graph itself", "classes": 7, "features": 1433, "nodes": 2708},
        {"graph": "the graph itself", "classes": 7},
        (),
    ),
}
"""The facts of a header, what models are offered of them, and the shape of one example."""


@pytest.mark.parametrize(("facts", "offered", "shape"), CASES.values(), ids=CASES)
def test_models_are_offered_what_their_data_have(facts: dict[str, Any], offered: Any, shape: tuple[int, ...]) -> None:
    assert offered_to_models(facts) == offered
    assert are_known(facts)
    assert example_shape(facts) == shape


@pytest.mark.parametrize("name", CASES)
def test_without_a_fact_not_all_is_known(name: str) -> None:
    facts, offered, _ = CASES[name]
    for needed in {*offered} & {*facts}:
        assert not are_known({key: value for key, value in facts.items() if key != needed})
    assert not are_known({"kind": kind_of_data(facts)})


def test_data_are_images_unless_they_say_otherwise() -> None:
    assert kind_of_data({}) == "images"
    assert kind_of_data({"kind": "points"}) == "points"


def test_all_that_is_offered_can_be_asked_for_by_models() -> None:
    assert {*model.offered} == {name for names in OFFERED.values() for name in names}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"classes": 10}, "examples"),
        ({"kind": "points", "features": 3}, "examples"),
        ({"kind": "text", "vocabulary": 91, "context": 64}, "windows of 64 characters"),
        ({"kind": "environment", "features": 4}, "episodes"),
        ({"kind": "graph", "features": 4}, "nodes"),
    ],
)
def test_batches_are_of_examples_windows_episodes_or_nodes(facts: dict, said: str) -> None:
    assert counted_by_batches(facts) == said
