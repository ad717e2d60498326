"""The report page: self-contained, escaped, the same bytes every time, and honest about every verdict."""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lth_core.analysis.claims import Replicate
from lth_core.analysis.divergence import Line
from lth_core.config import Config
from lth_core.report.costs import CostLine
from lth_core.report.index import description
from lth_core.report.page import (
    LARGEST_SVG,
    FigureEntry,
    StudyEntry,
    decimals,
    image_uri,
    interval_bar,
    number,
    render,
)
from lth_core.storage.runs import Run

EVIL = "<script>alert('1')</script>&\"x"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def config(task: str = "digits") -> Config:
    recipe = {
        "optimizer": {"name": "adam", "learning_rate": 0.001},
        "batch_size": 60,
        "steps": 600,
        "evaluate_every": 20,
    }
    return Config(
        tasks={
            task: {"dataset": "digits", "model": {"name": "lenet", "note": EVIL}, "train": recipe, "cohorts": ["0-4"]},
            "unused": {"dataset": "nowhere", "model": "lenet", "train": recipe, "cohorts": ["0-1"]},
        },
        methods={"imp": {"levels": 15}, "never": {"levels": 1}},
        studies={"study2019": {"tasks": {task: "imp"}}},
    )


def claim(verdict: str, **changes) -> dict:
    row = {"study": "study2019", "task": "digits", "claim": f"This is {verdict}", "source": "Paper, Fig. 1"}
    row |= {"effect": "test accuracy, a - b", "unit": "pp", "estimate": 1.5, "low": 1.0, "high": 2.0, "n": "5"}
    row |= {"unmeasured": "0", "p": 0.01, "seeds_needed": 4.0, "detectable": 1.3, "note": ""}
    row |= {"table": "measurements", "figure": "fig01"}
    row["replicates"] = [Replicate("0", 1.0, "difference"), Replicate("3", -2.0, "difference")]
    row |= {"p_holm": 0.02, "verdict_holm": verdict}
    return row | {"margin": 0.0, "verdict": verdict} | changes


def page(
    claims: list[dict] | None = None,
    caption: str = "What is plotted; mean of 5 seeds.",
    title: str = "A Study",
    divergences: Sequence[Line] = (),
    costs: Sequence[CostLine] = (),
    unpruned: dict[str, int] | None = None,
    batches_of: dict[str, str] | None = None,
) -> str:
    claims = [claim("supported"), claim("contradicted")] if claims is None else claims
    links = {kind: f"study2019/fig01.{kind}" for kind in ("svg", "png", "pdf")}
    figure = FigureEntry("fig01", caption, "A curve that falls.", image_uri(SVG, b""), links)
    tables = {"measurements": {"csv": "../results/tables/m.csv", "json": "../results/tables/m.json"}}
    study = StudyEntry("study2019", title, "A & B, 2019", claims, [figure], tables)
    made = {"task": "digits", "cohort": "0-4", "device": "cpu", "versions": {"torch": "2.12"}, "git_commit": None}
    settings = config()
    tasks = {"digits": settings.tasks["digits"]}
    imp = settings.methods["imp"]
    methods = {"imp": imp, "imp-one-shot": imp.model_copy(update={"iterative": False})}
    sources = {"digits": "scikit-learn digits: 1,797 8x8 images"}
    return render(
        settings,
        tasks,
        methods,
        [study],
        sources,
        [made],
        "../results/claims.csv",
        "../results/effects.csv",
        divergences,
        costs,
        unpruned={"digits": unpruned or {}},
        batches_of=batches_of,
    )


class Reader(HTMLParser):
    """Collects tags, attributes and visible text; checks that tags are closed in order."""

    VOID = ("meta", "img", "br", "line", "input")

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data


def words(text: str) -> str:
    return " ".join(Reader(text).text.split())


# ---------------------------------------------------------------- the page


def test_costs_of_smaller_networks_are_one_table():
    dense = {"parameters": 1200.0, "flops": 2400.0, "bytes": 4800.0, "seconds_1": 0.002, "seconds_256": 0.1}
    ticket = {"parameters": 300.0, "flops": 1200.0, "bytes": 1200.0, "seconds_1": math.nan, "seconds_256": 0.02}
    shown = words(page(costs=[CostLine(Run("digits", "0-4", "filters", 3), dense, ticket)]))
    assert "What pruned filters save" in shown and "varies from run to run" in shown
    assert "filters 3 1,200 to 300 25% 2,400 to 1,200 50% 5 to 1 25% 2.00 to – – 100.0 to 20.0 20%" in shown
    assert "no smaller network" not in shown and "What pruned filters save" not in words(page())


