"""GANs in the study across kinds of models: measured by a judge of their images, who must be fit."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from lth_core.analysis.measurements import REPLICATE
from lth_core.config import Config
from lth_core.storage.runs import Run
from lth_core.studies.across_models import AcrossModels, judged
from lth_core.studies.across_models.judged import frechet_metric, with_distances
from lth_core.studies.across_models.tables import View

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
DIGITS = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-2"]}
GAN = DIGITS | {"objective": "gan", "model": {"name": "gan", "hidden": 4, "latents": 2}}
LENET = DIGITS | {"model": {"name": "lenet", "hidden": [4]}}
DENSE, TICKET = Run("gan", "0-2"), Run("gan", "0-2", "imp", 1)
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
            {"seed": range(3), "draw": 0, "frechet_distance": distances, "judge_accuracy": 0.96}
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


def test_distances_take_the_place_of_a_gans_metric_and_leave_other_tasks_as_they_are(measured: pd.DataFrame) -> None:
    made = with_distances(measured, config(), list(DISTANCES))
    assert list(made.columns) == list(measured.columns)
    assert list(made["metric"]) == [*DISTANCES[DENSE], *DISTANCES[TICKET], 0.25, 0.25, 0.25]
    assert list(made["validation_metric"].isna()) == [True] * 6 + [False] * 3
    assert with_distances(measured, config(), []).equals(measured)


def test_a_judge_that_is_not_fit_measures_nothing(measured: pd.DataFrame) -> None:
    strict = config(judge={"tasks": {"digits": "lenet"}, "least": 0.97})
    made = with_distances(measured, strict, list(DISTANCES))
    assert list(made["metric"].isna()) == [True] * 6 + [False] * 3


def test_what_is_worse_by_the_spread_of_dense_networks_matches(measured: pd.DataFrame) -> None:
    made = with_distances(measured, config(), list(DISTANCES))
    metric = View(study(), config(), {"measurements": made}, "gan").metric
    assert (metric.label, metric.matching) == ("Frechet distance", 1.0)
    assert metric.matches(11.9, 11.0) and not metric.matches(12.1, 11.0)
    assert frechet_metric(pd.Series([3.0])).matching == 0.0
    assert View(study(), config(), {"measurements": made}, "lenet").metric.label == "accuracy"


def test_images_of_all_runs_of_gans_are_judged() -> None:
    judged_files = [path for path in study().analyses(config()) if path.endswith("judged.csv")]
    assert judged_files == [
        f"results/gan/0-2/{folder}/judged.csv" for folder in ("dense", "imp/level_1", "imp/level_1/random-mask")
    ]


def test_a_gan_needs_a_judge() -> None:
    with pytest.raises(ValueError, match=r"tasks.gan: a classifier judges the images of a GAN: name a classification"):
        study().runs(config(judge={}))
