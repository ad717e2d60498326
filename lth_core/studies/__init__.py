"""Studies: one package per paper, registered by import. Nothing outside this package knows a paper's name."""

from lth_core.studies import (
    deconstructing,
    early_phase,
    frankle2019,
    linear_mode_connectivity,
    renda2020,
    stabilizing2019,
    transfer,
)

__all__ = [
    "deconstructing",
    "early_phase",
    "frankle2019",
    "linear_mode_connectivity",
    "renda2020",
    "stabilizing2019",
    "transfer",
]
