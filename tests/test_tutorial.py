"""The tutorial: its config runs, at miniature scale, and its code runs on what comes out, as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pytest

from tests.support.documents import ROOT, blocks, run

SMALLER = (("steps: 600", "steps: 40"), ("levels: 15", "levels: 2"), ('"0-4"', '"0-1"'))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the tutorial's config has run."""
    folder = tmp_path_factory.mktemp("tutorial")
    config = blocks("yaml", "docs/tutorial.md")
    for long, short in SMALLER:
        assert config.count(long) == 1
        config = config.replace(long, short)
    (folder / "first.yaml").write_text(config)
    run(folder, "first.yaml")
    return folder


def test_its_code_reads_loads_and_plots(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    matplotlib.use("agg")
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(blocks("python", "docs/tutorial.md").replace("level_7", "level_2").replace("0-4", "0-1"), names)  # noqa: S102
    said = capsys.readouterr().out
    assert re.search(r"^64\.\d% of weights kept$", said, re.MULTILINE) and "validation" in said
    assert len(names["axes"].lines) == 4 and all(len(line.get_xdata()) > 1 for line in names["axes"].lines)
    assert (folder / "mine.png").stat().st_size > 5000 and (folder / "reports/first/index.html").exists()


def test_a_ticket_has_the_accuracy_of_its_history(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    page = (ROOT / "docs/how-to/use-a-ticket.md").read_text()
    load, evaluate, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    load = load.replace("digits-lenet/0-4/imp/level_7", "digits/0-1/imp/level_2")
    names: dict = {}
    for part in (load, evaluate):
        exec(part, names)  # noqa: S102 (our own document)
    ours, logged = map(float, capsys.readouterr().out.split())
    assert ours == logged > 0.5


def test_the_density_that_it_names_is_that_of_level_7() -> None:
    page = " ".join((ROOT / "docs/tutorial.md").read_text().split())
    assert "`level_7` is the ticket after seven rounds, which keeps 21.5% of the weights" in page
    hidden, output = 64 * 300 + 300 * 100, 100 * 10
    assert round((hidden * 0.8**7 + output * 0.9**7) / (hidden + output), 3) == 0.215
