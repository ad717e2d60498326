"""The gallery: pages that come from a run's tables and figures, and from nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from docs import gallery_pages
from lth_core.analysis.claims import CLAIM_COLUMNS, NO_LESS, Claim, claim_row, verdict
from lth_core.drawing.colours import SERIES
from lth_core.storage.files import write_text
from lth_core.storage.paths import captions_file, claims_file, figure_file
from lth_core.storage.tables import write_table

CLAIM = Claim(
    study="frankle2019",
    task="digits-lenet",
    claim="Tickets match.",
    source="Frankle & Carbin 2019",
    effect="ticket minus dense",
    unit="percentage points",
    estimate=0.4321,
    low=0.1,
    high=0.8,
    n=25,
    unmeasured=0,
    margin=0.0,
    verdict="supported",
    p=0.01,
    seeds_needed=20.0,
    detectable=0.3,
    note="",
    table="measurements",
    figure="first",
)
FACTS = {"title": "LeNet on digits", "command": "make figures", "about": "25 seeds.", "date": "2026-11-28"}


def picture(pixels: np.ndarray) -> bytes:
    stored = BytesIO()
    Image.fromarray(pixels).save(stored, "PNG")
    return stored.getvalue()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The claims, captions and figures of a run."""
    columns = [*CLAIM_COLUMNS, "p_holm", "verdict_holm"]
    other = replace(
        CLAIM, claim="Random masks match.", verdict="contradicted", estimate=-1.5, low=-2.0, high=-1.0, margin=-0.5
    )
    rows = [(*claim_row(CLAIM), 0.08, "inconclusive"), (*claim_row(other), 0.01, "contradicted")]
    write_table(claims_file(str(tmp_path / "results"), "config"), columns, rows)
    reports = str(tmp_path / "reports")
    captions = {
        "first": {"caption": "Accuracy of tickets.", "seen": "Accuracy [%] in two lines."},
        "second": {"caption": "Other.", "seen": "One line."},
    }
    write_text(captions_file(reports, "config", "frankle2019"), json.dumps(captions))
    for name in captions:
        Path(figure_file(reports, "config", "frankle2019", name, "png")).write_bytes(
            picture(np.full((300, 300, 3), 200, np.uint8))
        )
    return tmp_path


