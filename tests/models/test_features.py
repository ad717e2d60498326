"""Penultimate features are what the output layer takes, wherever it stands."""

import pytest
import torch
from torch import Tensor, nn

from lth_core.models.features import features_and_scores, output_layer
from lth_core.models.requirements import ModelError


class HeadFirst(nn.Module):
    """Registers its output layer first."""

    def __init__(self) -> None:
        super().__init__()
        self.scores, self.hidden = nn.Linear(5, 3), nn.Linear(36, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(self.hidden(images.flatten(1)).relu())


def test_features_are_what_the_layer_takes_that_is_applied_last() -> None:
    module = HeadFirst().train()
    layer = output_layer(module, (1, 6, 6))
    assert layer is module.scores
    images = torch.randn(7, 1, 6, 6)
    features, scores = features_and_scores(module, layer, images, piece=3)
    torch.testing.assert_close(features, module.hidden(images.flatten(1)).relu())
    torch.testing.assert_close(scores, module.scores(features))
    assert not module.training and not layer._forward_pre_hooks


def test_several_output_layers_are_one_line() -> None:
    class TwoHeads(HeadFirst):
        def __init__(self) -> None:
            super().__init__()
            self.other = nn.Linear(5, 1)

        def forward(self, images: Tensor) -> Tensor:
            hidden = self.hidden(images.flatten(1))
            return torch.cat([self.scores(hidden), self.other(hidden)], dim=1)

    with pytest.raises(ModelError, match="it has 2 output layers"):
        output_layer(TwoHeads(), (1, 6, 6))
