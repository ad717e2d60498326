"""What a criterion returns: a score for every weight that is left to prune, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lth_core import registry
from lth_core.pruning.prune import PruningError
from lth_core.registry import kind_of
from lth_core.storage.tensors import Tensors


def check_scores(criterion: str, scores: Any, mask: Tensors) -> Tensors:
    """Return the scores, arrays or tensors of numbers of the mask's shapes, as arrays by weight name.

    Raises PruningError for anything else.
    """
    if not isinstance(scores, Mapping):
        raise PruningError(
            f"criterion '{criterion}' returned {kind_of(scores)}: it must return a dict of scores by weight name, "
            "such as {name: abs(trained[name]) for name in mask}"
        )
    checked = {}
    for name, kept in mask.items():
        score = checked[name] = _array(scores.get(name))
        if not isinstance(score, np.ndarray) or score.dtype.kind not in "biuf" or score.shape != kept.shape:
            wanted = f"an array of numbers of shape {kept.shape}"
            raise PruningError(f"criterion '{criterion}' scored {name} with {kind_of(score)}: it must be {wanted}")
    return checked


def check_finite(criterion: str, scores: Tensors, mask: Tensors) -> None:
    """Raise PruningError with the first layer where scores of weights that are left are not finite."""
    for name, kept in mask.items():
        if count := int((~np.isfinite(scores[name][kept])).sum()):
            raise PruningError(
                f"criterion '{criterion}': {count:,} of {int(kept.sum()):,} scores of {name} are not finite"
                + _advice(criterion)
            )


def _advice(criterion: str) -> str:
    """What to do where numbers may be too large."""
    has_precision = "precision" in registry.criterion.options(criterion)
    return ", because numbers of this network are too large: use `precision: float64`" if has_precision else ""


def _array(score: Any) -> Any:
    """What a criterion returned, or of a torch tensor its values."""
    return score.detach().cpu().numpy() if hasattr(score, "detach") else score
