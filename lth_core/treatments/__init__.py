"""Treatments: counterfactual tickets. Each is one short function; its other arguments are config options.

A treatment sees one replicate: `ticket` (mask and starting weights), `checkpoints` (where weights can be taken from,
and `fresh()`, a new draw of theta_0), `layers` (weight name -> kind, of the mask's weights in network order),
`channels` (the groups of channels that can be removed, see `pruning/channels.py`) and `rng` (a random generator keyed
by seed, treatment, level and draw, and by the step of a branch's own `weights`). A new module here is noticed by
itself.
"""
