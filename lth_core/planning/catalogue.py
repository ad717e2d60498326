"""The built-in functions: the modules of these packages register them when they are imported.

Planning imports all of them; a job imports only those modules whose functions it uses, which its spec names. So a new
function is known as soon as its module lies in one of these packages, and no job that does not use it runs again.
"""

from __future__ import annotations

import importlib
import pkgutil

STUDIES = "lth_core.studies"
PACKAGES = (
    "lth_core.data.sets",
    "lth_core.data.transforms",
    "lth_core.models.networks",
    "lth_core.tasks.objectives",
    "lth_core.pruning.criteria",
    "lth_core.training.sparsifiers",
    "lth_core.training.parametrizations",
    "lth_core.treatments",
    STUDIES,
)


def modules() -> list[str]:
    """List the modules that register built-in functions; of the studies, one package per paper."""
    return [
        f"{package}.{module.name}"
        for package in PACKAGES
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
        if module.ispkg or package != STUDIES
    ]


def register() -> None:
    """Import every module that registers built-in functions."""
    for module in modules():
        importlib.import_module(module)