def test_a_network_that_cannot_be_shrunk_has_a_row_that_says_why():
    dense = {"parameters": 1200.0, "flops": 2400.0, "bytes": 4800.0, "seconds_1": 0.002, "seconds_256": 0.1}
    ticket = {"parameters": 300.0} | dict.fromkeys(["flops", "bytes", "seconds_1", "seconds_256"], math.nan)
    shown = words(page(costs=[CostLine(Run("digits", "0-4", "filters", 3), dense, ticket, "it is a knot")]))
    assert "filters no smaller network: it is a knot; the parameters are those that the mask keeps 3" in shown
    assert "3 1,200 to 300 25% 2,400 to – – 5 to – – 2.00 to – – 100.0 to – –" in shown


def test_matrices_that_no_method_prunes_are_named_and_density_says_of_what():
    named = page(unpruned={"read.weight_ih_l0": 1024})
    assert "never pruned: read.weight_ih_l0 (1,024); densities are of the other weights" in named
    assert "never pruned: " not in page()


def test_where_no_matrix_is_left_out_none_is_said_to_be_named():
    assert "names the other matrices, which are never pruned" in words(page(unpruned={"read.weight_ih_l0": 1024}))
    assert "other matrices" not in words(page()) and "Kept weights / prunable weights" in words(page())


def test_a_page_without_claims_says_why_and_counts_no_verdicts():
    text = words(page(claims=[]))
    assert "No claim could be tested: the papers state each for particular densities" in text
    assert "0 supported" not in text and "its claims" not in text
    assert description(page(claims=[])).endswith("Claims of A & B, 2019: none could be tested.")
    assert "No claim" not in words(page())


def test_the_configuration_is_one_that_can_be_run_again():
    shown = html.unescape(re.search(r"<pre>(.*?)</pre>", page(), re.DOTALL)[1])
    assert yaml.safe_load(shown)["methods"]["imp"]["fractions"] == {}


def test_the_page_needs_nothing_but_itself():
    reader = Reader(page())
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in reader.tags}
    assert [attributes for tag, attributes in reader.tags if tag == "script"] == [{}]
    sources = [attributes["src"] for _, attributes in reader.tags if "src" in attributes]
    assert sources and all(source.startswith("data:image/") for source in sources)
    for _, attributes in reader.tags:
        assert "srcset" not in attributes and not any(name.startswith("on") for name in attributes)
        assert not re.match(r"[a-z]+:|//|/", attributes.get("href", ""))  # to files beside it, or within the page
    assert not re.search(r"https?://|url\(|@import", page())


def test_links_within_the_page_lead_somewhere():
    reader = Reader(page())
    ids = {attributes.get("id") for _, attributes in reader.tags}
    assert {
        attributes["href"][1:] for _, attributes in reader.tags if attributes.get("href", "").startswith("#")
    } <= ids


def test_text_from_outside_is_escaped_everywhere():
    claims = [claim("supported", claim=EVIL, effect=EVIL, source=EVIL, unit=EVIL, task=EVIL)]
    text = page(claims, caption=EVIL, title=EVIL)
    assert text.count("<script") == 1 and EVIL not in text
    assert words(text).count(EVIL) >= 7


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("<>&\"'/= aäscript!-{}%#;\n"), min_size=1), st.integers(0, 6))
def test_no_text_from_outside_becomes_markup(text, index):
    """Whatever stands in a claim, a caption or a title: the page has the same tags and attributes."""
    keys = ("claim", "effect", "source", "unit", "task")

    def shape(text):
        claims = [claim("supported", **({keys[index]: text} if index < len(keys) else {}))]
        reader = Reader(page(claims, **({("caption", "title")[index - 5]: text} if 5 <= index < 7 else {})))
        return [(tag, sorted(attributes)) for tag, attributes in reader.tags]

    assert shape(text) == shape("plain")


def test_the_page_is_the_same_bytes_every_time():
    assert page() == page()


