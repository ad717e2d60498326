"""The criterion that ranks channels by what batch norm multiplies them by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lth_core.pruning.channels import Channels
from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors


@criterion("batch-norm-scale")
def batch_norm_scale(trained: Tensors, mask: Tensors, channels: Sequence[Channels]) -> Tensors:
    """|gamma|, the scale of a channel's batch norm (Liu et al. 2017, section 3): for granularity `channel`.

    It is spread evenly over the kept weights that compute the channel. In a residual sum it is the sum of the scales of
    all batch norms of the channel or, with `channel_score: mean`, that sum divided by the number of layers that compute
    it. With scope `global` the sum keeps residual sums and leaves little inside blocks; the mean compares scales, as
    the paper does.
    """
    scores = {name: np.zeros(kept.shape) for name, kept in mask.items()}
    for group in channels:
        of_weights = group.scale(trained) / np.maximum(group.kept(mask), 1)
        for span in group.rows:
            rows = np.repeat(of_weights, span.repeats)
            along = scores[span.weight][span.first : span.first + len(rows)]
            along[:] = rows.reshape(-1, *[1] * (along.ndim - 1))
    return scores
