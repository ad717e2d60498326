"""Early birds: distances of masks, and the first epoch at which those in the queue agree."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.analysis.early_birds import (
    detected,
    group_sizes,
    independent_distances,
    mask_distances,
    parse_channels,
    queue_distances,
)


def test_distance_is_the_part_of_channels_that_differ() -> None:
    masks = parse_channels(["KKKKp", "KKKpp", "pppKK"])
    assert masks.sum() == 9
    np.testing.assert_allclose(mask_distances(masks), [[0, 0.2, 0.8], [0.2, 0, 1], [0.8, 1, 0]], atol=1e-12)


def test_the_newest_mask_is_compared_with_each_of_the_others_in_the_queue() -> None:
    distances = mask_distances(parse_channels(["KKKKKKKKKK", "KKKKKKKKKp", "KKKKKKKKpp", "KKKKKKKKpp"]))
    np.testing.assert_allclose(queue_distances(distances, 3), [np.nan, np.nan, 0.2, 0.1], atol=1e-12)


def test_masks_are_detected_where_all_distances_are_within_epsilon_and_not_before_the_queue_is_full() -> None:
    still = mask_distances(parse_channels(["KKKKKpppp"] * 8))
    assert detected(queue_distances(still, 5), 0.1) == 4
    restless = mask_distances(parse_channels(["KKKKKKKKKp", "pKKKKKKKKK"] * 4))
    assert detected(queue_distances(restless, 5), 0.1) is None
    assert detected(np.array([np.nan, 0.3, 0.1 + 1e-15, 0.0]), 0.1) == 2


@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_fewer_masks_than_the_queue_holds_decide_nothing(epochs: int) -> None:
    assert detected(queue_distances(np.zeros((epochs, epochs)), 5), 0.1) is None


def test_independent_masks_differ_by_what_each_group_keeps() -> None:
    lines = ["KKpp Kp", "KKKK pK"]
    masks, sizes = parse_channels(lines), group_sizes(lines[0])
    assert sizes == [4, 2] and masks.shape == (2, 6)
    within = independent_distances(masks, masks, sizes)
    np.testing.assert_allclose(within, [(2 + 1) / 6, (0 + 1) / 6])  # 2 of 4 channels, or 1 of 2, differ in half of them
    np.testing.assert_allclose(independent_distances(masks[:1], masks[1:], sizes), [(2 + 1) / 6])


def test_the_distance_of_independent_masks_is_that_of_drawn_ones() -> None:
    rng, sizes = np.random.default_rng(0), [8, 30]
    first, second = (
        np.array(
            [
                np.concatenate([rng.permutation(size) < kept for size, kept in zip(sizes, counts, strict=True)])
                for _ in range(4000)
            ]
        )
        for counts in ((1, 20), (3, 28))
    )
    drawn = (first != second).mean()
    assert independent_distances(first[:1], second[:1], sizes) == pytest.approx(drawn, rel=0.02)
