"""What studies derive alike has one name, so that they share its trainings."""

from __future__ import annotations

import pytest

from lth_core.config import Branch, Choice, Config, Method, Rewind
from lth_core.studies.chains import on_order, rewound, rewound_chains

REWOUND = Method(levels=4, scope="global", rewind=Rewind(policy="rewind", step=20))
CONFIG = Config.model_construct(methods={"imp": Method(levels=4, scope="global"), "late": REWOUND})


def rewind_to(step: int) -> Rewind:
    return Rewind(policy="rewind", step=step)


REINIT = Branch(treatment=Choice(name="reinit"), draws=3)


def test_a_method_is_its_own_chain_where_it_rewinds_to_that_step_itself():
    assert rewound(CONFIG, "imp", 0) == ("imp", CONFIG.methods["imp"])
    assert rewound(CONFIG, "late", 20) == ("late", REWOUND)


def test_other_steps_change_the_rewinding_and_nothing_else():
    assert rewound(CONFIG, "imp", 10) == ("imp-rewind-10", Method(levels=4, scope="global", rewind=rewind_to(10)))
    assert rewound(CONFIG, "late", 30) == ("late-rewind-30", Method(levels=4, scope="global", rewind=rewind_to(30)))


def test_a_configured_method_that_is_the_same_gives_the_name_so_that_nothing_is_trained_twice():
    assert rewound(CONFIG, "imp", 20) == ("late", REWOUND)
    assert rewound(CONFIG, "late", 0) == ("imp", CONFIG.methods["imp"])


def test_a_continued_method_has_no_rewinding_of_its_own():
    continued = Method(levels=2, rewind=Rewind(policy="lr-rewind"))
    config = Config.model_construct(methods={"imp": continued})
    assert rewound(config, "imp", 0) == ("imp-rewind-0", Method(levels=2))


def test_only_chains_that_are_not_configured_are_derived():
    assert set(rewound_chains(CONFIG, ["imp", "late"], [0, 10, 20])) == {"imp-rewind-10", "late-rewind-10"}


@pytest.mark.parametrize(
    ("arguments", "name", "branch"),
    [
        ((None, None, 1), "order-1", Branch(treatment=Choice(name="ticket"), order=1)),
        ((None, None, 2, 30), "order-2-from-30", Branch(treatment=Choice(name="ticket"), order=2, order_from=30)),
        (("reinit", REINIT, 1), "reinit-order-1", REINIT.model_copy(update={"order": 1})),
        (("reinit", REINIT, 1, 30), "reinit-order-1-from-30", REINIT.model_copy(update={"order": 1, "order_from": 30})),
    ],
)
def test_the_name_of_a_branch_on_another_order_says_which_and_from_when(arguments, name, branch):
    assert on_order(*arguments) == (name, branch)


def test_a_branch_that_is_on_another_order_already_is_an_error():
    with pytest.raises(ValueError, match="branch 'reinit' must be trained on the tickets' data order"):
        on_order("reinit", REINIT.model_copy(update={"order": 2}), 1)
