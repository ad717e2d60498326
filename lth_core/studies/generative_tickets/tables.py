"""The tables of the study of generative networks: what is measured, how far images are from real ones, and images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from lth_core.analysis.measurements import REPLICATE, RUN, final_metrics, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import read_header, read_tensors
from lth_core.studies.generative_tickets.study import Design
from lth_core.studies.judges import ACCURACY, FLOOR, FLOOR_IMAGES, FRECHET
from lth_core.studies.proportions import simplest
from lth_core.tasks.metrics import metrics_of

REAL = "real"
MEASUREMENTS = (*REPLICATE, "metric", "validation_metric", "second_metric")
SAMPLES = (*REPLICATE, "validation_distance", "test_distance", "validation_floor", "test_floor", "simplest")
JUDGED_COLUMNS = (*REPLICATE, FRECHET.name, FLOOR, "coverage", "entropy", ACCURACY, FLOOR_IMAGES)
IMAGES = ("task", "network", "level", "density", "seed", "image", "shape", "pixels")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables but `judged` (judged.py).

    `measurements`: one row per run and replicate, with the task's metric at the end of training (`metric` on test data,
    `validation_metric`) and its second metric on test data (`second_metric`, nan where there is none). `samples`: one
    row per replicate that draws images: the energy distances of these to held-out ones, those of as many training
    images (the floors), and the metric of something simple on test data, to put what matches in proportion
    (`simplest`: of the mean test image, of no predicted noise; nan of a GAN). `images`: a few images of one seed's
    networks, at the levels that are shown, and real test images (network `real`): the shape (channels x height x
    width), and the pixels, 00 to ff. `judged`: one row per replicate whose images a classifier has judged: the Fréchet
    distance of the images to all test images, that of real images (`frechet_floor`; `floor_images` says which), how the
    images spread over the classes (`coverage`, `entropy`), and the accuracy of the judge on validation images; where
    that is below `judge.least`, what the judge says is left out (nan).
    """
    runs = study.runs(config)
    measured = final_metrics(read_histories(config, runs))
    measured = measured.merge(_second_metrics(config, runs), on=[*RUN, "seed", "draw"], how="left")
    measured["second_metric"] = measured["second_metric"].where(measured["metric"].notna())
    sampled = study.sampled_runs(config)
    distances = pd.concat([_distances(config, run) for run in sampled], ignore_index=True)
    distances["simplest"] = distances["task"].map({task: simplest(config, task) for task in study.tasks})
    images = pd.DataFrame([row for task in study.tasks for row in _images(study, config, task)], columns=list(IMAGES))
    return {
        "measurements": measured[list(MEASUREMENTS)],
        "samples": distances[list(SAMPLES)],
        "images": images,
    }


def named(config: Config, run: Run) -> dict[str, Any]:
    """Return what names the rows of a run."""
    density = read_header(run.mask(config.results))["density"] if run.level else 1.0
    branch = run.branch or ("ticket" if run.level else DENSE)
    values = [run.task, run.cohort, run.method, run.level, branch, density]
    return dict(zip([*RUN, "density"], values, strict=True))


def _second_metrics(config: Config, runs: list[Run]) -> pd.DataFrame:
    """The second metric on test data at the end of every training whose objective has one."""
    columns = [*RUN, "seed", "draw", "second_metric"]
    parts = [pd.DataFrame(columns=columns)]
    for run in runs:
        metrics = metrics_of(config.tasks[run.task])
        if len(metrics) > 1:
            history = read_table(run.history(config.results))
            ends = history[(history["step"] == history["step"].max()) & (history["split"] == "test")]
            parts.append(ends.rename(columns={metrics[1].name: "second_metric"}).assign(**named(config, run))[columns])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _distances(config: Config, run: Run) -> pd.DataFrame:
    return read_table(run.energy_distance(config.results)).assign(**named(config, run))


def _images(study: Design, config: Config, task: str) -> Iterator[tuple]:
    """Images of the first replicate of the first cohort."""
    for run in study.shown(config, task):
        path, names = run.samples(config.results), named(config, run)
        drawn, diverged = read_tensors(path), read_header(path)["diverged"][0]
        about = (names["level"], names["density"], int(run.cohort.partition("-")[0]))
        if not run.level:
            yield from ((task, REAL, *about, *one) for one in _listed(drawn["real"][: study.images]))
        if not diverged:
            yield from ((task, names["branch"], *about, *one) for one in _listed(drawn["samples"][0, : study.images]))


def _listed(images: np.ndarray) -> Iterator[tuple[int, str, str]]:
    """Number, shape and pixels of every image (C, H, W)."""
    for number, image in enumerate(images):
        yield number, "x".join(map(str, image.shape)), image.tobytes().hex(" ")
