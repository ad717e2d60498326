"""Networks that do not give what an objective reads are one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor, nn

from lth_core.models.requirements import ModelError
from lth_core.tasks.fitting import check_network

TEXT = {"kind": "text", "vocabulary": 5, "context": 4}
POLE = {"kind": "environment", "features": 3, "actions": 2}
POINTS = {"kind": "points", "features": 3, "targets": 1}
KINDS = {"language": TEXT, "actor-critic": POLE, "mine": POINTS}


class Scoring(nn.Module):
    """Scores of an objective's kind of data, and what is made of them."""

    def __init__(self, objective: str, make: Callable[[Tensor], Any] = lambda scores: scores):
        super().__init__()
        self.make, self.layer = make, nn.Embedding(5, 5) if objective == "language" else nn.Linear(3, 3)

    def forward(self, inputs: Tensor) -> Any:
        return self.make(self.layer(inputs))


BAD = [
    ("language", lambda scores: (scores, None), "its forward returns a tuple of 2: it must return one tensor"),
    ("language", lambda scores: {"logits": scores}, "its forward returns a dict of 1: it must return one tensor"),
    ("language", lambda scores: None, "its forward returns nothing: it must return one tensor"),
    ("language", lambda scores: scores[:, -1], "its forward returns float32 of shape (2, 5) for 2 examples"),
    ("language", lambda scores: scores.mT, "its forward returns float32 of shape (2, 5, 4) for 2 examples"),
    ("language", lambda scores: scores.flatten(0, 1), "its forward returns float32 of shape (8, 5) for 2 examples"),
    ("language", lambda scores: scores.argmax(-1), "its forward returns int64 of shape (2, 4) for 2 examples"),
    ("language", lambda scores: scores.mean(), "its forward returns float32 of shape () for 2 examples"),
    ("language", lambda scores: scores.bfloat16(), "its forward returns bfloat16 of shape (2, 4, 5) for 2 examples"),
    ("actor-critic", lambda scores: (scores[..., :2], scores[..., 2]), "its forward returns a tuple of 2"),
    ("actor-critic", lambda scores: scores[..., :2], "its forward returns float32 of shape (2, 2) for 2 examples"),
    ("actor-critic", lambda scores: scores.long(), "its forward returns int64 of shape (2, 3) for 2 examples"),
    ("mine", lambda scores: scores.mean(0), "its forward returns float32 of shape (3,) for 2 examples"),
    ("mine", lambda scores: scores > 0, "its forward returns bool of shape (2, 3) for 2 examples"),
]


def test_a_policy_scores_every_action_whatever_its_objective() -> None:
    """Else the last score would be taken for the value, and actions would be drawn from what is left."""
    check_network(nn.Linear(3, 3), "of-my-own", POLE)
    with pytest.raises(ModelError, match=r"\(2, 3 numbers \(a score for every action, then the value\)\) is needed"):
        check_network(nn.Linear(3, 2), "of-my-own", POLE)


@pytest.mark.parametrize(("objective", "facts"), KINDS.items())
def test_one_tensor_of_the_right_shape_fits(objective: str, facts: dict[str, Any]) -> None:
    check_network(Scoring(objective), objective, facts)


@pytest.mark.parametrize(("objective", "make", "said"), BAD, ids=[f"{case[0]}: {case[2][20:60]}" for case in BAD])
def test_other_outputs_are_one_line(objective: str, make: Callable[[Tensor], Any], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_network(Scoring(objective, make), objective, KINDS[objective])
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)