def test_every_claim_is_told_with_its_verdict_in_words_its_interval_and_its_margin():
    text = words(page([claim("supported"), claim("contradicted"), claim("inconclusive", low=-3.25, margin=1.3004)]))
    for verdict in ("supported", "contradicted", "inconclusive"):
        shown = f"{verdict} corrected: {verdict} p = 0.01, corrected = 0.02 A & B, 2019 · digitsThis is {verdict} Paper"
        assert f"1 {verdict}" in text and shown in text
    assert "3 claims tested" in text
    assert "must exceed 1.3 pp" in text and "[−3.2, 2.0]" in text


def test_an_effect_that_must_exceed_nothing_has_no_unit_there():
    text = words(page([claim("supported", unit="% of dense", margin=0.0)]))
    assert "must exceed 0 values by seed" in text and "must exceed 0 %" not in text
    assert "1.50 [1.00, 2.00] % of dense" in text


def test_a_claim_without_an_interval_says_why():
    bounds = dict.fromkeys(("low", "high", "p", "p_holm", "seeds_needed", "detectable"), math.nan)
    text = words(page([claim("inconclusive", **bounds, note="All 5 replicates agree to the last digit.")]))
    assert "1.5 pp All 5 replicates agree to the last digit." in text
    assert "∞" not in text and "corrected:" not in text and "by chance" not in text


def test_the_interval_over_seeds_and_test_examples_is_shown_beside_the_plain_one_with_a_verdict_that_differs():
    wider = {"low_with_examples": 0.25, "high_with_examples": 2.75, "verdict_with_examples": "supported"}
    text = words(page([claim("supported", **wider)]))
    assert "[1.00, 2.00] pp[0.25, 2.75] over seeds and test examples n = 5" in text
    open_now = wider | {"low_with_examples": -0.5, "verdict_with_examples": "inconclusive"}
    text = words(page([claim("supported", **open_now)]))
    assert "[−0.50, 2.75] over seeds and test examples: inconclusive" in text
    unknown = wider | {"low_with_examples": math.nan, "high_with_examples": math.nan, "verdict_with_examples": ""}
    same = words(page([claim("supported")]))
    assert words(page([claim("supported", **unknown)])) == same and "[1.00, 2.00] pp" in same


def test_corrected_verdicts_are_counted_beside_those_that_chance_gives():
    left_open = claim("supported", verdict_holm="inconclusive", p=0.03, p_holm=0.06)
    sure = claim("supported", p=1e-5, p_holm=2e-5)
    text = words(page([left_open, sure]))
    assert "2 claims have a p-value: if every effect were equal to its margin, chance alone would give 0.1 of" in text
    assert "Corrected for this in each study (how): 1 supported, 0 contradicted, 1 inconclusive." in text
    assert "supported corrected: inconclusive p = 0.03, corrected = 0.06" in text and "p < 0.001" in text


def test_a_folded_table_says_how_many_seeds_claims_need():
    claims = [claim("supported", seeds_needed=23.0), claim("inconclusive", seeds_needed=math.inf, estimate=1.0)]
    text = words(page(claims))
    assert (
        "seeds that decide the measured effect in 80% of runs digitsThis is supported must exceed 05 1.301.50 pp 23"
        in text
    )
    assert "digitsThis is inconclusive must exceed 05 1.301.00 pp more than 10,000" in text


def test_the_config_is_shown_without_what_no_result_depends_on():
    shown = page()
    assert "batch_size: 60" in shown
    assert not any(f"{key}:" in shown for key in ("processes", "nodes", "data_root"))


def test_only_what_was_trained_is_called_trained():
    text = words(page())
    summary = text[text.rindex("What was trained") : text.rindex("How to read")]
    assert "scikit-learn digits: 1,797 8x8 images" in summary and "5 (0-4)" in summary and "15 levels" in summary
    assert "imp-one-shotone-shot, magnitude" in summary
    assert "unused" not in summary and "never" not in summary


def test_recipes_say_what_a_batch_is_of():
    assert "600 steps of 60 examples, adam at 0.001" in words(page())
    assert "600 steps of 60 episodes, adam" in words(page(batches_of={"digits": "episodes"}))


def test_a_study_without_claims_or_figures_still_makes_a_page():
    assert "0 claims tested" in words(page(claims=[]))


