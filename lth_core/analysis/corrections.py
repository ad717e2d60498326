"""Corrections: what is left of verdicts where one study tests many claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lth_core.analysis.claims import CONFIDENCE, Claim


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being tested together (Holm 1979): no false verdict at all in 95% of studies.

    All claims count, those without a p-value too (nan, which stays nan): whether they get one depends on the data.
    """
    corrected, largest = [float("nan")] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):  # nan last
        if not np.isnan(p_values[index]):
            largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
            corrected[index] = largest
    return corrected


def corrected_verdicts(claims: Sequence[Claim]) -> list[tuple[float, str]]:
    """Return the corrected p-value and verdict of each claim of one study."""
    corrected = holm([claim.p for claim in claims])
    return [
        (p, claim.verdict if p < 1 - CONFIDENCE else "inconclusive") for claim, p in zip(claims, corrected, strict=True)
    ]


def expected_false_verdicts(tested: int) -> float:
    """Return how many of the tested claims get a verdict by chance where every effect is equal to its margin."""
    return (1 - CONFIDENCE) * tested
