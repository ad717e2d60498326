"""Frankle & Carbin 2019: winning tickets exist, and their initialization matters."""

from lth_core.studies.frankle2019 import study as study  # registers it
