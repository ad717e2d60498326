"""Morcos et al. 2019: are winning tickets good for other data and optimizers than they were found with?"""

from lth_core.studies.transfer import study as study  # registers it
