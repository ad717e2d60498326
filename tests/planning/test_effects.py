"""Settings that would change nothing beside another one are one line; where they change something they are taken."""

# ruff: noqa: E501 (the table has the lines as users see them)

from __future__ import annotations

import pytest

from tests.support.config_samples import GOOD, errors_of

OTHER = "{methods: {other: {levels: 1, %s}}, studies: {toy: {tasks: {digits-lenet: other}}}}"
GRADUAL = "'gradual' starts dense and ranks weights itself: remove it"
FREE = "'sampled-mask' decides itself how many weights are kept: remove it"
CHANNELS = "granularity: channel, exclude: [output], channel_score: mean"
BRANCH = "{branches: {other: {%s}}, studies: {frankle2019: {tasks: {digits-lenet: imp}, controls: [other]}}}"
STUDY = "{studies: {frankle2019: {tasks: {digits-lenet: imp}, %s}}}"

IDLE = [
    (OTHER % "spacing: linear", "methods.other.spacing: 'magnitude' prunes in one round per level: remove it, or set iterations"),
    (OTHER % "during: gradual, criterion: snip", f"methods.other.criterion: {GRADUAL}"),
    (OTHER % "during: gradual, iterations: 5", f"methods.other.iterations: {GRADUAL}"),
    (OTHER % "during: gradual, spacing: linear", f"methods.other.spacing: {GRADUAL}"),
    (OTHER % "during: gradual, prune_at: 5", f"methods.other.prune_at: {GRADUAL}"),
    (OTHER % "during: gradual, keep: lowest", f"methods.other.keep: {GRADUAL}"),
    (OTHER % "criterion: random, prune_at: 5", "methods.other.prune_at: 'random' looks at no trained weights: remove it"),
    (OTHER % CHANNELS, "methods.other.channel_score: 'mean' ranks channels of one group as the sum does: remove it, or use scope: global"),
    (OTHER % "search: {parametrization: sampled-mask}, densities: [0.1]", f"methods.other.densities: {FREE}"),
    (OTHER % "search: {parametrization: sampled-mask}, scope: global", f"methods.other.scope: {FREE}"),
    (OTHER % "search: {parametrization: edge-popup}, spacing: linear", "methods.other: search learns the mask of single weights from theta_0 or theta_k: remove spacing"),
    (BRANCH % "treatment: ticket, order: 1, draws: 3", "branches.other.draws: treatment 'ticket' draws nothing, so that 3 trainings would be the same one: remove it"),
    (STUDY % "controls: [], control_levels: [1]", "studies.frankle2019: control_levels changes nothing without controls: remove it"),
    (STUDY % "one_shot: false, continued: false, strategy_levels: [1]", "studies.frankle2019: strategy_levels changes nothing without one_shot or continued: remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "expected"), IDLE)
def test_a_setting_that_changes_nothing_is_one_line(fragment: str, expected: str) -> None:
    assert errors_of(GOOD, fragment) == [expected]


@pytest.mark.parametrize(
    "fragment",
    [
        OTHER % "iterations: 5, spacing: linear",
        OTHER % "criterion: synflow, spacing: linear",
        OTHER % "during: {name: rigl, every: 10}, criterion: snip, iterations: 5, spacing: linear",
        OTHER % "during: gradual, scope: global",
        OTHER % "criterion: magnitude, prune_at: 5",
        OTHER % (CHANNELS + ", scope: global"),
        OTHER % "search: {parametrization: edge-popup}, densities: [0.1], scope: global",
        BRANCH % "treatment: reinit, draws: 3",
        STUDY % "one_shot: false, strategy_levels: [1]",
    ],
)
def test_where_it_changes_something_it_is_taken(fragment: str) -> None:
    assert errors_of(GOOD, fragment) == []
