"""Random channels: as many of every group, other ones, whole in all tensors; other masks are refused."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.pruning.channels import Channels, Span
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask
from lth_core.tickets.treated import TreatmentError

SHAPES = {"first": (20, 3), "second": (12, 20), "last": (4, 12)}
CHANNELS = [Channels(20, (Span("first", 1, 0),), (Span("second", 1, 0),))]
CHANNELS += [Channels(12, (Span("second", 1, 0),), (Span("last", 1, 0),))]


def weights(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed).standard_normal
    return {name: draw(shape).astype(np.float32) for name, shape in SHAPES.items()}


def without(first: int, second: int) -> dict[str, np.ndarray]:
    mask = {name: np.ones(shape, bool) for name, shape in SHAPES.items()}
    for group, count in zip(CHANNELS, (first, second), strict=True):
        group.remove(mask, np.arange(group.size) >= count)
    return mask


def treat(mask: dict[str, np.ndarray]) -> Ticket:
    checkpoints = BranchCheckpoints(weights(0), weights(1), weights(2), weights(1), lambda: weights(3))
    ticket = Ticket(apply_mask(weights(1), mask), mask, first_step=40)
    offered = {"ticket": ticket, "checkpoints": checkpoints, "channels": CHANNELS, "rng": np.random.default_rng(0)}
    return treatment.call("random-channels", offered, {})


def test_as_many_channels_of_every_group_are_kept_at_the_starting_values() -> None:
    treated = treat(without(8, 6))
    kept = [group.surviving(treated.mask) for group in CHANNELS]
    assert [int(one.sum()) for one in kept] == [12, 6]
    assert not np.array_equal(kept[0], np.arange(20) >= 8)
    np.testing.assert_array_equal(treated.mask["second"], np.outer(kept[1], kept[0]))
    np.testing.assert_array_equal(treated.weights["second"], weights(1)["second"] * treated.mask["second"])
    assert treated.first_step == 40


def test_a_group_that_has_all_its_channels_keeps_them() -> None:
    treated = treat(without(0, 6))
    assert treated.mask["first"].all()


def test_masks_of_single_weights_are_refused() -> None:
    mask = without(8, 6)
    mask["last"][0, 11] = False
    with pytest.raises(TreatmentError, match="needs masks of whole channels"):
        treat(mask)
