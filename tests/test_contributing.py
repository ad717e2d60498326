"""The examples of CONTRIBUTING.md, pasted together, run through the whole pipeline."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def blocks(language: str, page: str, start: str = "") -> str:
    return "\n".join(re.findall(rf"```{language}\n({start}.*?)```", (ROOT / page).read_text(), re.DOTALL))


def run(folder: Path, config: str) -> None:
    """Run a config in a folder to its end."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
    done = subprocess.run(
        [*command, "--directory", str(folder), "--configfile", str(folder / config)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def claims_of(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"results/tables/{name}/claims.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_examples_of_contributing_run_as_they_stand(tmp_path: Path) -> None:
    for language, file in (("python", "my_lab.py"), ("yaml", "config.yaml")):
        (tmp_path / file).write_text(blocks(language, "CONTRIBUTING.md", start="(?!# diabetes)"))
    run(tmp_path, "config.yaml")
    (claim,) = claims_of(tmp_path, "config")
    assert claim["verdict"] in ("supported", "contradicted", "inconclusive") and claim["n"] == "2"
    page = (tmp_path / "reports/config/index.html").read_text()
    assert "Tickets under noise" in page and "stripes: generated 8x8 images" in page
    assert (tmp_path / "reports/config/noise-study/noise-stripes-mine.svg").stat().st_size > 1000


def objective_example() -> tuple[str, str]:
    """The plugin and the config of the example that has a config of its own."""
    return blocks("python", "CONTRIBUTING.md", "# diabetes.py"), blocks("yaml", "CONTRIBUTING.md", "# diabetes.yaml")


def test_the_whole_core_study_runs_on_the_objective_of_contributing(tmp_path: Path) -> None:
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


def test_the_objective_of_contributing_fits_a_screen_and_needs_no_torch_when_it_is_imported(tmp_path: Path) -> None:
    plugin, config = objective_example()
    assert len(plugin.splitlines()) + len(config.splitlines()) <= 50
    (tmp_path / "diabetes.py").write_text(plugin)
    script = "import sys, diabetes; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert not subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False).returncode


def test_the_example_of_the_readme_registers_a_model(tmp_path: Path) -> None:
    (tmp_path / "my_lab.py").write_text(blocks("python", "README.md", start="# my_lab.py"))
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
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text())
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


def test_the_glossary_is_in_alphabetical_order() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = [word.lower() for word in rows[2:]]  # below the head and its rule
    assert words == sorted(words) and len(set(words)) == len(words)
    assert {"task", "replicate", "cohort", "mask", "level", "ticket", "branch", "run", "claim", "rate"} <= set(words)
