"""GANs in the study across kinds of models: measured by a judge of their images, who must be fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from lth_core.analysis.measurements import REPLICATE
from lth_core.config import Config
from lth_core.storage.runs import Run
from lth_core.studies.across_models import AcrossModels, judged
from lth_core.studies.across_models import tables as across_tables
from lth_core.studies.across_models.judged import with_distances
from lth_core.studies.across_models.tables import View
from lth_core.studies.judges import frechet_metric

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
DIGITS = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-2"]}
GAN = DIGITS | {"objective": "gan", "model": {"name": "gan", "hidden": 4, "latents": 2}}
LENET = DIGITS | {"model": {"name": "lenet", "hidden": [4]}}
DENSE, TICKET = Run("gan", "0-2"), Run("gan", "0-2", "imp", 1)
Tables = Callable[[Config], dict[str, pd.DataFrame]]
DISTANCES = {DENSE: [10.0, 11.0, 12.0], TICKET: [10.5, 11.5, 12.5]}


def config(**settings: Any) -> Config:
    studies = {"across-models": {"tasks": {"gan": "imp", "lenet": "imp"}}}
    known = {"tasks": {"gan": GAN, "lenet": LENET}, "methods": {"imp": {"rate": 0.5, "levels": 1}}}
    return Config.model_validate(known | {"studies": studies, "judge": {"tasks": {"digits": "lenet"}}} | settings)


def study() -> AcrossModels:
    return AcrossModels.model_validate({"tasks": {"gan": "imp", "lenet": "imp"}, "controls": ["random-mask"]})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The measurements of a dense GAN, of a ticket and of another task."""
    tables = {
        run.judged("results"): pd.DataFrame(
            {
                "seed": range(3),
                "draw": 0,
                "frechet_distance": distances,
                "frechet_floor": 3.0,
                "judge_accuracy": 0.96,
            }
        )
        for run, distances in DISTANCES.items()
    }
    monkeypatch.setattr(judged, "read_table", tables.get)
    rows = [
        (run.task, run.cohort, run.method, run.level, "ticket" if run.level else "dense", 0.5**run.level, seed, 0)
        for run in (DENSE, TICKET, Run("lenet", "0-2"))
        for seed in range(3)
    ]
    return pd.DataFrame(rows, columns=REPLICATE).assign(metric=0.25, validation_metric=0.75)


def seen(config: Config) -> pd.DataFrame:
    return judged.judged(config, list(DISTANCES))


def test_distances_take_the_place_of_a_gans_metric_and_leave_other_tasks_as_they_are(measured: pd.DataFrame) -> None:
    made = with_distances(measured, seen(config()))
    assert list(made.columns) == list(measured.columns)
    assert list(made["metric"]) == [*DISTANCES[DENSE], *DISTANCES[TICKET], 0.25, 0.25, 0.25]
    assert list(made["validation_metric"].isna()) == [True] * 6 + [False] * 3
    assert with_distances(measured, judged.judged(config(), [])).equals(measured)


def test_a_judge_that_is_not_fit_measures_nothing(measured: pd.DataFrame) -> None:
    strict = config(judge={"tasks": {"digits": "lenet"}, "least": 0.97})
    made = with_distances(measured, seen(strict))
    assert list(made["metric"].isna()) == [True] * 6 + [False] * 3


def test_what_is_worse_by_the_spread_of_dense_networks_matches(measured: pd.DataFrame) -> None:
    made = with_distances(measured, seen(config()))
    metric = View(study(), config(), {"measurements": made}, "gan").metric
    assert (metric.label, metric.matching) == ("Fréchet distance", 1.0)
    assert metric.matches(11.9, 11.0) and not metric.matches(12.1, 11.0)
    assert frechet_metric(pd.Series([3.0])).matching == 0.0
    assert View(study(), config(), {"measurements": made}, "lenet").metric.label == "accuracy"


# ---------------------------------------------------------------- what is said of judges


@pytest.fixture
def tables(measured: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Tables:
    """tables(config) -> those of the study, with random masks as far from real images as tickets."""
    random = measured[measured["level"] > 0].assign(branch="random-mask")
    of_lenet = measured[measured["task"] == "lenet"].assign(method="imp", level=1, density=0.5)
    lenet = [of_lenet.assign(branch=branch) for branch in ("ticket", "random-mask")]
    monkeypatch.setattr(across_tables, "read_histories", lambda config, runs: None)
    monkeypatch.setattr(across_tables, "final_metrics", lambda histories: pd.concat([measured, random, *lenet]))
    monkeypatch.setattr(across_tables, "first_metrics", lambda histories: measured.assign(metric=0.0))
    monkeypatch.setattr(across_tables, "read_header", lambda path: {"layers": {"fc.weight": "hidden"}})
    control = Run("gan", "0-2", "imp", 1, "random-mask")
    known, same = judged.read_table, {control.judged("results"): TICKET.judged("results")}
    monkeypatch.setattr(judged, "read_table", lambda path: known(same.get(str(path), path)))
    return lambda config: study().tables(config)


def test_the_caption_says_what_gans_are_measured_by_and_how_good_the_judge_is(tables: Tables) -> None:
    drawing, _ = study().figures(config(), tables(config()))
    assert "A GAN is measured by the Fréchet distance" in drawing.caption
    judge = (
        "The judge, the classifier of task 'lenet', classifies 96% of validation images correctly; a judge needs 90%."
    )
    assert judge in drawing.caption
    assert "gan 12.5% (dense network: 11, real images in place of drawn ones: 3)." in drawing.caption
    assert "Not measured" not in drawing.caption


def test_of_a_judge_that_is_not_fit_caption_and_claims_say_so(tables: Tables) -> None:
    strict = config(judge={"tasks": {"digits": "lenet"}, "least": 0.97})
    made = tables(strict)
    reason = (
        "the classifier of task 'lenet' classifies 96% of validation images correctly, less than the 97% that a judge "
        "needs"
    )
    drawing, _ = study().figures(strict, made)
    assert f"No distances are reported, because {reason}." in drawing.caption and "diverged" not in drawing.caption
    claims = study().claims(strict, made)
    notes = {claim.note for claim in claims if claim.task == "gan"}
    assert notes == {f"No replicate could be measured: {reason}."}
    assert "Fréchet distance (within the spread of seeds)." in next(c.claim for c in claims if c.task == "gan")
    texts = [text.get_text() for text in drawing.draw().axes[0].texts]
    assert "Fréchet distance" in texts and "not measured" in texts  # without a spread
    assert not any(reason in claim.note for claim in claims if claim.task == "lenet")


# ---------------------------------------------------------------- what is asked for


def test_images_of_all_runs_of_gans_are_judged() -> None:
    judged_files = [path for path in study().analyses(config()) if path.endswith("judged.csv")]
    assert judged_files == [
        f"results/gan/0-2/{folder}/judged.csv" for folder in ("dense", "imp/level_1", "imp/level_1/random-mask")
    ]
    assert [run.judged("results") for run in study().sampled_runs(config())] == judged_files
    assert "results/gan/0-2/imp/level_1/samples.safetensors" in study().analyses(config())  # which may have diverged


def test_images_of_other_methods_are_judged_as_well() -> None:
    other = AcrossModels.model_validate({"tasks": {"gan": "imp"}, "controls": ["random-mask"], "compare": ["snip"]})
    assert Run("gan", "0-2", "imp-across-models-snip", 1) in other.sampled_runs(config())
    assert "results/gan/0-2/imp-across-models-snip/level_1/judged.csv" in other.analyses(config())
