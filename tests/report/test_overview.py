"""What the page adds to claims and papers so that a glance is enough."""

from __future__ import annotations

import math
import re

import pytest

from lth_core.analysis.claims import Replicate
from lth_core.report.overview import anchored, clarity, figure_titles, short_citation, some, sorted_marks, study_names
from lth_core.report.page import TEMPLATES
from tests.support.pages import claim, invented_page


@pytest.mark.parametrize(
    ("citation", "short"),
    [
        ("Frankle & Carbin, ICLR 2019", "Frankle & Carbin, ICLR 2019"),
        ("Renda, Frankle & Carbin, ICLR 2020 (arXiv 2003.02389)", "Renda et al., ICLR 2020"),
        ("Nobody, 2019", "Nobody, 2019"),
        ("After the call of Liu et al., A Survey, 2024 (arXiv 2403.04861); and others", "After Liu et al., 2024"),
        ("After Liu et al., ICLR 2019 (arXiv 1810.05270), and Chen et al., ICML 2022", "After Liu et al., 2019"),
        ("One sentence", "The title"),
    ],
)
def test_a_paper_is_called_by_its_first_author_and_venue_or_by_its_title(citation: str, short: str) -> None:
    assert short_citation(citation, "The title") == short


def test_studies_after_one_survey_are_told_apart_by_their_titles() -> None:
    assert study_names("Frankle & Carbin, ICLR 2019.", "The title") == ("Frankle & Carbin, ICLR 2019.", "The title")
    assert study_names("After Liu et al., A Survey, 2024", "Do tickets exist?") == (
        "Do tickets exist?",
        "After Liu et al., 2024",
    )


def test_of_many_things_the_first_are_named_and_the_others_counted() -> None:
    assert some(["a"], "more") == "a" and some(["a", "b", "c"], "more") == "a, b and c"
    assert some([*"abcde"], "other papers") == "a, b, c and 2 other papers"


def test_titles_of_figures_are_words_with_the_task_where_there_are_several() -> None:
    kinds = {"fig05-early-stop": "Figure 5: early stop", "kept-weights": "Kept weights", "fig12": "Figure 12"}
    assert figure_titles([f"{kind}-digits" for kind in kinds], ["digits"]) == {
        f"{kind}-digits": title for kind, title in kinds.items()
    }
    names = ["telemetry-digits", "perturbations-digits-lenet-k50", "effective-std-digits-lenet", "advantage"]
    assert [*figure_titles(names, ["digits", "digits-lenet"]).values()] == [
        *("Telemetry (digits)", "Perturbations (digits-lenet, k = 50)", "Effective std (digits-lenet)", "Advantage")
    ]


def test_the_title_of_a_figure_stands_where_readers_look_and_its_file_name_beside_the_links() -> None:
    page = invented_page(1, 1, 1)
    assert page.count("fig00-curves-paper0</code>: ") + page.count("fig00-curves-paper0</code>:\n") == 1
    assert page.count(">Figure 0: curves<") == 3  # contents, the claim's evidence, the heading


def test_clarity_counts_halves_of_the_interval_and_is_unknown_without_one() -> None:
    row = claim("study", "task", 0) | {"estimate": 3.0, "low": 1.0, "high": 5.0, "margin": 4.0}
    assert clarity(row) == -0.5
    assert math.isnan(clarity(row | {"low": math.nan})) and math.isnan(clarity(row | {"low": 3.0, "high": 3.0}))


def test_ratios_are_as_clear_as_their_p_values_say() -> None:
    """The steps that tickets save on digits: p = 0.01 for the first claim, p = 0.02 for the second."""
    rows = [
        claim("study", "task", 0)
        | {"estimate": estimate, "low": low, "high": high, "margin": 0.0}
        | {"replicates": [Replicate("0", estimate, "percent saved")]}
        for estimate, low, high in ((-12.489, -22.553, -3.251), (40.591, 8.726, 61.332))
    ]
    first, second = map(clarity, rows)
    assert first == pytest.approx(-0.11768 / ((math.log(1.22553) - math.log(1.03251)) / 2), rel=1e-3)
    assert abs(first) > abs(second) > 1


def test_marks_are_sorted_by_verdict_and_stay_in_order_within_it() -> None:
    marks = sorted_marks(anchored("study", [claim("study", "task", index) for index in range(6)]))
    assert [mark["id"].rpartition("-")[2] for mark in marks] == ["1", "4", "2", "5", "3", "6"]


def test_every_claim_has_a_mark_that_leads_to_it() -> None:
    page = invented_page(2, 8)
    grid = page.partition('<table class="grid">')[2].partition("</table>")[0]
    marks = re.findall(r'class="mark \w+" href="#([^"]+)"', grid)
    assert sorted(marks) == sorted(f"paper{paper}-claim-{index}" for paper in range(2) for index in range(1, 9))
    assert all(page.count(f'id="{mark}"') == 1 for mark in marks)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "link", "supported", "contradicted", "inconclusive"])
def test_text_is_readable_on_paper_and_panels(name: str, scheme: int) -> None:
    """WCAG 2.2, level AA: a contrast of at least 4.5."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    colours = {pair[1]: pair.group(2, 3)[scheme] for pair in re.finditer(r"--(\w+): light-dark\((.+?), (.+?)\)", style)}
    for background in ("paper", "panel"):
        dark, light = sorted(luminance(colours[one]) for one in (name, background))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
