"""The verbs score and prune: a number for every prunable weight, and a smaller mask."""

from lth_core.pruning import criteria as criteria  # registers the built-in criteria
