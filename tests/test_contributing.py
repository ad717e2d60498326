"""The examples of docs/how-to, pasted together, run through the whole pipeline; what all documents must hold."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT, blocks, run

ADDITIONS = ("network", "data", "objective", "criterion", "sparsifier", "parametrization", "treatment", "study")
"""The pages of docs/how-to whose examples make one plugin."""


def claims_of(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"results/tables/{name}/claims.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_examples_of_additions_run_as_they_stand(tmp_path: Path) -> None:
    for language, file in (("python", "my_lab.py"), ("yaml", "mine.yaml")):
        examples = [blocks(language, f"docs/how-to/{page}.md", start="(?!# diabetes)") for page in ADDITIONS]
        (tmp_path / file).write_text("\n".join(examples))
    run(tmp_path, "mine.yaml")
    (claim,) = claims_of(tmp_path, "mine")
    assert claim["verdict"] in ("supported", "contradicted", "inconclusive") and claim["n"] == "2"
    page = (tmp_path / "reports/mine/index.html").read_text()
    assert "Tickets under noise" in page and "stripes: generated 8x8 images" in page
    assert (tmp_path / "reports/mine/noise-study/noise-stripes-mine.svg").stat().st_size > 1000


def test_no_page_has_the_default_config_of_the_clone_overwritten() -> None:
    for page in sorted((ROOT / "docs/how-to").glob("*.md")):
        assert not re.search(r"(\b[Aa]s|[Ii]nto|[Ss]ave \w+ as) `config\.yaml`", page.read_text()), page.name


OBJECTIVE = "docs/how-to/objective.md"


def objective_example() -> tuple[str, str]:
    """The plugin and the config of the example that has a config of its own."""
    return blocks("python", OBJECTIVE, "# diabetes.py"), blocks("yaml", OBJECTIVE, "# diabetes.yaml")


def test_the_whole_core_study_runs_on_the_objective_of_the_example(tmp_path: Path) -> None:
    plugin, config = objective_example()
    for long, short in (("steps: 300", "steps: 40"), ("levels: 4", "levels: 3"), ('"0-4"', '"0-1"')):
        assert config.count(long) == 1
        config = config.replace(long, short)
    (tmp_path / "diabetes.py").write_text(plugin)
    (tmp_path / "diabetes.yaml").write_text(config)
    run(tmp_path, "diabetes.yaml")
    claims = {claim["claim"]: claim for claim in claims_of(tmp_path, "diabetes")}
    (matching,) = (claim for said, claim in claims.items() if "match (within 2 points of progression)" in said)
    assert "dense minus ticket" in matching["effect"]  # low errors are better
    compared = [
        claim for claim in claims.values() if "absolute error" in claim["effect"] and "steps" not in claim["effect"]
    ]
    assert compared and all(claim["unit"] == "points of progression" for claim in compared)
    assert not any("accuracy" in claim["claim"] + claim["effect"] for claim in claims.values())
    page = (tmp_path / "reports/diabetes/index.html").read_text()
    assert "Test absolute error" in page and "442 patients with diabetes (scikit-learn)" in page
    assert "accuracy" not in page
    assert (tmp_path / "reports/diabetes/frankle2019/fig04-tickets-progression.svg").stat().st_size > 1000


def test_the_objective_of_the_example_fits_a_screen_and_needs_no_torch_when_it_is_imported(tmp_path: Path) -> None:
    plugin, config = objective_example()
    assert len(plugin.splitlines()) + len(config.splitlines()) <= 50
    (tmp_path / "diabetes.py").write_text(plugin)
    script = "import sys, diabetes; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert not subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False).returncode


def test_the_first_example_of_a_plugin_registers_a_model(tmp_path: Path) -> None:
    (tmp_path / "my_lab.py").write_text(blocks("python", "docs/how-to/plugins.md", start="# my_lab.py"))
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import my_lab; from lth_core.registry import model; print(model.call('my-net',"
            " {'classes': 10, 'input_shape': (1, 8, 8)}, {'width': 100}))",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert "out_features=100" in run.stdout, run.stderr


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_local_links_and_pictures_exist(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)(?!`)", (ROOT / page).read_text())
    missing = [link for link in links if "://" not in link and not ((ROOT / page).parent / link).is_file()]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_files_and_modules_that_a_page_names_exist(page: str) -> None:
    code = re.findall(r"`([^`\n]+)`", (ROOT / page).read_text())
    words = {word for text in code for word in re.findall(r"[\w./<>-]+", text)}
    paths = {word for word in words if re.match(r"(lth_core|workflow|profiles|tests|docs|config)/", word)}
    modules = {word for word in words if word.startswith("lth_core.")}
    missing = [path for path in paths if "<" not in path and not (ROOT / path).exists()]
    missing += [name for name in modules if not any(map(_is_module, (name, name.rpartition(".")[0])))]
    assert not missing


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("page", ["README.md", "docs/reference/studies.md"])
def test_every_study_has_a_row_in_the_tables_of_studies(page: str) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", (ROOT / page).read_text(), re.MULTILINE)
    folders = {path.parent.name.replace("_", "-") for path in ROOT.glob("lth_core/studies/*/study.py")}
    assert set(rows) == folders and len(set(rows)) == len(rows)


def test_every_ready_made_config_is_listed() -> None:
    text = (ROOT / "docs/reference/configs.md").read_text()
    assert not [path.name for path in ROOT.glob("config/*.yaml") if f"`config/{path.name}`" not in text]


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_the_glossary_is_in_alphabetical_order() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = [word.lower() for word in rows[2:]]  # below the head and its rule
    assert words == sorted(words) and len(set(words)) == len(words)
    assert {"task", "replicate", "cohort", "mask", "level", "ticket", "branch", "run", "claim", "rate"} <= set(words)