# ---------------------------------------------------------------- its parts


def test_figures_are_inlined_as_svg_or_as_png_where_that_is_large():
    assert base64.b64decode(image_uri(SVG, b"png").removeprefix("data:image/svg+xml;base64,")) == SVG
    large = b"<svg>" + b" " * LARGEST_SVG
    assert base64.b64decode(image_uri(large, b"png").removeprefix("data:image/png;base64,")) == b"png"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, None, "0"),
        (-0.2, None, "−0.2"),
        (1.3, None, "1.3"),
        (-3.7e-15, 2, "0.00"),
        (1234.5, 0, "1,234"),
        (2.345, 2, "2.35"),
        (math.nan, 1, "–"),
        (-math.inf, 1, "−∞"),
    ],
)
def test_numbers_are_written_as_readers_write_them(value: float, digits: int | None, text: str):
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("estimate", "half", "digits"),
    [
        (3.0, 0.68, 2),
        (2.59, 0.0236, 3),
        (13.1, 20, 0),
        (1234, 300, 0),
        (0.5, math.inf, 2),
        (1.0, 0.0, 1),
        (0.0, 0.0, 0),
    ],
)
def test_decimals_follow_the_width_of_the_interval(estimate: float, half: float, digits: int):
    assert decimals({"estimate": estimate, "low": estimate - half, "high": estimate + half}) == digits


def test_the_drawn_interval_is_to_scale_and_holds_the_margin():
    bar = interval_bar(claim("supported", low=1.0, estimate=2.0, high=3.0, margin=0.0))
    assert bar == {"margin": 5, "low": 35, "estimate": 65, "high": 95}


def test_an_interval_without_bounds_is_not_drawn():
    assert interval_bar(claim("inconclusive", low=-math.inf, high=math.inf)) is None
    assert interval_bar(claim("inconclusive", low=math.nan, high=math.nan)) is None


def test_divergence_is_listed_where_there_is_any() -> None:
    assert '<h3 id="divergence">' not in page()
    line = Line("digits", "0-4", "imp", "ticket", ["seed 1 diverged at level 3", "nothing is left of <b>fc2</b>"])
    text = Reader(page(divergences=[line])).text
    assert "Divergence" in text and "seed 1 diverged at level 3; nothing is left of <b>fc2</b>" in text


def test_a_claim_says_how_many_replicates_it_could_not_measure() -> None:
    assert "unmeasured</small>" not in page([claim("supported")])
    assert "and 2 unmeasured</small>" in page([claim("inconclusive", unmeasured="2")])


def test_the_rows_of_a_claim_are_in_its_row_and_the_file_of_all_is_linked() -> None:
    text = page([claim("supported"), claim("supported", replicates=[])])
    assert "values by seedseed 0:\u00a01.00; 3:\u00a0−2.00 (pp)" in Reader(text).text
    assert text.count('<details class="seeds">') == 1 and 'href="../results/effects.csv"' in text


def test_values_by_seed_add_less_than_100_kilobytes_to_a_page_of_250_claims_and_25_seeds() -> None:
    def size(seeds: int) -> int:
        values = [Replicate(str(seed), math.sin(seed) - 0.3, "difference") for seed in range(seeds)]
        return len(page([claim("supported", replicates=values) for _ in range(250)]).encode())

    assert 0 < size(25) - size(0) < 100_000


def test_a_claim_leads_to_its_figure_and_its_table_and_the_figure_back_to_it() -> None:
    text = page(
        [claim("supported"), claim("contradicted", figure="not-drawn"), claim("supported", table="", figure="")]
    )
    rows = re.findall(r'<tr id="([^"]+)" class="claim".*?</tr>', text, re.DOTALL)
    first, second, third = (text.split(f'<tr id="{row}"')[1].split("</tr>")[0] for row in rows)
    assert 'href="#study2019-fig01"' in first and 'href="../results/tables/m.csv">measurements.csv' in first
    assert "#study2019-not-drawn" not in second and "m.csv" in second
    assert "read from" not in third
    caption = text.split("<figcaption>")[1].split("</figcaption>")[0]
    assert re.findall(r'class="mark (\w+)" href="#([^"]+)"', caption) == [("supported", "study2019-claim-1")]
