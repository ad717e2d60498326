"""Language modelling: the next token of a text under cross-entropy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lth_core.metrics import BITS_PER_CHARACTER
from lth_core.registry import objective

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from lth_core.tasks.base import Examples


@objective("language", data="text", metrics=(BITS_PER_CHARACTER,))
def language(
    outputs: Float[Tensor, "batch context vocabulary"], batch: Examples, label_smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Predict each character of a text from those before it, under cross-entropy: in nats and bits per character."""
    from torch.nn.functional import cross_entropy

    scores, targets = outputs.flatten(0, 1), batch.targets.flatten()
    by_character = cross_entropy(scores, targets, reduction="none", label_smoothing=label_smoothing)
    loss = by_character.view_as(batch.targets).mean(dim=-1)
    return {"loss": loss, "bits_per_character": loss / math.log(2)}
