"""Renda, Frankle & Carbin 2020: how to retrain a network after pruning, judged by accuracy, size and cost."""

from lth_core.studies.renda2020 import study as study  # registers it
