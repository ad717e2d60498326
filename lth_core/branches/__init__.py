"""Branches: counterfactual tickets. Each treatment is one short function; its other arguments are config options.

A treatment sees one replicate: `ticket` (mask and starting weights), `checkpoints` (where weights can be taken from,
and `fresh()`, a new draw of theta_0) and `stream` (a random generator keyed by seed, treatment, level and draw).
"""

from lth_core.branches import controls, mask_actions, perturbations, random_tickets  # noqa: F401 (importing registers)
from lth_core.branches.checkpoints import BranchCheckpoints

__all__ = ["BranchCheckpoints"]
