"""Power: the numbers are those of the noncentral t, and of runs drawn at random."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lth_core.analysis.claims import CONFIDENCE, evaluate_claim, mean_interval, verdict
from lth_core.analysis.power import MOST, POWER, detectable, power, replicates_needed

TEXT = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}


@pytest.mark.parametrize(("effect", "count"), [(0.5, 34), (1.0, 10), (0.2, 199), (0.8, 15)])
def test_the_seeds_needed_are_those_of_tables_of_the_paired_t_test(effect: float, count: int) -> None:
    """As G*Power and Cohen's tables give them for 80% power at 5%, two-sided."""
    assert replicates_needed(effect, CONFIDENCE) == replicates_needed(-effect, CONFIDENCE) == count
    assert power(effect, count - 1, CONFIDENCE) < POWER <= power(effect, count, CONFIDENCE)


def test_power_is_the_share_of_runs_that_decide_the_claim() -> None:
    rng = np.random.default_rng(0)
    runs = [verdict(*mean_interval(rng.normal(1.3, 1, 6))[1:], 0.0) for _ in range(3000)]
    assert runs.count("supported") / len(runs) == pytest.approx(power(1.3, 6, CONFIDENCE), abs=0.025)


@pytest.mark.parametrize("count", [2, 3, 5, 25, 300])
def test_what_a_run_can_detect_is_what_needs_its_seeds(count: int) -> None:
    least = detectable(count, CONFIDENCE)
    critical = stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1)
    assert stats.nct.sf(critical, count - 1, least * math.sqrt(count)) == pytest.approx(POWER, abs=1e-6)
    assert replicates_needed(1.001 * least, CONFIDENCE) == count


@pytest.mark.parametrize(("effect", "needed"), [(0.0, math.inf), (1e-3, math.inf), (1e3, 2), (1e9, 2)])
def test_the_count_ends_at_two_and_beyond_the_most(effect: float, needed: float) -> None:
    assert replicates_needed(effect, CONFIDENCE) == needed
    assert power(effect, MOST, CONFIDENCE) >= POWER or needed == math.inf


def test_a_claim_says_what_its_seeds_detect_on_the_side_of_its_estimate() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    above, below = evaluate_claim(values, **TEXT, margin=1.0), evaluate_claim(-values, **TEXT, margin=1.0)
    spread = values.std(ddof=1)
    assert above.detectable == pytest.approx(1 + detectable(4, CONFIDENCE) * spread)
    assert below.detectable == pytest.approx(1 - detectable(4, CONFIDENCE) * spread)
    assert above.seeds_needed == replicates_needed((2.5 - 1) / spread, CONFIDENCE)


def test_without_an_interval_nothing_is_known_of_the_power() -> None:
    claim = evaluate_claim([2.0, 2.0, 2.0], **TEXT)
    assert math.isnan(claim.seeds_needed) and math.isnan(claim.detectable)
