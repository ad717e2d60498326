"""The jobs after training, run in turn on a study of one's own: distances, table, figures, claims, report."""

from __future__ import annotations

import csv
import importlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import evaluate_claim
from lth_core.config import Config, Method
from lth_core.jobs.claims import with_lines
from lth_core.jobs.report import used_methods
from lth_core.storage.files import write_text
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.base import Study

PLUGIN = """
from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import evaluate_claim
from lth_core.drawing.figures import panels
from lth_core.drawing.lines import band
from lth_core.registry import study
from lth_core.studies.base import Drawing, Study


@study("toy")
class Toy(Study):
    title: ClassVar[str] = "A <b>toy</b>"
    citation: ClassVar[str] = "Nobody, 2019"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)
    scale: float = 1.0

    def runs(self, config):
        return []

    def tables(self, config):
        rows = [("1", seed, level, self.scale * (seed + level) / 3) for seed in range(3) for level in (1, 2)]
        return {"measurements": pd.DataFrame(rows, columns=["task", "seed", "level", "value"])}

    def figure_names(self, config):
        return ["line"]

    def figures(self, config, tables):
        table = tables["measurements"]
        assert table["task"].to_list() == ["1"] * 6  # a task's name stays text

        def draw():
            figure, axes = panels()
            band(axes[0, 0], table, "level", "value")
            return figure

        return [Drawing("line", "Value < 3 against level.", draw)]

    def claims(self, config, tables):
        level = tables["measurements"].query("level == 2").set_index("seed")["value"]
        words = {"claim": "Values exceed 0", "source": "Fig. 1", "effect": "value, at level 2", "unit": "pp"}
        return [evaluate_claim(level, study="toy", task="1", **words)]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin study, and the artifacts whose headers the report reads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "toy_study.py").write_text(PLUGIN)
    write_tensors("results/data/digits.safetensors", {"x": np.zeros(1)}, {"source": "digits & co"})
    made = {"versions": {"torch": "2.12"}, "git_commit": "abc", "device": "cpu"}
    write_tensors("results/1/0-2/dense/trained.safetensors", {"x": np.zeros(1)}, {"provenance": made})
    yield tmp_path
    sys.modules.pop("toy_study", None)


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """run(job, *arguments): the job's main with the project's config."""
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    config = {
        "plugins": ["toy_study"],
        "tasks": {"1": {"dataset": "digits", "model": "lenet", "train": recipe, "cohorts": ["0-2"]}},
        "methods": {"imp": {"levels": 2}},
        "studies": {"toy": {"tasks": {"1": "imp"}, "scale": 0.7}},
    }
    spec = json.dumps({"config": config, "modules": ["toy_study"], "code": "0"})

    def call(job: str, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [job, "--spec", spec, *arguments])
        importlib.import_module(f"lth_core.jobs.{job}").main()

    return call


def run_all(run: Callable[..., None]) -> None:
    run("table", "--study", "toy")
    run("figures", "--study", "toy")
    run("claims")
    run("report")
    run("index", "--pages", "reports/config/index.html", "--output", "reports/index.html")


def test_the_jobs_make_tables_figures_claims_and_the_page(run: Callable[..., None], project: Path):
    run_all(run)
    assert (
        (project / "results/tables/config/toy/measurements.csv").read_text().startswith("task,seed,level,value\n1,0,1,")
    )
    made = json.loads((project / "results/tables/config/toy/measurements.json").read_text())
    assert made["spec"]["study"] == "toy" and made["spec"]["config"]["studies"]["toy"]["scale"] == 0.7
    assert {path.name for path in (project / "reports/config/toy").glob("[!.]*")} == {
        "line.svg",
        "line.png",
        "line.pdf",
        "captions.json",
    }
    page = (project / "reports/config/index.html").read_text()
    assert '<span class="caption">Value &lt; 3 against level.</span>' in page and 'alt="Figure: ' in page
    assert "A &lt;b&gt;toy&lt;/b&gt;" in page and "digits &amp; co" in page
    assert f"Figures were drawn with Matplotlib v{matplotlib.__version__}." in page
    assert "<summary>values by seed</summary>0.47; 0.70; 0.93 (pp)" in page
    for link in (
        "toy/line.pdf",
        "../../results/tables/config/toy/measurements.csv",
        "../../results/tables/config/toy/measurements.json",
        "../../results/tables/config/claims.csv",
        "../../results/tables/config/effects.csv",
    ):
        assert f'href="{link}"' in page and (project / "reports/config" / link).exists()


def test_the_index_links_to_the_page_of_each_config_and_says_what_it_shows(run: Callable[..., None], project: Path):
    run_all(run)
    other = project / "reports/mnist/index.html"
    write_text(
        other, (project / "reports/config/index.html").read_text().replace("supported&#34;: 1", "supported&#34;: 7")
    )
    run("index", "--pages", "reports/config/index.html", "reports/mnist/index.html", "--output", "reports/index.html")
    index = (project / "reports/index.html").read_text()
    for name, supported in (("config", 1), ("mnist", 7)):
        entry = index.split(f'<a href="{name}/index.html">{name}</a>')[1].partition("</dd>")[0]
        said = " ".join(re.sub(r"<[^>]*>", " ", entry).split())
        assert said == f"lenet on digits Nobody, 2019 {supported} supported 0 contradicted 0 inconclusive"
    older = re.sub(r'<meta name="facts".*', "", (project / "reports/config/index.html").read_text())
    write_text(other, older)
    run("index", "--pages", "reports/mnist/index.html", "--output", "reports/index.html")
    of_tasks = "1. Claims of Nobody, 2019: 1 supported, 0 contradicted, 0 inconclusive."
    assert of_tasks in (project / "reports/index.html").read_text()
    other.write_text("damaged")
    run("index", "--pages", "reports/mnist/index.html", "--output", "reports/index.html")
    assert "This page cannot be read: run its config again." in (project / "reports/index.html").read_text()


def test_claims_are_rows_with_the_effect_its_interval_and_the_verdict(run: Callable[..., None], project: Path):
    run("table", "--study", "toy")
    run("claims")
    with open(project / "results/tables/config/claims.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == [
        *("study", "task", "claim", "source", "effect", "unit", "estimate", "low", "high", "n", "unmeasured", "margin"),
        *("verdict", "p", "seeds_needed", "detectable", "note", "table", "figure", "remark", "lines"),
        *("p_holm", "verdict_holm"),
    ]
    assert row["effect"] == "value, at level 2" and row["n"] == "3" and row["verdict"] == "supported"
    # values 0.7 * (2, 3, 4) / 3: mean 0.7, standard error 0.7 / 3 / sqrt(3), t(2) = 4.302653
    assert float(row["estimate"]) == pytest.approx(0.7)
    assert float(row["high"]) == pytest.approx(0.7 + 4.302653 * 0.7 / 3 / 3**0.5)
    # t = 0.7 / (0.7 / 3 / sqrt(3)) = 5.196, two-sided with 2 degrees of freedom; the only claim needs no correction
    assert float(row["p"]) == float(row["p_holm"]) == pytest.approx(0.03510, abs=1e-5)
    assert row["verdict_holm"] == "supported" and row["note"] == "" and float(row["seeds_needed"]) >= 3


def test_claims_name_the_lines_of_their_task_in_the_file_that_they_are_read_from(tmp_path: Path):
    table = pd.DataFrame({"task": ["small", "large", "large"], "seed": [0, 0, 1], "metric": [0.9, 0.8, 0.7]})
    table.to_csv(tmp_path / "measurements.csv", index=False)
    words = {"study": "toy", "claim": "It holds.", "source": "Paper", "effect": "metric", "unit": "points"}
    claim = evaluate_claim([0.5, 0.6], **words, task="large", table="measurements")
    assert with_lines(claim, {"measurements": table}).lines == "3-4"
    assert [*enumerate((tmp_path / "measurements.csv").read_text().splitlines(), 1)][2:] == [
        (3, "large,0,0.8"),
        (4, "large,1,0.7"),
    ]
    about_both = replace(claim, task="small and large")
    assert with_lines(about_both, {"measurements": table}).lines == "2-4", "tables may have no line of the task alone"
    assert with_lines(claim, {"measurements": table.iloc[:0]}).lines == with_lines(claim, {}).lines == ""


def test_effects_are_rows_by_claim_and_seed_on_the_scale_of_the_claim(run: Callable[..., None], project: Path):
    run("table", "--study", "toy")
    run("claims")
    lines = (project / "results/tables/config/effects.csv").read_text().splitlines()
    assert lines[0] == "study,task,claim,seed,value,scale"
    assert lines[1:] == [f"toy,1,Values exceed 0,,{value:.9g},difference" for value in (1.4 / 3, 0.7, 2.8 / 3)]


def test_running_the_jobs_again_gives_the_same_bytes(run: Callable[..., None], project: Path):
    def contents() -> dict[Path, bytes]:
        folders = (project / "results", project / "reports")
        return {path: path.read_bytes() for folder in folders for path in folder.rglob("[!.]*") if path.is_file()}

    run_all(run)
    before = contents()
    run_all(run)
    assert contents() == before and len(before) == 13


@pytest.mark.parametrize(
    ("job", "missing"),
    [("claims", "results/tables/config/toy/measurements.csv"), ("report", "results/tables/config/claims.csv")],
)
def test_a_missing_input_is_told_in_one_line(run: Callable[..., None], capsys, job: str, missing: str):
    with pytest.raises(SystemExit):
        run(job)
    error = capsys.readouterr().err
    assert error.startswith(f"error: {missing}: cannot be read") and error.count("\n") == 1


def test_distances_are_written_per_seed_and_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_tensors(tmp_path / "mask", {"w": np.ones((4, 1), bool)}, {})
    write_tensors(tmp_path / "first", {"w": np.array([[1.0], [2.0]])}, {})
    write_tensors(tmp_path / "second", {"w": np.array([[1.0], [4.0], [-2.0], [2.5]])}, {})
    files = [f"--{name}={tmp_path / name}" for name in ("mask", "first", "second", "output")]
    monkeypatch.setattr(sys, "argv", ["distances", "--cohort", "3-4", *files])
    importlib.import_module("lth_core.jobs.distances").main()
    assert (tmp_path / "output").read_text().splitlines() == [
        "seed,draw,l2,angle",
        "3,0,0,0",
        "3,1,3,0",
        "4,0,4,3.14159265",
        "4,1,0.5,0",
    ]


def test_the_methods_of_the_page_are_those_of_tasks_and_tickets_and_those_that_studies_derive():
    methods = {"imp": {"levels": 2}, "compared": {"levels": 1}, "never": {"levels": 1}}
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
    task = {"dataset": "digits", "model": "lenet", "train": recipe, "cohorts": ["0-2"]}
    config = Config.model_validate(
        {"tasks": {"digits": task}, "methods": methods, "studies": {"toy": {"tasks": {"digits": "imp"}}}}
    )

    class Deriving(Study):
        def methods(self, config: Config) -> dict[str, Method]:
            return {"imp-once": config.methods["imp"].model_copy(update={"iterative": False})}

        def runs(self, config: Config) -> list[Run]:
            return [Run("digits", "0-2", "compared", 1)]

    used = used_methods(config, {"toy": Deriving(tasks={"digits": "imp"})})
    assert {name: method.iterative for name, method in used.items()} == {
        "imp": True,
        "compared": True,
        "imp-once": False,
    }
