"""Zhou et al. 2019: which parts of the recipe for lottery tickets matter."""

from lth_core.studies.deconstructing import study as study  # registers it
