"""Methods whose criteria compute with networks: what goes with no task is one line, and no mask waits for a training."""

# ruff: noqa: E501 (the table has the lines as users see them)

from __future__ import annotations

from typing import Any

import pytest

from tests.support.config_samples import GOOD, LANGUAGE, errors_of
from tests.support.example_plan import plan_of  # noqa: F401 (a fixture)

IMP = "methods: {imp: {%s}}"
OTHER = "{methods: {other: {levels: 1, %s}}, studies: {toy: {tasks: {digits-lenet: other}}}}"

BAD = [
    (GOOD, IMP % "prune_at: 201", "methods.imp.prune_at: 201 must be at most 200, the last step of task 'digits-lenet'"),
    (LANGUAGE, IMP % "criterion: synflow", "methods.imp.criterion: 'synflow' needs inputs that are numbers, not tokens, as task 'lstm' has"),
    (GOOD, OTHER % "criterion: batch-norm-scale", "methods.other.criterion: 'batch-norm-scale' ranks channels: set granularity: channel"),
    (GOOD, OTHER % "criterion: synflow, granularity: filter, fractions: {'fc1.*': 0.5}", "methods.other.iterations: 'synflow' scores in 100 rounds, and granularity 'filter' prunes in one: set iterations: 1"),
    (GOOD, IMP % "criterion: {name: snip, examples_per_class: 126}", "methods.imp.criterion.examples_per_class: 126 of each of 10 classes are more than the 1,257 training examples of 'digits'"),
    (GOOD, IMP % "criterion: {name: snip, examples_per_class: 0}", "methods.imp.criterion.examples_per_class: must be greater than 0 (got 0)"),
    (GOOD, IMP % "criterion: {name: synflow, precision: float16}", "methods.imp.criterion.precision: must be one of 'float32', 'float64' (got 'float16'); did you mean 'float64'?"),
    (GOOD, IMP % "criterion: {name: synflow, batch_size: 3}", "methods.imp.criterion.batch_size: unknown option of criterion 'synflow' (known: precision)"),
    (GOOD, OTHER % "keep: lowest, allocation: lamp", "methods.other: keep 'lowest' turns scores round, and allocation 'lamp' squares them: remove one of the two"),
    (GOOD, OTHER % "criterion: grasp, allocation: lamp", "methods.other.allocation: 'lamp' squares scores, and those of 'grasp' have signs: use another allocation"),
    (GOOD, OTHER % "iterations: 5, granularity: filter, fractions: {'fc1.*': 0.5}", "methods.other: granularity 'filter' prunes in one round per level: remove iterations"),
    (GOOD, "studies: {deconstructing: {tasks: {digits-lenet: imp}, levels: [1], criteria: [snip]}}", "studies.deconstructing.criteria: 'snip' computes with the network, and these are criteria of weights: leave it out"),
    (GOOD, IMP % "prune_at: 0" + "\nstudies: {deconstructing: {tasks: {digits-lenet: imp}, levels: [1]}}", "studies.deconstructing: method 'imp' has prune_at, and masks here are of trained weights: name another method"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "fragment", "expected"), BAD, ids=[expected.split(" ")[0] for *_, expected in BAD])
def test_what_does_not_go_together_is_one_line(config: str, fragment: str, expected: str) -> None:
    assert errors_of(config, fragment) == [expected]


def test_a_mistake_that_a_study_hands_on_to_its_methods_is_one_line() -> None:
    expected = ["methods.imp.prune_at: 5000 must be at most 200, the last step of task 'digits-lenet'"]
    study = "studies: {toy: {rewind_steps: [5, 10]}}"
    assert errors_of(GOOD, IMP % "prune_at: 5000", study) == expected
    assert errors_of(GOOD, IMP % "prune_at: 200", study) == []


@pytest.mark.parametrize("criterion", ["snip", "grasp", "synflow", "taylor", "obd"])
def test_every_criterion_goes_with_images(criterion: str) -> None:
    assert errors_of(GOOD, IMP % f"criterion: {criterion}") == []


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [
        # at initialization a chain waits for theta_0 and data alone, whatever its levels
        ({"criterion": "snip"}, ["init", "digits"], ["init", "digits", "reset/level_1/mask"]),
        ({"criterion": "synflow"}, ["init", "digits"], ["init", "digits", "reset/level_1/mask"]),
        ({"criterion": "synflow", "iterative": False}, ["init", "digits"], ["init", "digits"]),
        ({"criterion": "magnitude", "prune_at": 0}, ["init"], ["init", "reset/level_1/mask"]),
        # early in training for that step of the dense run
        ({"criterion": "snip", "prune_at": 7}, ["init", "digits", "dense/at_7"], ["init", "digits", "dense/at_7", "reset/level_1/mask"]),
        # after training for the end of the one before
        ({"criterion": "taylor"}, ["init", "digits", "dense/trained"], ["init", "digits", "reset/level_1/trained", "reset/level_1/mask"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_mask_waits_for_the_weights_that_are_scored_and_for_data(
    plan_of: Any,  # noqa: F811
    method: dict[str, Any],
    first: list[str],
    second: list[str],
) -> None:
    chains = plan_of(lambda config: config["methods"]["reset"].update(method)).chains

    def inputs(level: int) -> list[str]:
        files = chains.prune_inputs("mini", "0-1", "reset", level).values()
        return sorted({path.removesuffix(".safetensors") for path in files})

    for level, expected in ((1, first), (2, second)):
        assert len(inputs(level)) == len(expected)
        assert all(any(path.endswith(end) for path in inputs(level)) for end in expected)
