"""Frankle, Dziugaite, Roy & Carbin 2019: rewinding to an early step makes subnetworks stable, and so trainable."""

from lth_core.studies.stabilizing2019 import study as study  # registers it
