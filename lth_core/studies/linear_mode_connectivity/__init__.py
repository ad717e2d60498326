"""Frankle, Dziugaite, Roy & Carbin 2020: when do copies of a network end in one linearly connected minimum?"""

from lth_core.studies.linear_mode_connectivity import study as study  # registers it
