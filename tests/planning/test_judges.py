"""Images that networks draw, and GANs, which a judge compares: what cannot be is one line before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.config_samples import errors_of

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
DIGITS: dict[str, Any] = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-2"]}
GAN = DIGITS | {"objective": "gan", "model": {"name": "gan", "hidden": 4, "latents": 2}}
VAE = DIGITS | {"objective": "vae", "model": {"name": "vae", "hidden": 4, "latents": 2}}
GOOD = {
    "tasks": {"gan": GAN, "vae": VAE, "judge": DIGITS | {"model": "lenet"}},
    "methods": {"imp": {"levels": 2}},
    "judge": {"tasks": {"digits": "judge"}},
    "studies": {"generative-tickets": {"tasks": {"gan": "imp", "vae": "imp"}, "transfers": {"gan": "vae"}}},
}
AT = "studies.generative-tickets"


def errors(**changes: Any) -> list[str]:
    return errors_of(*(yaml.safe_dump(part) for part in (GOOD, changes)))


def test_a_config_of_judged_images_holds_together() -> None:
    assert errors() == errors(samples={"count": 1257}) == errors(judge={"least": 0.11}) == []


@pytest.mark.parametrize("study", ["frankle2019", "comparison", "pretrained-tickets", "hardware-costs"])
def test_no_study_without_a_judge_compares_gans(study: str) -> None:
    said = "this study would compare GANs by what their own discriminators say of them"
    assert errors(studies={study: {"tasks": {"gan": "imp"}}}) == [
        f"studies.{study}.tasks.gan: {said}: take study 'across-models' or 'generative-tickets'"
    ]


@pytest.mark.parametrize("study", ["across-models", "generative-tickets"])
def test_studies_that_have_judges_need_one(study: str) -> None:
    without = {**GOOD, "judge": {}, "studies": {study: {"tasks": {"gan": "imp"}}}}
    said = "a classifier judges the images of a GAN: name a classification task on 'digits' under judge.tasks"
    assert errors_of(yaml.safe_dump(without)) == [f"studies.{study}.tasks.gan: {said}"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"judge": {"least": 0}}, "judge.least: must be greater than 0 (got 0)"),
        (
            {"judge": {"least": 0.1}},
            "judge.least: 0.1 is not above 1/10, what chance comes to on 'digits': set `least` above it",
        ),
        (
            {"samples": {"count": 1258}},
            "samples.count: 1,258 are more than the 1,257 training images of 'digits', of which the floor takes as "
            "many",
        ),
        (
            {"studies": {"generative-tickets": {"transfers": {"gan": "gan"}}}},
            f"{AT}.transfers.gan: must be another task: its own tickets are trained anyway",
        ),
        (
            {
                "tasks": {"vae": {"cohorts": ["0-1"]}},
                "studies": {"generative-tickets": {"transfers": {"vae": "gan"}}},
            },
            f"{AT}.transfers.gan: task 'vae' has no cohort '0-2' as task 'gan'",
        ),
    ],
)
def test_what_cannot_be_compared_fairly_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert errors(**changes) == [line]


def test_few_images_are_no_matter_where_none_are_drawn() -> None:
    few = {"source": "digits", "transforms": [{"name": "subset", "examples": 40}]}
    task, study = VAE | {"dataset": "few"}, {"tasks": {"vae": "imp"}}
    config: dict[str, Any] = {"datasets": {"few": few}, "tasks": {"vae": task}, "methods": {"imp": {"levels": 2}}}
    assert errors_of(yaml.safe_dump(config | {"studies": {"frankle2019": study}})) == []
    more = "samples.count: 500 are more than the 40 training images of 'few', of which the floor takes as many"
    assert errors_of(yaml.safe_dump(config | {"studies": {"generative-tickets": study}})) == [more]
