"""What the numbers mean: the numbers that the explanation and the page give are those that the code computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lth_core.analysis.claims import CONFIDENCE, evaluate_claim, mean_interval, p_value
from lth_core.analysis.corrections import expected_false_verdicts, holm
from lth_core.analysis.power import POWER, detectable
from lth_core.analysis.scales import RATIOS
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, RETURN

ROOT = Path(__file__).resolve().parents[2]
TEXT = " ".join((ROOT / "docs/explanation/numbers.md").read_text(encoding="utf-8").split())
PAGE = " ".join((ROOT / "lth_core/report/templates/reading.html.j2").read_text(encoding="utf-8").split())


def test_both_name_the_confidence_of_intervals_and_the_power() -> None:
    assert (
        f"{CONFIDENCE:.0%} interval by Student's t" in TEXT and f"the {CONFIDENCE:.0%} interval is Student's t" in PAGE
    )
    assert f"decide in {POWER:.0%} of runs" in TEXT
    assert f"{expected_false_verdicts(20):g}" == "1" and "one in 20" in TEXT


def test_margins_are_those_of_the_metrics() -> None:
    margins = f"{ACCURACY.matching} percentage points of accuracy, {BITS_PER_CHARACTER.matching} bits per character, "
    assert f"{margins}{RETURN.matching:g} points of return" in TEXT


def test_a_ratio_and_its_inverse_average_to_1() -> None:
    assert mean_interval([0.5, 2.0], RATIOS)[0] == pytest.approx(1)
    assert f"the plain mean of 0.5 and 2, which is {np.mean([0.5, 2.0])}," in TEXT


def test_holms_steps_are_as_they_are_described() -> None:
    limits = np.array([0.05 / 4, 0.05 / 3])
    assert "below 0.05 / m, the next below 0.05 / (m − 1), and so on" in TEXT and "Holm" in PAGE
    assert [p < 0.05 for p in holm([*(0.999 * limits), 0.5, 0.5])] == [True, True, False, False]
    assert [p < 0.05 for p in holm([1.001 * limits[0], 0.999 * limits[1], 0.5, 0.5])] == [False] * 4


def test_equal_replicates_decide_from_six_on() -> None:
    five, six = (p_value([1.0] * count, 0.0) for count in (5, 6))
    assert (five, six) == (0.0625, 0.03125) and "0.063 for five" in TEXT and "0.031 for six" in TEXT
    assert "equal replicates decide from six on" in TEXT and "From six of them on, a sign test decides" in PAGE
    texts = dict.fromkeys(("study", "task", "claim", "source", "effect", "unit"), "")
    verdicts = [evaluate_claim([1.0] * count, **texts).verdict for count in (5, 6)]
    assert verdicts == ["inconclusive", "supported"]


@pytest.mark.parametrize(
    ("seeds", "words"), [(5, "5 seeds decide effects that are {}"), (10, "10 seeds {}"), (20, "20 seeds {}")]
)
def test_what_seeds_decide_is_what_the_power_says(seeds: int, words: str) -> None:
    assert words.format(f"{detectable(seeds, CONFIDENCE):.1f}") in TEXT
