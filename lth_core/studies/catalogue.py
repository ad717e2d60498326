"""The built-in methods that studies compare: one entry each, as changes of the task's method.

Study `comparison` compares all unless the config names others: to compare one more by default, add an entry. A method
of the config is compared when the study's option `compare` names it; one with the name of an entry takes its position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """One method: how it differs from iterative magnitude pruning that resets to theta_0."""

    label: str
    """What figures call it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method; those of the task's method that are left are `scope`, `allocation` and `exclude`."""
    rewind: str = "reset"
    """The policy; `rewind` goes to the step of the task's method."""
    branch: str | None = None
    """The treatment that is trained in place of tickets."""
    of: str = ""
    """The entry whose tickets are treated."""


def once(criterion: str, **settings: Any) -> dict[str, Any]:
    """Settings that score theta_0 once for each density."""
    return {"criterion": criterion, "iterative": False, "prune_at": 0, **settings}


GLOBAL = {"scope": "global", "allocation": "rates"}
UNIFORM = {"scope": "layer", "allocation": "uniform"}
KERNEL = {"scope": "layer", "allocation": "erdos-renyi-kernel"}
POPUP = {"parametrization": "edge-popup", "weights": "constant", "scaled": True, "retrain": False}
SOFT = {"parametrization": {"name": "soft-mask", "weight_penalty": 1e-4, "edge_penalty": 1e-4}}

CATALOGUE = {
    # after training
    "imp-reset": Recipe("IMP, reset"),
    "imp-rewind": Recipe("IMP, weights rewound", rewind="rewind"),
    "imp-lr-rewind": Recipe("IMP, learning rate rewound", rewind="lr-rewind"),
    "fine-tune": Recipe("IMP, fine-tuned", rewind="fine-tune"),
    "one-shot": Recipe("one-shot", {"iterative": False}, rewind="rewind"),
    # before training
    "snip": Recipe("SNIP", once("snip", **GLOBAL)),
    "grasp": Recipe("GraSP", once("grasp", **GLOBAL)),
    "synflow": Recipe("SynFlow", once("synflow", **GLOBAL)),
    "magnitude-at-init": Recipe("magnitude at init", once("magnitude")),
    # while training
    "gradual": Recipe("gradual (GMP)", {"iterative": False, "during": "gradual"}),
    "set": Recipe("SET", once("random", during={"name": "set", "every": 100}, **KERNEL)),
    "rigl": Recipe("RigL", once("random", during="rigl", **KERNEL)),
    # learned
    "edge-popup": Recipe("edge-popup, untrained", {"iterative": False, "search": POPUP, **UNIFORM}),
    "edge-popup-trained": Recipe("edge-popup's mask, trained", branch="reset", of="edge-popup"),
    "soft-mask": Recipe("soft masks", {"iterative": True, "search": SOFT, **GLOBAL}),
    # controls
    "random": Recipe("random, uniform", once("random", **UNIFORM)),
    "random-erk": Recipe("random, ERK", once("random", **KERNEL)),
    "reinit": Recipe("IMP's mask, fresh weights", branch="reinit", of="imp-reset"),
}
"""Name -> method.

ERK: Erdos-Renyi densities with the kernel's size, as RigL starts from, so that `random-erk` is what Evci et al. 2020
call static; SET changes its masks as often as RigL, as there. Edge-popup: as in Ramanujan et al. 2020, layer by layer,
in signed constants that are larger where fewer are kept; `edge-popup-trained` trains theta_0 under the same masks. Soft
masks: those of Chen et al. 2021 (UGS), all layers ranked together. With the penalty of 0.01 that they take with Adam on
a graph, plain SGD would bring all masks to 0 before the weights are trained: on digits (LeNet, SGD, densities 0.2 to
0.01, seeds 100-104) mean validation accuracy is 93.7% with it, 96.9% with 1e-3 and with 1e-4, 96.5% with 1e-5. Other
learned masks (`sampled-mask`, `bernoulli-gates`) decide themselves how many weights they keep, so they have no entry.
"""
