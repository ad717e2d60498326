"""Methods that a study derives are as valid as those of the config: what cannot be is refused before a run."""

# ruff: noqa: E501 (the lines are as users see them)

from __future__ import annotations

import pytest

from tests.support.config_samples import GOOD, errors_of

DROPS = "tasks: {digits-lenet: {train: {schedule: {name: step, drop_steps: [100]}}}}"
LEARNED = "search: {parametrization: soft-mask}, iterative: true, scope: global, rate: 0.2, levels: 1"


def errors(method: str, study: str) -> list[str]:
    """The lines about a config of one method, `imp`, and one study."""
    parts = GOOD.partition("methods:")[0], f"methods: {{imp: {{{method}}}}}", f"studies: {{{study}}}"
    return errors_of("\n".join(parts), DROPS)


@pytest.mark.parametrize(
    ("study", "derived", "removed"),
    [
        ("frankle2019: {tasks: {digits-lenet: imp}}", "imp-continued", "rewind policy 'lr-rewind'"),
        ("renda2020: {tasks: {digits-lenet: imp}, budgets: [50], levels: [1]}", "imp-one-shot-fine-tune-150", "rewind policy 'fine-tune'"),
        ("tanaka2020: {tasks: {digits-lenet: imp}, levels: [1]}", "imp-one-shot-inverted", "keep 'lowest'"),
    ],
)  # fmt: skip
def test_a_derived_method_that_cannot_be_is_one_line(study: str, derived: str, removed: str) -> None:
    name = study.partition(":")[0]
    reason = f"search learns the mask of single weights from theta_0 or theta_k: remove {removed}"
    line = f"studies.{name}.tasks.digits-lenet: the study derives '{derived}' from method 'imp', which cannot be ({reason})"
    assert errors(LEARNED, study) == [f"{line}: name another method, or turn this variant off"]
    assert errors("scope: global, levels: 1", study) == []


def test_a_study_without_that_variant_has_the_method() -> None:
    assert errors(LEARNED, "frankle2019: {tasks: {digits-lenet: imp}, continued: false}") == []


def test_a_derived_task_that_cannot_be_names_its_study_and_no_key_that_the_config_does_not_have() -> None:
    whose = "train.batch_size: 60 is more than the 5 training examples of 'digits-known'"
    options = "tasks: {digits-lenet: imp}, rewind_step: 50, levels: [1], fraction: 0.004"
    expected = [f"studies.warm-start: derives task 'digits-lenet-known', whose {whose}"]
    assert errors("levels: 1", f"warm-start: {{{options}}}") == expected
