"""Frankle, Schwab & Morcos 2020: what changes in the first steps of training that rewinding goes back to?"""

from lth_core.studies.early_phase import study as study  # registers it
