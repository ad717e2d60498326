"""Treatments: counterfactual tickets. Each is one short function; its other arguments are config options.

A treatment sees one replicate: `ticket` (mask and starting weights), `checkpoints` (where weights can be taken from,
and `fresh()`, a new draw of theta_0) and `rng` (a random generator keyed by seed, treatment, level and draw).
"""

from lth_core.treatments import (  # noqa: F401 (importing registers)
    controls,
    mask_actions,
    perturbations,
    random_tickets,
)
