"""A part of a network starts from other weights, under the same mask."""

import numpy as np
import pytest

from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket
from lth_core.tickets.treated import TreatmentError
from lth_core.treatments.parts import part_from

NAMES = ("generator.0.weight", "discriminator.0.weight", "discriminator.0.bias")


def weights(value: float) -> dict[str, np.ndarray]:
    return {name: np.full((2, 2), value, np.float32) for name in NAMES}


def ticket() -> Ticket:
    mask = {"generator.0.weight": np.eye(2, dtype=bool)}
    return Ticket(weights(1.0) | {"generator.0.weight": np.eye(2, dtype=np.float32)}, mask)


CHECKPOINTS = BranchCheckpoints(weights(2), weights(1), weights(3), weights(4), fresh=lambda: weights(5))


@pytest.mark.parametrize(("source", "value"), [("initial", 2), ("trained", 3), ("fresh", 5)])
def test_only_the_part_starts_from_the_source(source, value) -> None:
    treated = part_from(ticket(), CHECKPOINTS, part="discriminator.*", weights=source)
    assert np.array_equal(treated.weights["generator.0.weight"], np.eye(2))
    assert all((treated.weights[name] == value).all() for name in NAMES[1:])
    assert np.array_equal(treated.mask["generator.0.weight"], np.eye(2, dtype=bool))


def test_what_the_mask_prunes_stays_0() -> None:
    treated = part_from(ticket(), CHECKPOINTS, part="*", weights="trained")
    assert np.array_equal(treated.weights["generator.0.weight"], 3 * np.eye(2))


def test_a_part_that_is_not_there_is_one_line() -> None:
    with pytest.raises(TreatmentError, match=r"part 'critic\.\*' matches no weight of the network \(generator"):
        part_from(ticket(), CHECKPOINTS, part="critic.*", weights="fresh")
