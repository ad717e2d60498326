"""Numbers as the page writes them: rounded to what they tell, with their units, or drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lth_core.analysis.claims import CONFIDENCE, NO_LESS
from lth_core.metrics import amount

ENDS = ("low", "high")


def number(value: float, decimals: int | None = None) -> str:
    """Write a number for readers: with that many decimals, or as short as it is; an unknown one is a dash."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.6g}" if decimals is None else f"{round(value, decimals) + 0.0:,.{decimals}f}"
    return text.replace("-", "−")


def ratio(part: float, whole: float) -> str:
    """Write a part as a percentage of the whole; a dash where either is unknown."""
    return f"{part / whole:.0%}" if math.isfinite(part) and math.isfinite(whole) and whole else "–"


def decimals(claim: Mapping[str, Any]) -> int:
    """Count the decimals of a claim's numbers that mean something: two digits of half its interval's width.

    They are more where an end of the interval would be printed as the margin, or beyond it: then readers see why the
    verdict is what it is.
    """
    half = (claim["high"] - claim["low"]) / 2
    digits = half if math.isfinite(half) and half > 0 else abs(claim["estimate"])
    count = min(6, max(0, 1 - math.floor(math.log10(digits)))) if math.isfinite(digits) and digits > 0 else 0
    while count < 6 and not all(_side(round(claim[end], count), claim) == _side(claim[end], claim) for end in ENDS):
        count += 1
    return count


def _side(value: float, claim: Mapping[str, Any]) -> int:
    """Return on which side of the margin, as it is printed, a value lies: -1, 0 or 1; 0 where either is unknown."""
    margin = _rounded(claim["margin"])
    return (value > margin) - (value < margin)


def interval_bar(claim: Mapping[str, Any]) -> dict[str, float] | None:
    """Locate a claim's interval, estimate and margin on a bar, in percent of its width; None if unbounded."""
    low, high, estimate, margin = (claim[key] for key in ("low", "high", "estimate", "margin"))
    if not all(map(math.isfinite, (low, high, estimate, margin))):
        return None
    left, right = min(low, margin), max(high, margin)
    scale = 90 / (right - left) if right > left else 0.0
    at = {"low": low, "high": high, "estimate": estimate, "margin": margin}
    return {key: round(5 + (value - left) * scale, 2) if scale else 50.0 for key, value in at.items()}


def claim_numbers(claim: Mapping[str, Any]) -> dict[str, str]:
    """Write a claim's numbers: estimate and interval, what is required, p-values, what its number of seeds decides."""
    digits = decimals(claim)
    unbounded = claim["seeds_needed"] == math.inf
    return {
        "estimate": number(claim["estimate"], digits),
        "interval": "" if claim["note"] else f"[{number(claim['low'], digits)}, {number(claim['high'], digits)}]",
        "with_examples": _with_examples(claim, digits),
        "requirement": _requirement(claim["margin"], claim["unit"]),
        "p": p_value_words(claim["p"]) + (" (sign test)" if _overrules_interval(claim) else ""),
        "p_holm": p_value_words(claim["p_holm"]),
        "detectable": number(claim["detectable"], digits),
        "seeds_needed": "more than 10,000" if unbounded else number(claim["seeds_needed"], 0),
        "why_unknown": _why_seeds_are_unknown(claim),
    }


def _overrules_interval(claim: Mapping[str, Any]) -> bool:
    """Tell whether the interval excludes the margin and p does not: it is that of a sign test (`with_cut_off`)."""
    excludes = claim["low"] > claim["margin"] or claim["high"] < claim["margin"]
    return excludes and claim["p"] >= 1 - CONFIDENCE


def _why_seeds_are_unknown(claim: Mapping[str, Any]) -> str:
    """Say why it is not known how many seeds a claim needs; empty where it is."""
    if not math.isnan(claim["seeds_needed"]):
        return ""
    return "no interval" if claim["note"] else "trainings end too soon: longer ones decide, not more seeds"


def _with_examples(claim: Mapping[str, Any], digits: int) -> str:
    """Write the interval over seeds and test examples; empty where there is none."""
    ends = [claim.get(end, math.nan) for end in ("low_with_examples", "high_with_examples")]
    return "" if math.isnan(ends[0]) else f"[{number(ends[0], digits)}, {number(ends[1], digits)}]"


def values_by_seed(claim: Mapping[str, Any]) -> str:
    """List the values that the estimate is the mean of, by seed where that is known: `seed 0: 1.2; 1: −0.3`."""
    digits = decimals(claim)
    listed = [(one.seed, number(one.value, digits)) for one in claim["replicates"]]
    text = "; ".join(f"{seed}:\u00a0{value}" if seed else value for seed, value in listed)
    return f"seed {text}" if any(seed for seed, _ in listed) else text


def _requirement(margin: float, unit: str) -> str:
    """Say what the effect must exceed, in three digits, as a spread over seeds has many: no unit where that is 0.

    A spread that was not measured is not known.
    """
    if math.isnan(margin):
        return "must exceed a margin that is not known"
    if margin == NO_LESS:
        return "must be at least 0"
    return f"must exceed {amount(number(_rounded(margin)), unit) if margin else '0'}"


def _rounded(margin: float) -> float:
    return float(f"{margin:.3g}")


def p_value_words(p: float) -> str:
    """Write a p-value as it is read after "p": "= 0.03", "< 0.001"."""
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"= {p:.2g}"
