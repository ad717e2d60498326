"""Classification: labels under cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lth_core.metrics import ACCURACY
from lth_core.registry import objective

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from lth_core.tasks.base import Examples


def gradient(
    outputs: Float[Tensor, "replicate batch classes"], batch: Examples, label_smoothing: float = 0.0
) -> Float[Tensor, "replicate batch classes"]:
    """Compute the gradient of every replicate's mean cross-entropy by its outputs, by hand, which is faster."""
    by_outputs = outputs.mT.softmax(dim=-2).mT  # few classes: vectors of examples are three times as fast
    if label_smoothing:
        by_outputs -= label_smoothing / outputs.shape[-1]
    by_outputs.scatter_(-1, batch.targets[..., None], label_smoothing - 1.0, reduce="add")
    return by_outputs.div_(batch.targets.shape[-1])


@objective("classification", data=("images", "graph", "labelled-texts"), metrics=(ACCURACY,), gradient=gradient)
def classification(
    outputs: Float[Tensor, "batch classes"], batch: Examples, label_smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Predict the labels of images, of texts or of nodes of a graph, under cross-entropy, in nats."""
    from torch.nn.functional import cross_entropy

    loss = cross_entropy(outputs, batch.targets, reduction="none", label_smoothing=label_smoothing)
    return {"loss": loss, "accuracy": outputs.argmax(dim=-1) == batch.targets}
