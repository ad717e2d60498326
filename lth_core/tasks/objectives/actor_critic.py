"""Advantage actor-critic: a policy and the value of what it sees, trained together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveInt

from lth_core.metrics import RETURN, Metric
from lth_core.registry import objective

if TYPE_CHECKING:
    from torch import Tensor

    from lth_core.tasks.control import Transitions

MEDIAN_RETURN = Metric("median_return", "median return", RETURN.unit, matching=RETURN.matching)
"""The undiscounted return of an episode, its median over evaluation episodes."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


@objective("actor-critic", data="environment", metrics=(RETURN, MEDIAN_RETURN))
def actor_critic(
    outputs: Tensor,
    batch: Transitions,
    discount: Fraction = 0.99,
    value_weight: Weight = 0.5,
    entropy_weight: Weight = 0.01,
    evaluation_episodes: PositiveInt = 20,
    matching: Weight = RETURN.matching,
) -> dict[str, Tensor]:
    """Make actions that brought more than the critic expected more likely (A2C; Mnih et al. 2016, section 4).

    The loss of a transition is -log pi(a|s) A + value_weight (R - V(s))^2 - entropy_weight H(pi(.|s)), where
    A = R - V(s) counts as a constant. An update is `train.batch_size` whole episodes of the present policy, so R is the
    return to the end: Mnih et al. update every few steps. `discount` says how much less a reward counts with every step
    that it is away. Returns of a policy are measured without it, on `evaluation_episodes` of every split;
    in claims, one that is lower by at most `matching` still matches.

    Outputs (B, actions + 1) are the scores of the actions, then the value V(s).
    """
    log_policy, values = outputs[..., :-1].log_softmax(dim=-1), outputs[..., -1]
    surprise = -log_policy.gather(-1, batch.actions[..., None]).squeeze(-1)
    entropy = -(log_policy.exp() * log_policy).sum(dim=-1)
    advantage = batch.returns - values
    loss = surprise * advantage.detach() + value_weight * advantage.square() - entropy_weight * entropy
    return {"loss": loss, "return": batch.totals, "median_return": batch.totals}
