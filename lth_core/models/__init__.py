"""Networks: factories by name, the weights that can be pruned, and theta_0. Importing this does not import torch."""

from lth_core.models import catalogue as catalogue  # registers the built-in networks
