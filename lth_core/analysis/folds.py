"""Folds of the test examples: the interval of a claim over seeds and test examples, by leaving out fold after fold.

The jackknife (Efron & Tibshirani 1993, chapter 11), here by groups of examples: how the effect changes without each
fold says what other test examples would change. The spread over seeds has a part of this already, as each network errs
on examples of its own. So that nothing is counted twice, this interaction of seeds and folds is taken out, as in an
analysis of variance of two crossed factors, neither of which is fixed (Cornfield & Tukey 1956).
"""

from __future__ import annotations

import numpy as np

from lth_core.analysis.claims import Claim, critical, verdict
from lth_core.analysis.scales import SCALES

EXAMPLE_COLUMNS = ("low_with_examples", "high_with_examples", "verdict_with_examples")
"""the 95% interval over seeds and test examples, and the verdict by it: nan and empty where the effect does not depend
on test metrics in histories, and where there is no interval over seeds."""


def with_examples(claim: Claim, without: np.ndarray) -> tuple[float, float, str] | None:
    """Return the interval (low, high) of a claim over seeds and test examples, and the verdict by it.

    It is the one over seeds, widened on both sides: half its width is the root of the summed squares of those over
    seeds and over examples alone, each with the quantile of Student's t for its own number, which covers the effect
    with a chance of about 95% (Banerjee 1960). None where there is no interval over seeds, where the effect is the
    same without every fold, as it does not depend on the test examples, or where it is undefined without some fold.

    Args:
        claim: the claim on all test examples.
        without: its effects without each fold, in its unit (folds, replicates).
    """
    scale = SCALES[claim.replicates[0].scale] if claim.replicates else None
    if scale is None or claim.note:
        return None
    measured = np.isfinite(scale([replicate.value for replicate in claim.replicates]))
    effects = scale(without[:, measured])
    if not np.isfinite(effects).all() or not np.ptp(effects, axis=0).any():
        return None
    low, estimate, high = scale([claim.low, claim.estimate, claim.high])
    half = np.hypot((high - low) / 2, critical(len(effects)) * np.sqrt(added_variance(effects)))
    ends = scale.back(estimate - half), scale.back(estimate + half)
    return *ends, "inconclusive" if claim.unmeasured else verdict(*ends, claim.margin)


def added_variance(effects: np.ndarray) -> float:
    """Estimate what test examples add to the variance of the mean over seeds, from effects without each fold (G, n).

    That is the variance by the jackknife, less the part that the spread over seeds has already; at least 0.
    """
    folds, seeds = effects.shape
    by_fold = effects.mean(axis=1, keepdims=True)
    of_folds = by_fold - by_fold.mean()
    interaction = effects - by_fold - effects.mean(axis=0) + by_fold.mean()
    jackknife = (folds - 1) / folds * float((of_folds**2).sum())
    counted = (folds - 1) / (folds * seeds * (seeds - 1)) * float((interaction**2).sum())
    return max(0.0, jackknife - counted)