def test_studies_that_another_page_shows_are_left_out(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    gallery_pages.add("config", run, FACTS, [], folder, without=["frankle2019"])
    assert "Tickets match" not in (folder / "config.md").read_text()
    assert not list(folder.glob("*.png"))


def test_a_page_has_the_figure_and_the_numbers_of_the_run(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    gallery_pages.add("config", run, FACTS, [], folder)
    page = (folder / "config.md").read_text()
    assert "Made with `make figures` on 2026-11-28. 25 seeds." in page
    assert "![Accuracy (%) in two lines.](config-frankle2019.png)" in page
    assert "*Accuracy of tickets.*" in page
    assert "| Tickets match. (Frankle & Carbin 2019) | **0.43** percentage points: ticket minus dense |" in page
    assert "| [0.10, 0.80] | 25 | ✓ supported; after Holm inconclusive |" in page
    assert "ticket minus dense; must exceed −0.5 percentage points | [−2.00, −1.00] | 25 | ✗ contradicted |" in page
    assert (folder / "config-frankle2019.png").stat().st_size <= gallery_pages.LARGEST


def test_replicates_that_are_unmeasured_are_counted(run: Path, tmp_path: Path) -> None:
    columns = [*CLAIM_COLUMNS, "p_holm", "verdict_holm"]
    partly = replace(CLAIM, unmeasured=2, verdict="inconclusive")
    write_table(claims_file(str(run / "results"), "config"), columns, [(*claim_row(partly), 0.08, "inconclusive")])
    gallery_pages.add("config", run, FACTS, [], tmp_path / "gallery")
    assert "| [0.10, 0.80] | 25 (2 unmeasured) | ? inconclusive |" in (tmp_path / "gallery/config.md").read_text()


def test_a_study_that_claims_nothing_has_its_figure(run: Path, tmp_path: Path) -> None:
    write_table(claims_file(str(run / "results"), "config"), [*CLAIM_COLUMNS, "p_holm", "verdict_holm"], [])
    folder = tmp_path / "gallery"
    gallery_pages.add("config", run, FACTS, [], folder)
    gallery_pages.index(folder)
    page = (folder / "config.md").read_text()
    assert page.index("*Accuracy of tickets.*") < page.index("The study makes no claims in this run: its measurements")
    row = "| [LeNet on digits](config.md#frankle2019) | no claims | – | – | `make figures` |"
    assert row in (folder / "index.md").read_text()


def test_figures_of_what_is_contradicted_are_shown_too(run: Path, tmp_path: Path) -> None:
    columns = [*CLAIM_COLUMNS, "p_holm", "verdict_holm"]
    rows = [
        (*claim_row(replace(CLAIM, claim=f"{figure}.", verdict=verdict, figure=figure)), 0.01, verdict)
        for figure, verdict in (("first", "supported"), ("second", "contradicted"), ("not drawn", "contradicted"))
    ]
    write_table(claims_file(str(run / "results"), "config"), columns, rows)
    folder = tmp_path / "gallery"
    gallery_pages.add("config", run, FACTS, [], folder)
    page = (folder / "config.md").read_text()
    assert page.index("](config-frankle2019.png)") < page.index("*Other.*") < page.index("| first.")
    assert "](config-frankle2019-second.png)" in page and page.count("![") == 2
    assert (folder / "config-frankle2019-second.png").exists()


def test_another_figure_can_be_chosen(run: Path, tmp_path: Path) -> None:
    gallery_pages.add("config", run, FACTS, ["frankle2019/second"], tmp_path / "gallery")
    assert "*Other.*" in (tmp_path / "gallery/config.md").read_text()


def test_several_figures_can_be_chosen(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    gallery_pages.add("config", run, FACTS, ["frankle2019/second", "frankle2019/first"], folder)
    page = (folder / "config.md").read_text()
    assert page.index("](config-frankle2019.png)") < page.index("*Other.*") < page.index("*Accuracy of tickets.*")


def test_the_index_counts_the_verdicts_of_every_page_and_what_holm_leaves_of_them(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    gallery_pages.add("config", run, FACTS, [], folder)
    gallery_pages.index(folder)
    index = (folder / "index.md").read_text()
    assert "| [LeNet on digits](config.md#frankle2019) | 1 (0) | 1 | 0 (1) | `make figures` |" in index
    assert index.count("\n## ") == 1  # studies that no page has are not listed


def test_what_is_contradicted_is_on_a_page_of_its_own_first_what_holm_leaves_so(run: Path, tmp_path: Path) -> None:
    columns, folder = [*CLAIM_COLUMNS, "p_holm", "verdict_holm"], tmp_path / "gallery"
    rows = [
        (*claim_row(replace(CLAIM, claim=f"{verdict}, {corrected}", verdict=verdict)), 0.01, corrected)
        for verdict, corrected in (
            ("contradicted", "inconclusive"), ("contradicted", "contradicted"), ("supported", "supported"),
        )
    ]  # fmt: skip
    write_table(claims_file(str(run / "results"), "config"), columns, rows)
    gallery_pages.add("config", run, FACTS, [], folder)
    gallery_pages.index(folder)
    _, corrected, uncorrected = (folder / "contradicted.md").read_text().split("\n## ")
    effect = "**0.43** percentage points: ticket minus dense | [0.10, 0.80] | 25"
    link = "digits-lenet: [LeNet on digits](config.md#frankle2019) |"
    assert f"| contradicted, contradicted (Frankle & Carbin 2019) | {effect} | {link}" in corrected
    assert f"| contradicted, inconclusive (Frankle & Carbin 2019) | {effect} | {link}" in uncorrected
    assert corrected.count(link) == uncorrected.count(link) == 1
    assert "\n### The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks\n" in corrected
    said = "1 run of 1 study, 3 claims; 1 supported, [2 (1) contradicted](contradicted.md), 0 (1) inconclusive."
    assert said in (folder / "index.md").read_text()


def test_pictures_stay_small() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), dtype=np.uint8)  # which compresses badly
    assert len(gallery_pages.small(picture(noise))) <= gallery_pages.LARGEST


def test_lines_keep_their_colours() -> None:
    """Thin lines with bands in the palette of the figures are told apart in the small picture."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), dpi=150)
    for panel in axes:
        for number, colour in enumerate(SERIES):
            panel.plot([0, 1], [number, number + 0.5], color=colour, linewidth=1.5, marker="o", label=colour)
            panel.fill_between([0, 1], [number, number + 0.1], [number + 0.4, number + 0.9], color=colour, alpha=0.2)
        panel.legend()
    stored = BytesIO()
    figure.savefig(stored)
    plt.close(figure)
    image = Image.open(BytesIO(gallery_pages.small(stored.getvalue()))).convert("RGB")
    seen = np.unique(np.asarray(image).reshape(-1, 3), axis=0).astype(int)
    for colour in SERIES:
        assert np.abs(seen - np.round(255 * np.array(to_rgb(colour)))).max(1).min() <= 12, colour


def test_the_index_is_up_to_date(tmp_path: Path) -> None:
    for path in gallery_pages.FOLDER.glob("*.md"):
        (tmp_path / path.name).write_text(path.read_text())
    gallery_pages.index(tmp_path)
    for name in gallery_pages.OF_ALL:
        assert (tmp_path / name).read_text() == (gallery_pages.FOLDER / name).read_text()


def test_the_numbers_of_the_readme_are_those_of_the_gallery() -> None:
    readme = (gallery_pages.FOLDER.parent.parent / "README.md").read_text()
    pages = "".join(path.read_text() for path in gallery_pages.FOLDER.glob("*.md"))
    effects = re.findall(r"(−?[\d.]+) (\[−?[\d.]+, −?[\d.]+\])", readme)
    assert effects
    missing = [(mean, interval) for mean, interval in effects if not same_row(pages, f"**{mean}**", interval)]
    assert not missing


def same_row(pages: str, *texts: str) -> bool:
    """Tell whether a row of a table has all the texts."""
    return any(all(text in line for text in texts) for line in pages.splitlines())


HOLM = tuple(f"; after Holm {verdict}" for verdict in gallery_pages.VERDICTS)
CLAIMED = re.compile(
    r"\| (?P<claim>.+) \| (?P<effect>.+) \| \[(?P<low>\S+), (?P<high>\S+)\] "
    r"\| \d+(?P<unmeasured> \(\d+ unmeasured\))? \| . (?P<verdict>\w+)(;.*)? \|"
)
"""A claim in a row of a page, with its interval."""
ENDS = tuple(f"{verdict}{after} |" for verdict in gallery_pages.VERDICTS.values() for after in ("", *HOLM))
"""How rows of claims end."""


@pytest.mark.parametrize(
    "page",
    [page for page in sorted(gallery_pages.FOLDER.glob("*.md")) if page.name not in gallery_pages.OF_ALL],
    ids=lambda page: page.stem,
)
def test_a_reader_can_follow_every_verdict(page: Path) -> None:
    """The printed interval and margin decide as the verdict says, or the row says why the claim stays open."""
    rows = [line for line in page.read_text().splitlines() if line.endswith(ENDS)]
    assert len(rows) == sum(
        sum(study["verdict"].values()) for study in gallery_pages.front_of(page)["studies"].values()
    )
    claims = [CLAIMED.fullmatch(row) for row in rows]
    assert all(claim or "| [" not in row for row, claim in zip(rows, claims, strict=True))  # others have no interval
    for claim in filter(None, claims):
        low, high = map(printed_number, claim.group("low", "high"))
        decided = verdict(low, high, must_exceed(claim["effect"]))
        stays_open = "so the claim stays open." in claim["claim"] or claim["unmeasured"]
        assert claim["verdict"] == ("inconclusive" if stays_open else decided), claim[0]


def must_exceed(effect: str) -> float:
    """The margin that the words about an effect name; 0 where they name none."""
    if "must be at least 0" in effect:
        return NO_LESS
    margin = re.search(r"must exceed (\S+)", effect)
    return printed_number(margin[1]) if margin else 0.0


def printed_number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace("∞", "inf"))
