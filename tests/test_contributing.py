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


def test_the_examples_of_contributing_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "my_lab.py").write_text(blocks("python", "CONTRIBUTING.md"))
    (tmp_path / "config.yaml").write_text(blocks("yaml", "CONTRIBUTING.md"))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [*command, "--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (claim,) = csv.DictReader((tmp_path / "results/tables/config/claims.csv").open())
    assert claim["verdict"] in ("supported", "contradicted", "inconclusive") and claim["n"] == "2"
    page = (tmp_path / "reports/config/index.html").read_text()
    assert "Tickets under noise" in page and "stripes: generated 8x8 images" in page
    assert (tmp_path / "reports/config/noise-study/noise-stripes-mine.svg").stat().st_size > 1000


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


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))]


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
