"""The tables of the study of the early phase, read from histories, headers of masks and telemetry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lth_core.analysis.measurements import RUN, final_accuracies, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config, seeds_of
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import read_header
from lth_core.studies.early_phase.study import PERTURBED, PRETRAINED, REFERENCES, TELEMETRY

if TYPE_CHECKING:
    from lth_core.studies.early_phase.study import EarlyPhase

NOTED_DENSITY = 0.262


def measurements(study: EarlyPhase, config: Config, chains: Mapping[tuple[str, str], int]) -> dict[str, pd.DataFrame]:
    """The tables of perturbed and of pretrained tickets; `chains` tells the rewind step of a task's method."""
    runs = study.runs(config)
    table = final_accuracies(read_histories(config.results, runs))
    table["k"] = [chains.get(chain, 0) for chain in zip(table["task"], table["method"], strict=True)]

    families = dict.fromkeys([DENSE, *REFERENCES], "reference")
    families |= {name: treatment.name for name, treatment in study.perturbations().items()}
    perturbed = table[table["branch"].isin(families)].merge(
        _effective_std(config.results, [run for run in runs if run.branch in families]),
        on=[*RUN, "seed", "draw"],
        how="left",
    )
    perturbed = perturbed.assign(family=perturbed["branch"].map(families)).rename(columns={"branch": "network"})

    sources = {name: source for task in study.tasks for name, source in study.pretrainings(task).items()}
    pretrained = table[table["branch"].isin(sources)]
    found = [sources[name] for name in pretrained["branch"]]
    pretrained = pretrained.assign(
        pretraining=[source.kind for source in found],
        network=[source.network for source in found],
        steps=[source.steps for source in found],
    )
    return {"measurements": perturbed[list(PERTURBED)], "pretraining": pretrained[list(PRETRAINED)]}


def _effective_std(results: str, runs: Iterable[Run]) -> pd.DataFrame:
    """RUN, seed, draw, effective_std: from the headers of the branches' masks."""
    rows = []
    for run in runs:
        found, seeds = read_header(run.mask(results))["effective_std"], seeds_of(run.cohort)
        draws = len(found) // len(seeds)
        replicates = [(seed, draw) for seed in seeds for draw in range(draws)]
        named = (run.task, run.cohort, run.method, run.level, run.branch)
        rows += [(*named, *replicate, value) for replicate, value in zip(replicates, found, strict=True)]
    return pd.DataFrame(rows, columns=[*RUN, "seed", "draw", "effective_std"])


def telemetry(files: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """The telemetry of all cohorts, each given with its task."""
    tables = [read_table(path).assign(task=task) for task, path in files]
    return pd.concat(tables, ignore_index=True)[list(TELEMETRY)]


def by_seed(rows: pd.DataFrame, column: str = "accuracy") -> pd.Series:
    """A measurement by seed, averaged over its draws; nan where one of them diverged."""
    return rows.groupby("seed")[column].agg(lambda draws: draws.mean(skipna=False))


def correlation(perturbed: pd.DataFrame) -> pd.Series:
    """By seed, Pearson's correlation over perturbations (rows of one k and level) of effective std and accuracy.

    nan for a seed of which a perturbation diverged.
    """
    rows = perturbed[perturbed["family"] != "reference"]
    means = rows.groupby(["seed", "network"])[["effective_std", "accuracy"]].agg(lambda draws: draws.mean(skipna=False))
    return means.groupby("seed").apply(
        lambda seed: np.nan if seed["accuracy"].isna().any() else seed["effective_std"].corr(seed["accuracy"])
    )


def noted_level(rows: pd.DataFrame) -> int:
    """The level at which effective std and accuracy are compared: nearest to the paper's 26.2% of the weights."""
    densities = rows[rows["level"] > 0].groupby("level")["density"].mean()
    return int(np.log(densities / NOTED_DENSITY).abs().idxmin())
