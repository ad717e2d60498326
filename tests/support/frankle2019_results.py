"""Small configs of the study of Frankle & Carbin 2019, and synthetic artifacts with effects of known sizes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.weights import Bin
from lth_core.config import Config, seeds_of
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.frankle2019 import Frankle2019

LEVELS = 15
STEPS = range(0, 61, 10)
ADAM = {"optimizer": {"name": "adam", "learning_rate": 1.2e-3}}


def sgd(rate: float) -> dict[str, Any]:
    return {"optimizer": {"name": "sgd", "learning_rate": rate}, "schedule": {"name": "step", "drop_steps": [30]}}


def task(model: Any = "lenet", recipe: dict[str, Any] = ADAM, cohorts: tuple[str, ...] = ("0-2",)) -> dict[str, Any]:
    train = {**recipe, "batch_size": 10, "steps": 60, "evaluate_every": 10}
    return {"dataset": "digits", "model": model, "train": train, "cohorts": list(cohorts)}


def make_config(results: str = "results", levels: int = LEVELS, **tasks: dict[str, Any]) -> Config:
    return Config.model_validate(
        {
            "results": results,
            "tasks": tasks or {"digits": task()},
            "methods": {"imp": {"levels": levels}},
            "branches": {"reinit": {"treatment": "reinit", "draws": 2}},
            "studies": {"frankle2019": {"tasks": dict.fromkeys(tasks or ("digits",), "imp")}},
        }
    )


def make_study(config: Config, **options: Any) -> Frankle2019:
    return Frankle2019.model_validate({"tasks": dict.fromkeys(config.tasks, "imp"), **options})


LATE = {"ticket": 20, "dense": 30, "reinit": 40, "random-mask": 50, "one-shot": 30, "reset": 30}
"""Where validation loss is smallest; one evaluation later for seed 2."""
LOSS_PER_LEVEL = {"ticket": 0.0, "reinit": 0.004, "random-mask": 0.006, "one-shot": 0.003, "reset": 0.001}
"""Accuracy lost per level."""


def kind_of(run: Run) -> str:
    if run.branch:
        return run.branch
    return "one-shot" if run.method.endswith("one-shot") else "ticket" if run.level else "dense"


def accuracy_of(run: Run, seed: int, draw: int) -> float:
    """Every network's accuracy from step 20 on: a sum of effects of seed, level, kind of network and draw."""
    wobble = 0.001 * np.cos(7 * seed + 3 * run.level + sum(map(ord, kind_of(run))))
    return 0.95 + 0.002 * seed + wobble + 0.001 * draw - LOSS_PER_LEVEL.get(kind_of(run), 0.0) * run.level


def write_run(config: Config, run: Run) -> None:
    draws = 2 if run.branch == "reinit" else 1
    lines = ["seed,draw,step,split,loss,accuracy"]
    for seed in seeds_of(run.cohort):
        late = LATE[kind_of(run)] + 10 * (seed == 2)
        for draw in range(draws):
            for step in STEPS:
                accuracy = accuracy_of(run, seed, draw) * min(1, step / 20)
                loss = 0.1 + abs(step - late) / 100
                lines += [
                    f"{seed},{draw},{step},{split},{loss},{accuracy}" for split in ("train", "validation", "test")
                ]
    path = Path(run.history(config.results))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    if run.level:
        write_tensors(run.mask(config.results), {}, {"density": 0.8**run.level})


def write_histograms(path: str, seeds: list[int]) -> None:
    rows = [
        Bin(layer, quantity, group, seed, left, left + 0.5, count, total=count * (left + 0.1))
        for layer in ("hidden.0.weight", "output.weight")
        for quantity in ("initial", "distance")
        for seed in seeds
        for group, counts in (("kept", (1, 3 + seed)), ("pruned", (3, 1)))
        for left, count in zip((0.0, 0.5), counts, strict=True)
    ]
    text = [",".join(Bin._fields), *(",".join(map(str, row)) for row in rows)]
    Path(path).write_text("\n".join(text) + "\n")


def write_artifacts(config: Config, study: Frankle2019) -> None:
    for run in study.runs(config):
        write_run(config, run)
    for path in study.analyses(config):
        write_histograms(path, seeds_of(path.split("/")[-4]))


def read_back(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """As the figures and claims see them: from CSV."""
    return {name: pd.read_csv(io.StringIO(table.to_csv(index=False))) for name, table in tables.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Frankle2019, dict[str, pd.DataFrame]]:
    """Four tasks: plain, with dropout, and two learning rates that fall in steps."""
    config = make_config(
        str(tmp_path_factory.mktemp("results")),
        plain=task(),
        dropout=task({"name": "lenet", "dropout": 0.5}),
        fast=task("resnet-20", sgd(0.1)),
        slow=task("resnet-20", sgd(0.01)),
    )
    study = make_study(config)
    write_artifacts(config, study)
    return config, study, read_back(study.tables(config))
