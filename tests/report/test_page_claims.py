"""What the page says of claims: every verdict in words, with all that qualifies it."""

from __future__ import annotations

import math
import re

from lth_core.analysis.claims import Replicate
from lth_core.report.index import description
from tests.support.study_page import Reader, claim, page, words


def test_a_page_without_claims_says_why_and_counts_no_verdicts():
    text = words(page(claims=[]))
    assert "No claim could be tested: the papers state each for particular densities" in text
    assert "0 supported" not in text and "its claims" not in text
    assert description(page(claims=[])).endswith("Claims of A & B, 2019: none could be tested.")
    assert "No claim" not in words(page())


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


def test_a_margin_of_one_is_singular():
    text = words(page([claim("supported", unit="nats", margin=1.0)]))
    assert "must exceed 1 nat" in text and "must exceed 1 nats" not in text


def test_what_a_claim_remarks_stands_beside_its_interval_and_an_unknown_margin_is_said_to_be_one():
    same = "The same holds for random masks: it does not tell tickets from them."
    assert f"[1.00, 2.00] pp {same}" in words(page([claim("supported", remark=same)]))
    assert "must exceed a margin that is not known" in words(page([claim("inconclusive", margin=math.nan)]))


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


def test_a_p_value_of_a_sign_test_that_overrules_the_interval_is_named():
    cut_off = claim("inconclusive", low=-21.3, estimate=-12.6, high=-4.5, p=1.0, p_holm=1.0)
    assert "p = 1 (sign test), corrected = 1" in words(page([cut_off]))
    assert "p = 0.2, corrected" in words(page([cut_off | {"high": 4.5, "p": 0.2}]))
    assert "p can then be as large as 1 though the interval excludes the margin" in words(page())
    assert "with a probability of at least 95%, none of a study's corrected verdicts is false" in words(page())


def test_where_it_is_unknown_how_many_seeds_a_claim_needs_the_table_says_why():
    unknown = dict.fromkeys(("seeds_needed", "detectable"), math.nan)
    text = words(page([claim("inconclusive", **unknown), claim("inconclusive", **unknown, note="One replicate.")]))
    assert "– trainings end too soon: longer ones decide, not more seeds" in text and "– no interval" in text
    text = words(page([claim("supported")]))
    assert "– no interval" not in text and "not more seeds" not in text


def test_a_study_without_claims_or_figures_still_makes_a_page():
    assert "0 claims tested" in words(page(claims=[]))


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
    assert 'href="#study2019-fig01"' in first
    assert 'href="../results/tables/m.csv">measurements.csv</a>, lines 2–31<' in first
    assert "#study2019-not-drawn" not in second and "m.csv" in second
    assert "read from" not in third
    caption = text.split("<figcaption>")[1].split("</figcaption>")[0]
    assert re.findall(r'class="mark (\w+)" href="#([^"]+)"', caption) == [("supported", "study2019-claim-1")]
