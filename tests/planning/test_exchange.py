"""Tasks that exchange weights or masks: what must mean the same in both is looked at before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_samples import CONTROL, GOOD, LANGUAGE, errors_of

SECOND = LANGUAGE.replace("lstm:", "other:", 1).replace("english", "mine")
OTHER_TEXT = "datasets: {mine: {source: {name: text, path: mine.txt}}}"
OTHER_CONTEXT = "datasets: {mine: {source: {name: english, context: 32}}}"
SAME_TEXT = "datasets: {mine: {source: english}}"

FROM = "tasks: {lstm: {initialization: {from: {task: other}}}}"
SOURCE = "{branches: {b: {treatment: ticket, source: other}}, studies: {toy: {branch: b}}}"
WEIGHTS = "{branches: {b: {treatment: ticket, weights: {task: other, step: 5}}}, studies: {toy: {branch: b}}}"
GROUP = "studies: {transfer: {tasks: {lstm: imp, other: imp}, groups: {both: [lstm, other]}}}"
WAYS = {
    FROM: "tasks.lstm.initialization.from.task",
    SOURCE: "branches.b.source",
    WEIGHTS: "branches.b.weights",
    GROUP: "studies.transfer",
}

VOCABULARIES = (
    "tasks 'lstm' and 'other' have texts of different characters (103 and 3), so that their tokens differ: "
    "weights pass between texts of the same characters only"
)
CONTEXTS = (
    "task 'lstm' has 64 characters in a window, 'other' has 32, and the weights of 'transformer' depend on their number"
)


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("abc" * 1000)


@pytest.mark.parametrize("way", WAYS, ids=WAYS.values())
def test_texts_of_other_characters_exchange_nothing(way: str) -> None:
    (line,) = errors_of(LANGUAGE, SECOND, OTHER_TEXT, way)
    before, after = VOCABULARIES.split("103")  # which is that of this Python's help
    assert line.startswith(f"{WAYS[way]}: {before}") and line.endswith(after)


@pytest.mark.parametrize("way", WAYS, ids=WAYS.values())
def test_windows_of_other_lengths_matter_to_networks_with_positions_alone(way: str) -> None:
    transformer = "{name: transformer, width: 8, heads: 2}"
    with_positions = [text.replace("{name: lstm, width: 8}", transformer) for text in (LANGUAGE, SECOND)]
    assert errors_of(*with_positions, OTHER_CONTEXT, way) == [f"{WAYS[way]}: {CONTEXTS}"]
    assert errors_of(LANGUAGE, SECOND, OTHER_CONTEXT, way) == []
    assert errors_of(*with_positions, SAME_TEXT, way) == []


@pytest.mark.parametrize(("config", "objective"), [(CONTROL, "actor-critic"), (GOOD, "classification")])
@pytest.mark.parametrize("way", [FROM, SOURCE, WEIGHTS])
def test_tasks_of_other_objectives_exchange_nothing(way: str, config: str, objective: str) -> None:
    first = LANGUAGE.replace("lstm:", "first:", 1).replace("{lstm: imp}", "{first: imp}")
    name = "pole" if config is CONTROL else "digits-lenet"
    second = config[: config.index("methods")].replace(f"{name}:", "other:", 1)
    have = f"task 'first' has objective 'language', 'other' has '{objective}'"
    lines = errors_of(first, second, way.replace("lstm", "first"))
    assert lines == [f"{WAYS[way].replace('lstm', 'first')}: {have}: weights pass between tasks of one objective"]


def test_tasks_that_are_measured_otherwise_form_no_group() -> None:
    second = CONTROL[: CONTROL.index("methods")].replace("pole:", "other:", 1)
    measured = "'lstm' is measured by bits per character, 'other' by return: a group needs one metric"
    assert errors_of(LANGUAGE, second, GROUP) == [f"studies.transfer.groups.both: {measured}"]


def test_environments_of_other_features_exchange_nothing() -> None:
    second = CONTROL.replace("pole:", "other:", 1).replace("cartpole", "acrobot").replace("{pole: imp}", "{other: imp}")
    counts = "task 'other' has 6 features, 'pole' has 4, and the weights of 'mlp' depend on their number"
    assert errors_of(CONTROL, second, SOURCE) == [f"branches.b.source: {counts}"]
