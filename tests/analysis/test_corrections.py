"""Corrections: Holm's p-values by hand, fewer verdicts than plain ones, and no false one in 95% of studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.analysis.claims import evaluate_claim
from lth_core.analysis.corrections import corrected_verdicts, expected_false_verdicts, holm

TEXT = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1, 1] and holm([]) == []


def test_claims_without_a_p_value_count_and_get_none() -> None:
    corrected = holm([0.01, math.nan, 0.02])
    assert corrected[0] == pytest.approx(0.03) and corrected[2] == pytest.approx(0.04) and math.isnan(corrected[1])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrected_p_values_are_no_smaller_and_in_the_same_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert [corrected[index] for index in np.argsort(p_values, kind="stable")] == sorted(corrected)


def test_a_weak_verdict_of_many_is_left_open_and_a_strong_one_stays() -> None:
    weak, strong = [1.0, 2.0, 1.4, 0.4, 0.2], [-1.0, -1.1, -0.9, -1.0, -1.05]
    claims = [evaluate_claim(values, **TEXT) for values in (weak, strong, *[[1.0, -1.0, 0.5, 0.1]] * 6)]
    assert [claim.verdict for claim in claims[:2]] == ["supported", "contradicted"]
    left = corrected_verdicts(claims)
    assert [verdict for _, verdict in left] == ["inconclusive", "contradicted", *["inconclusive"] * 6]
    assert [verdict for _, verdict in corrected_verdicts(claims[:1])] == ["supported"]


def test_without_effects_chance_gives_as_many_verdicts_as_expected_and_rarely_a_corrected_one() -> None:
    rng, claims, studies = np.random.default_rng(0), 10, 300
    plain = corrected = 0
    for _ in range(studies):
        tested = [evaluate_claim(rng.normal(0, 1, 5), **TEXT) for _ in range(claims)]
        plain += sum(claim.verdict != "inconclusive" for claim in tested)
        corrected += any(verdict != "inconclusive" for _, verdict in corrected_verdicts(tested))
    assert plain / studies == pytest.approx(expected_false_verdicts(claims), abs=0.12)
    assert corrected / studies < 0.05 + 0.03
