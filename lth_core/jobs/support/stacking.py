"""One replicate at a time and back: files are stacked along a leading replicate axis, criteria and branches see one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lth_core.storage.tensors import Tensors


def stack(replicates: Sequence[Tensors]) -> Tensors:
    """Stack tensors of single replicates along a leading replicate axis."""
    return {name: np.stack([tensors[name] for tensors in replicates]) for name in replicates[0]}


def unstack(tensors: Tensors) -> list[Tensors]:
    """Take stacked tensors apart by replicate: the inverse of `stack`."""
    count = len(next(iter(tensors.values())))
    # Arrays of no axes where there is one number per replicate: functions of users are given arrays.
    return [{name: value[r, ...] for name, value in tensors.items()} for r in range(count)]
