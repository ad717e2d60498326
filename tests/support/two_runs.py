"""Results of small runs, made by hand: a study's tables, claims and effects, as the jobs write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lth_core.analysis.claims import CLAIM_COLUMNS, Claim, claim_row, evaluate_claim
from lth_core.analysis.corrections import corrected_verdicts
from lth_core.jobs.claims import EFFECT_COLUMNS
from lth_core.storage.files import write_text
from lth_core.storage.paths import claims_file, divergence_file, effects_file, table_file
from lth_core.storage.tables import write_table

STUDY = "frankle2019"
LEVELS = {0: 1.0, 1: 0.5, 2: 0.25}


def config(learning_rate: float = 0.1, seeds: str = "0-4", **studies: Any) -> dict[str, Any]:
    """The config of a run, as specs have it."""
    optimizer = {"name": "sgd", "learning_rate": learning_rate}
    recipe = {"optimizer": optimizer, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": "digits", "model": {"name": "lenet"}, "train": recipe, "cohorts": [seeds]}
    return {
        "tasks": {"letters": task},
        "methods": {"imp": {"levels": 2}},
        "studies": {STUDY: {"tasks": {"letters": "imp"}}, **studies},
    }


def claim(sentence: str, values: Sequence[float], first_seed: int = 0, **words: Any) -> Claim:
    """A claim that values exceed 0, one per seed."""
    seeds = range(first_seed, first_seed + len(values))
    named = {"study": STUDY, "task": "letters", "source": "Figure 1", "effect": "gain", "unit": "points"}
    return evaluate_claim(values, claim=sentence, seeds=seeds, **named | words)


def measurements(accuracy: float, seeds: int = 5) -> pd.DataFrame:
    """Final test accuracies of dense networks, tickets and their controls: pruning costs 0.01 a level."""
    rows = [
        ("letters", "imp" if level else "dense", level, branch, density, seed, 0, accuracy - level / 100 + seed / 1000)
        for level, density in LEVELS.items()
        for branch in (("ticket", "reinit") if level else ("dense",))
        for seed in range(seeds)
    ]
    columns = ["task", "method", "level", "branch", "density", "seed", "draw", "test_metric_end"]
    return pd.DataFrame(rows, columns=columns)


def write_run(
    results: Path,
    claims: Sequence[Claim],
    *,
    name: str = "config",
    accuracy: float = 0.9,
    settings: Mapping[str, Any] | None = None,
    study: str = STUDY,
    modules: Sequence[str] = (),
) -> Path:
    """Write what a finished run leaves of a study; returns the results folder."""
    folder = results.as_posix()
    spec = {"study": study, "config": dict(settings or config()), "modules": [f"lth_core.studies.{STUDY}", *modules]}
    spec["modules"] += ["lth_core.tasks.objectives.classification", "lth_core.treatments.controls"]
    made = {"spec": {**spec, "code": "0"}, "versions": {"torch": "2.12"}, "git_commit": "abc", "plugins": {}}
    table = table_file(folder, name, study, "measurements")
    write_text(Path(table).with_suffix(".json"), json.dumps(made))
    rows = measurements(accuracy)
    write_table(table, rows.columns, rows.itertuples(index=False, name=None), digits=None)
    write_table(divergence_file(folder, name, study), ["task"], [])
    corrected = [(*claim_row(one), *left) for one, left in zip(claims, corrected_verdicts(claims), strict=True)]
    write_table(claims_file(folder, name), [*CLAIM_COLUMNS, "p_holm", "verdict_holm"], corrected)
    effects = [(one.study, one.task, one.claim, *replicate) for one in claims for replicate in one.replicates]
    write_table(effects_file(folder, name), EFFECT_COLUMNS, effects)
    return results
