"""Outputs that cannot be trained as scores of classes are one line before anything is trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lth_core.models.outputs import check_scores, check_single_examples
from lth_core.models.requirements import ModelError

SHAPE = (1, 4, 4)


class Returning(nn.Module):
    """A linear layer, and what is made of its scores."""

    def __init__(self, make, outputs: int = 3):
        super().__init__()
        self.make, self.scores = make, nn.Linear(16, outputs)

    def forward(self, images: Tensor):
        return self.make(self.scores(images.flatten(1)))


@pytest.mark.parametrize("outputs", [3, 5])
def test_scores_of_all_classes_are_accepted(outputs: int) -> None:
    check_scores(Returning(lambda scores: scores, outputs), SHAPE, classes=3)


BAD = {
    "a tuple": (Returning(lambda scores: (scores, scores)), "its forward returns a tuple of 2: it must return"),
    "a dict": (Returning(lambda scores: {"logits": scores}), "its forward returns a dict of 1: it must return"),
    "nothing": (Returning(lambda scores: None), "its forward returns nothing: it must return the scores alone$"),
    "maps": (
        nn.Conv2d(1, 3, 1),
        r"its forward returns shape \(2, 3, 4, 4\) for 2 images: scores of shape \(images, 3\) are needed",
    ),
    "all in one": (Returning(lambda scores: scores.flatten()), r"its forward returns shape \(6,\) for 2 images"),
    "one image": (Returning(lambda scores: scores[:1]), r"its forward returns shape \(1, 3\) for 2 images"),
    "too few": (Returning(lambda scores: scores, 2), "it has 2 scores, but there are 3 classes: its last layer needs"),
    "decisions": (Returning(lambda scores: scores > 0), "its scores are torch.bool: they must be floating-point"),
    "other images": (
        nn.Sequential(nn.Flatten(), nn.Linear(9, 3)),
        r"its forward fails on images \(images of shape \(1, 4, 4\); RuntimeError: mat1 and mat2 shapes cannot be",
    ),
    "an error of its own": (Returning(lambda scores: {}["key"]), r"its forward fails .*; KeyError: 'key'\)$"),
}  # fmt: skip


@pytest.mark.parametrize(("module", "message"), BAD.values(), ids=BAD)
def test_other_outputs_are_one_line(module: nn.Module, message: str) -> None:
    with pytest.raises(ModelError, match=f"^{message}") as caught:
        check_scores(module, SHAPE, classes=3)
    assert "\n" not in str(caught.value)


def test_batch_norm_needs_several_values() -> None:
    check_single_examples(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), SHAPE)  # of several positions
    units = nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.BatchNorm1d(2))
    with pytest.raises(ModelError, match=r"^train.batch_size: this network fails on batches of 1,.* \(images"):
        check_single_examples(units, SHAPE)
    torch.testing.assert_close(units[2].running_mean, torch.zeros(2))
