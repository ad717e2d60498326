"""What treatments return: tickets of the same network; anything else is one line that says what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lth_core.tickets.rewinding import Ticket
from lth_core.tickets.treated import TreatmentError, check_alike, check_treated

WEIGHTS = {"a.weight": np.ones((2, 3), np.float32), "a.bias": np.zeros(2, np.float32)}
TICKET = Ticket(WEIGHTS, {"a.weight": np.ones((2, 3), bool)}, first_step=5)


def test_a_ticket_of_the_same_network_is_passed_on() -> None:
    treated = replace(TICKET, weights=WEIGHTS | {"a.weight": np.zeros((2, 3), np.float32)}, first_step=0)
    assert check_treated("mine", TICKET, treated) is treated


RETURNED = {
    "nothing": (None, " returned nothing: it must return a ticket, such as replace"),
    "weights alone": (WEIGHTS, " returned a dict of 2: it must return a ticket"),
    "float64": (
        replace(TICKET, weights=WEIGHTS | {"a.weight": np.ones((2, 3))}),
        r": weights of 'a.weight' must be float32, not float64: use .astype\(np.float32\)$",
    ),
    "float mask": (
        replace(TICKET, mask={"a.weight": np.ones((2, 3), np.float32)}),
        r": mask of 'a.weight' must be bool, not float32: use .astype\(np.bool\)$",
    ),
    "other shape": (
        replace(TICKET, weights=WEIGHTS | {"a.weight": np.ones(6, np.float32)}),
        r": weights of 'a.weight' must have shape \(2, 3\), not \(6,\)$",
    ),
    "list": (replace(TICKET, weights=WEIGHTS | {"a.bias": [0, 0]}), ": weights of 'a.bias' must be an array"),
    "missing": (
        replace(TICKET, weights={"a.weight": WEIGHTS["a.weight"]}),
        ": weights of 'a.bias' are missing$",
    ),
    "unknown": (
        replace(TICKET, mask={"b.weight": np.ones(2, bool)}),
        ": mask of 'b.weight', which the network does not have$",
    ),
    "no mask": (replace(TICKET, mask=None), ": mask must be a dict of arrays, not None$"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("returned", "message"), RETURNED.values(), ids=RETURNED)
def test_anything_else_is_one_line(returned: Any, message: str) -> None:
    with pytest.raises(TreatmentError, match=f"^treatment 'mine'{message}"):
        check_treated("mine", TICKET, returned)


def test_tickets_that_are_trained_together_start_at_one_step_with_masks_of_the_same_weights() -> None:
    check_alike("mine", [])
    check_alike("mine", [TICKET, TICKET])
    with pytest.raises(TreatmentError, match=r"first_step must be the same for all seeds and draws$"):
        check_alike("mine", [TICKET, replace(TICKET, first_step=0)])
    with pytest.raises(TreatmentError, match=r"must have masks of the same weights$"):
        check_alike("mine", [TICKET, replace(TICKET, mask={})])
