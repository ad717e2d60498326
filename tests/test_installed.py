"""The wheel: built from the sources, installed beside the other packages, used in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import lth_core
from lth_core.__main__ import main, ready_made
from lth_core.planning.configfile import load
from lth_core.runtime.installation import is_clone, workflow_folder
from tests.support.project import MINIATURE, PIPELINE, ROOT

SOURCES = (*PIPELINE, "snakemake_logger_plugin_lth", "pyproject.toml", "setup.py", "MANIFEST.in")
DOCUMENTS = ("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")


def build(folder: Path, what: str) -> Path:
    """Build a wheel or source distribution as pip does, without a network; returns its file."""
    sources, built = folder / "sources", folder / "built"
    for name in (*SOURCES, *DOCUMENTS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            sources.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, sources / name)
    built.mkdir()
    code = f"import setuptools.build_meta as backend; print(backend.build_{what}({str(built)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def lth(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment that has the wheel and, by a path file, the packages that it needs."""
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-index", str(wheel)], check=True)
    return venv / "bin/lth"


def call(lth: Path, *words: str, folder: Path) -> tuple[int, str]:
    """Run the command; returns its exit status and all that it said."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.run([lth, *words], cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
    return said.returncode, said.stdout + said.stderr


def files_of_the_workflow() -> set[str]:
    names = {"Snakefile", "config.yaml", "environment.yml"}
    for pattern in ("config/*", "profiles/*/*", "workflow/bin/*", "workflow/rules/*"):
        names |= {str(path.relative_to(ROOT)) for path in ROOT.glob(pattern) if path.is_file()}
    return names


def test_the_wheel_holds_the_workflow_and_the_templates(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    inside = {name.removeprefix("lth_core/pipeline/") for name in names if name.startswith("lth_core/pipeline/")}
    assert inside == files_of_the_workflow()
    assert "lth_core/report/templates/style.css" in names
    assert not {name for name in names if name.startswith(("tests", "benchmarks", "setup"))}


def test_a_source_distribution_can_be_made_into_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(tmp_path, "sdist")) as file:
        inside = {name.partition("/")[2] for name in file.getnames()}
    assert files_of_the_workflow() | {"setup.py", "lth_core/report/templates/style.css"} <= inside


def test_the_version_is_stated_once(lth: Path, wheel: Path, tmp_path: Path) -> None:
    assert call(lth, "--version", folder=tmp_path) == (0, f"lth {lth_core.__version__}\n")
    assert wheel.name.split("-")[1] == lth_core.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == lth_core.__version__


def test_a_new_user_gets_along_in_an_empty_folder(lth: Path, tmp_path: Path) -> None:
    status, said = call(lth, "--help", folder=tmp_path)
    assert status == 0 and all(f"\n    {name} " in said for name in ("run", "check", "init"))
    assert call(lth, "init", "graphs", folder=tmp_path) == (
        0,
        "graphs.yaml: written\nedit graphs.yaml, then: lth run graphs.yaml\n",
    )
    first, *rest = (tmp_path / "graphs.yaml").read_text().splitlines()
    assert Path(first.partition("$schema=")[2]).is_file()
    in_a_clone = "CONFIG=config/graphs.yaml make figures"
    assert rest == (ROOT / "config/graphs.yaml").read_text().replace(in_a_clone, "lth run graphs.yaml").splitlines()[1:]
    assert call(lth, "check", "graphs.yaml", folder=tmp_path) == (0, "")
    status, said = call(lth, "run", "graphs.yaml", "--dry-run", "--cores", "1", folder=tmp_path)
    assert status == 0 and "reports/graphs/index.html" in said, said


@pytest.mark.parametrize("name", sorted({*ready_made()} - {"config"}))
def test_a_copied_config_runs_by_the_command_that_it_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", name]) == 0
    command = capsys.readouterr().out.splitlines()[-1].partition(", then: ")[2]
    header, _, _ = Path(f"{name}.yaml").read_text().partition("\n\n")
    assert f"\n#     {command}" in header
    assert not [words for words in ("make figures", "make everything", "--configfile") if words in header]
    files = command.removeprefix("python -m lth_core run ").split()
    assert files == (["config.yaml", "everything.yaml"] if name == "everything" else [f"{name}.yaml"])
    load([Path(file) for file in files])


def named_in(text: str) -> list[str]:
    return re.findall(r"^# (\S+) explains all keys", text, re.MULTILINE)


def test_a_copied_config_says_where_its_keys_are_explained(
    lth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(lth, "init", folder=tmp_path)[0] == 0
    (installed,) = named_in((tmp_path / "config.yaml").read_text())
    (tmp_path / "config.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    main(["init"])
    (in_a_clone,) = named_in(Path("config.yaml").read_text())
    assert Path(installed).is_file() and in_a_clone == str(ROOT / "docs/reference/config.md")


def test_a_config_that_is_laid_over_the_default_leaves_a_default_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(MINIATURE)
    assert main(["init", "everything"]) == 0
    assert "config.yaml: written" not in capsys.readouterr().out
    assert Path("config.yaml").read_text() == MINIATURE


@pytest.mark.parametrize("name", ["mnist.yaml", "config/mnist.yaml", "./config/mnist.yaml", "config/mnist"])
def test_a_ready_made_config_may_be_named_by_its_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", name]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mnist.yaml"]


def test_what_keeps_a_config_from_being_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mnist.yaml").symlink_to("nowhere")
    Path("config.yaml").symlink_to("nowhere/too")
    assert main(["init", "mnist"]) == main(["init", "everything"]) == main(["init", "mnst"]) == 1
    here, nowhere, unknown = capsys.readouterr().err.splitlines()
    assert here == "error: mnist.yaml is here already: remove it, or work in another folder"
    assert nowhere == "error: config.yaml cannot be written (File exists): work in another folder"
    assert unknown.startswith("error: no ready-made config is called 'mnst'; did you mean 'mnist'? (known: ")
    monkeypatch.setattr(
        "builtins.open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    assert main(["init", "graphs"]) == 1
    assert (
        capsys.readouterr().err == "error: graphs.yaml cannot be written (Permission denied): work in another folder\n"
    )


def test_a_config_here_is_the_default_one(lth: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(MINIATURE.replace("mini", "tiny"))
    status, said = call(lth, "run", "--dry-run", folder=tmp_path)
    assert status == 0 and "dense tiny seeds 0-1" in said
    (tmp_path / "config.yaml").write_text(MINIATURE.replace("rate: 0.2,", "rate: 2,"))
    assert call(lth, "check", folder=tmp_path) == (1, "methods.imp.rate: must be less than 1 (got 2)\n")


def test_mistakes_are_one_line(lth: Path, tmp_path: Path) -> None:
    status, said = call(lth, "init", "mnst", folder=tmp_path)
    assert status == 1 and said.startswith(
        "error: no ready-made config is called 'mnst'; did you mean 'mnist'? (known: acrobot, "
    )
    (tmp_path / "mnist.yaml").write_text("mine\n")
    status, said = call(lth, "init", "mnist", folder=tmp_path)
    assert status == 1 and said == "error: mnist.yaml is here already: remove it, or work in another folder\n"
    assert (tmp_path / "mnist.yaml").read_text() == "mine\n"
    (tmp_path / "broken.yaml").write_text("tasks:\n\tmini: 1\n")
    broken = (1, "broken.yaml:2: broken YAML: found character '\\t' that cannot start any token\n")
    for command in ("check", "run"):
        assert call(lth, command, "nothere.yaml", folder=tmp_path) == (1, "nothere.yaml: no such file\n")
        assert call(lth, command, "broken.yaml", folder=tmp_path) == broken
    status, said = call(lth, "reference", folder=tmp_path)
    assert status == 1 and said.startswith("error: the reference is written in a clone of the repository")


def test_the_workflow_of_a_clone_lies_beside_the_package(tmp_path: Path) -> None:
    assert workflow_folder() == ROOT and is_clone()
    package = tmp_path / "lth_core"
    assert workflow_folder(package) == package / "pipeline" and not is_clone(package)


def test_the_commands_work_in_a_clone_that_is_not_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lth_core", "run", "--dry-run"]
    (tmp_path / "config.yaml").write_text(MINIATURE)
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0 and "dense mini seeds 0-1" in done.stdout + done.stderr
