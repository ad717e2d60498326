"""Claims without folds of the test examples: from histories to intervals, a verdict and the page."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lth_core.analysis.claims import evaluate_claim
from lth_core.analysis.folds import EXAMPLE_COLUMNS, with_examples
from lth_core.storage.runs import Run
from lth_core.storage.tables import write_table

PLUGIN = """
from typing import ClassVar

from lth_core.analysis.claims import evaluate_claim
from lth_core.analysis.measurements import final_metrics, read_histories
from lth_core.registry import study
from lth_core.storage.runs import Run
from lth_core.studies.base import Study


@study("toy-of-folds")
class Toy(Study):
    title: ClassVar[str] = "A toy"
    citation: ClassVar[str] = "After nobody, 2019"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    def runs(self, config):
        return [Run("mini", "0-3")]

    def tables(self, config):
        return {"measurements": final_metrics(read_histories(config, self.runs(config)))}

    def figure_names(self, config):
        return []

    def claims(self, config, tables):
        about = {"study": "toy-of-folds", "task": "mini", "source": "Fig. 1", "effect": "e", "unit": "points"}
        table = tables["measurements"].set_index("seed")
        claimed = []
        for claim, column in (("Tested.", "metric"), ("Validated.", "validation_metric")):
            gain = 100 * (table[column] - 0.5)
            claimed.append(evaluate_claim(gain, claim=claim, seeds=gain.index, **about))
        best = table["metric"].idxmax()
        return [*claimed, evaluate_claim(100 * table["metric"], claim=f"Seed {best} is best.", **about)]
"""
SEEDS, EXAMPLES, FOLDS = 4, 50, 5
RIGHT = np.random.default_rng(0).random((SEEDS, EXAMPLES)) < np.linspace(0.3, 0.9, EXAMPLES)  # some are hard for all
NUMBERS = [0.6, 0.7, 0.65, 0.62]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """run(folds, job, *arguments): a job's main with a config whose task has this many folds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "toy_of_folds.py").write_text(PLUGIN)
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 10, "evaluate_every": 10}

    def call(folds: int, job: str, *arguments: str) -> None:
        task = {"dataset": "digits", "model": "lenet", "train": recipe | {"test_folds": folds}, "cohorts": ["0-3"]}
        config = {"plugins": ["toy_of_folds"], "tasks": {"mini": task}, "methods": {"imp": {"levels": 1}}}
        config |= {"studies": {"toy-of-folds": {"tasks": {"mini": "imp"}}}}
        spec = json.dumps({"config": config, "modules": ["toy_of_folds"], "code": "0"})
        monkeypatch.setattr(sys, "argv", [job, "--spec", spec, *arguments])
        importlib.import_module(f"lth_core.jobs.{job}").main()

    yield call
    sys.modules.pop("toy_of_folds", None)


def write_history(folds: int) -> None:
    """One step, after which the networks are right where RIGHT says so."""
    without = [f"accuracy_without_{fold}" for fold in range(folds)]
    rows = []
    for seed in range(SEEDS):
        rows.append((seed, 0, 10, "validation", 1.0, NUMBERS[seed], *([""] * folds)))
        others = (np.delete(RIGHT[seed], np.s_[fold::folds]).mean() for fold in range(folds))
        rows.append((seed, 0, 10, "test", 1.0, RIGHT[seed].mean(), *others))
    columns = ["seed", "draw", "step", "split", "loss", "accuracy", *without]
    write_table(Run("mini", "0-3").history("results"), columns, rows)


def claims() -> list[dict[str, str]]:
    with open("results/tables/config/claims.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_claims_have_an_interval_over_seeds_and_the_test_examples(run: Callable[..., None]) -> None:
    write_history(FOLDS)
    run(FOLDS, "table", "--study", "toy-of-folds")
    run(FOLDS, "without_folds", "--study", "toy-of-folds")
    run(FOLDS, "claims")
    tested, validated, best = claims()
    effects = [100 * (RIGHT.mean(axis=1) - 0.5)]
    effects += [100 * (np.delete(RIGHT, np.s_[fold::FOLDS], axis=1).mean(axis=1) - 0.5) for fold in range(FOLDS)]
    words = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}
    low, high, verdict = with_examples(evaluate_claim(list(effects[0]), **words), np.stack(effects[1:])) or ()
    assert [float(tested[end]) for end in EXAMPLE_COLUMNS[:2]] == pytest.approx([low, high], rel=1e-6)
    assert tested["verdict_with_examples"] == verdict
    assert low < float(tested["low"]) and float(tested["high"]) < high
    # What is measured on validation data, and a claim that is not made without some fold, have none.
    assert {tuple(claim[name] for name in EXAMPLE_COLUMNS) for claim in (validated, best)} == {("nan", "nan", "")}


def test_without_folds_claims_and_their_tables_have_the_columns_and_numbers_that_they_have_always(
    run: Callable[..., None],
) -> None:
    results = {}
    for folds in (0, FOLDS):
        write_history(folds)
        run(folds, "table", "--study", "toy-of-folds")
        if folds:
            run(folds, "without_folds", "--study", "toy-of-folds")
        run(folds, "claims")
        table = Path("results/tables/config/toy-of-folds/measurements.csv").read_text()
        results[folds] = claims(), table, Path("results/tables/config/effects.csv").read_text()
    plain, folded = results[0][0], results[FOLDS][0]
    assert not set(EXAMPLE_COLUMNS) & set(plain[0])
    assert [{name: row[name] for name in plain[0]} for row in folded] == plain
    assert results[0][1:] == results[FOLDS][1:]
