"""What a criterion returns: a score for every weight that is left to prune, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lth_core.pruning.prune import PruningError
from lth_core.registry import kind_of
from lth_core.storage.tensors import Tensors


def check_scores(criterion: str, scores: Any, mask: Tensors) -> Tensors:
    """Return the scores if they are arrays of numbers of the mask's shapes, by weight name. Raises PruningError."""
    if not isinstance(scores, Mapping):
        raise PruningError(
            f"criterion '{criterion}' returned {kind_of(scores)}: it must return a dict of scores by weight name, "
            "such as {name: abs(trained[name]) for name in mask}"
        )
    for name, kept in mask.items():
        score = scores.get(name)
        if not isinstance(score, np.ndarray) or score.dtype.kind not in "biuf" or score.shape != kept.shape:
            wanted = f"an array of numbers of shape {kept.shape}"
            raise PruningError(f"criterion '{criterion}' scored {name} with {kind_of(score)}: it must be {wanted}")
    return dict(scores)
