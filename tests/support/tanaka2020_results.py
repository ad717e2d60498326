"""A small config of the study of Tanaka et al. 2020, and tables and results with effects of known sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lth_core.config import Config, seeds_of
from lth_core.storage.files import write_text
from lth_core.storage.paths import collapse_file, saliency_file
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.tanaka2020 import Tanaka2020
from lth_core.studies.tanaka2020.study import INVERTED, REINIT, SHUFFLED, UNCHANGED
from lth_core.studies.tanaka2020.tables import CONSERVATION, MEASUREMENTS, critical_compressions

METHOD = {"scope": "global", "densities": [0.5, 0.1, 0.05, 0.01], "levels": 4}
LEVELS = [1, 2, 4]
TASK = {
    "dataset": "digits",
    "model": {"name": "lenet", "hidden": [8, 8]},
    "train": {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20},
    "cohorts": ["0-1", "2-2"],
}
SEEDS = (0, 1, 2)


def study(**options: Any) -> Tanaka2020:
    return Tanaka2020.model_validate({"tasks": {"mini": "imp"}, "levels": LEVELS, "check_levels": [2, 4]} | options)


def config(results: str = "results", task: dict[str, Any] | None = None, **method: Any) -> Config:
    sections = {"tasks": {"mini": TASK | (task or {})}, "methods": {"imp": METHOD | method}}
    return Config.model_validate({"results": results, "studies": {"tanaka2020": {}}, **sections})


# ---------------------------------------------------------------- known effects

WORSE = {
    "dense": 0.0,
    "imp": 0.01,
    "magnitude-after": 0.02,
    "magnitude": 0.03,
    "snip": 0.05,
    "snip-100": 0.045,
    "grasp": 0.06,
    "synflow": 0.035,
    "random": 0.1,
}
"""How much less accurate networks are than the dense one, by how they are pruned."""
CHECKED = {UNCHANGED: 0.0, SHUFFLED: 0.02, REINIT: 0.03, INVERTED: 0.5}
"""What the checks cost where magnitudes are pruned after training; elsewhere a tenth of `SLIGHT`."""
SLIGHT = 0.0001
SMART = {"smart-ratio": 0.04, "smart-ratio-ascending": -0.04}
"""What the rules gain over uniform random masks."""


def accuracy(pruning: str, check: str, seed: int) -> float:
    """The known accuracy; seeds differ a little in all effects."""
    lost = WORSE[pruning] - SMART.get(check, 0.0)
    if check in CHECKED and pruning in ("imp", "magnitude-after"):
        lost += CHECKED[check]
    elif check in (SHUFFLED, REINIT, INVERTED):
        lost += SLIGHT
    return 0.95 - lost * (1 + 1e-3 * seed)


def named(the_study: Tanaka2020, run: Run) -> tuple[str, str, int]:
    """How a run's mask was made, what was done to it, and the level of the task's method with its density."""
    method = run.method.removesuffix("-inverted")
    check = run.branch or (INVERTED if method != run.method else UNCHANGED)
    if method in ("dense", "imp", "imp-one-shot"):
        return {"imp-one-shot": "magnitude-after"}.get(method, method), check, run.level
    return method.removeprefix("imp-at-init-"), check, the_study.levels[run.level - 1]


def measurements(the_study: Tanaka2020, settings: Config) -> pd.DataFrame:
    """The table of measurements, as the study makes it."""
    rows = []
    for run in the_study.runs(settings):
        pruning, check, level = named(the_study, run)
        density = settings.methods["imp"].density(level) if level else 1.0
        for seed in seeds_of(run.cohort):
            value = accuracy(pruning, check, seed)
            rows.append(("mini", pruning, check, level, density, seed, 0, value, value))
    return pd.DataFrame(rows, columns=list(MEASUREMENTS))


SIZES = {"fc1.weight": ("hidden", 512), "fc2.weight": ("hidden", 64), "fc3.weight": ("output", 80)}
COMPRESSIONS = (1.8, 10.0, 100.0, 656 / 3)
EMPTY_FROM = {
    "random": 2,
    "magnitude": 1,
    "snip": 2,
    "snip-100": 3,
    "grasp": 3,
    "synflow": 4,
    "synflow-1": 1,
    "synflow-10": 2,
    "synflow-10-linear": 1,
    "synflow-linear": 2,
}
"""Which of these compressions empties the second layer first (4: no one); of seed 1 it is the one before."""


def counted(name: str, seeds: list[int]) -> list[tuple]:
    """The rows of a file of counts: compression, seed, layer, kind, kept, total."""
    rows = []
    for number, compression in enumerate(COMPRESSIONS):
        for seed in seeds:
            first = EMPTY_FROM[name] - (seed == 1 and EMPTY_FROM[name] < len(COMPRESSIONS))
            for layer, (kind, total) in SIZES.items():
                kept = 0 if number >= first and layer == "fc2.weight" else max(1, int(total / compression))
                rows.append((compression, seed, layer, kind, kept, total))
    return rows


def collapse(the_study: Tanaka2020, settings: Config) -> pd.DataFrame:
    """The table of counts, as the study makes it."""
    columns = ["compression", "seed", "layer", "kind", "kept", "total"]
    parts = [
        pd.DataFrame(counted(pruning.name, list(SEEDS)), columns=columns).assign(
            task="mini",
            pruning=pruning.name,
            criterion=pruning.criterion,
            iterations=pruning.iterations,
            spacing=pruning.spacing,
        )
        for pruning in the_study.prunings(settings, "mini")
    ]
    return pd.concat(parts, ignore_index=True)


def conservation(off: float = 1e-12) -> pd.DataFrame:
    """The table of saliencies: those of SynFlow and SNIP differ by `off`, those of others by a tenth."""
    rows = []
    for score in ("magnitude", "snip", "grasp", "synflow"):
        exact = score in ("snip", "synflow")
        for seed in SEEDS:
            for number, (layer, (_, size)) in enumerate(SIZES.items()):
                differs = (off if exact else 0.1) * (1 + 0.1 * seed)
                unit = float("nan") if layer == "fc3.weight" else differs
                total = 2.0 if exact else 2.0 + 0.2 * number
                rows.append(("mini", score, seed, layer, size, total, total / size, differs, unit))
    return pd.DataFrame(rows, columns=list(CONSERVATION))


def known(task: dict[str, Any] | None = None, **options: Any) -> tuple[Tanaka2020, Config, dict[str, pd.DataFrame]]:
    """The study, its config and its tables."""
    the_study, settings = study(**options), config(task=task)
    counts = collapse(the_study, settings)
    tables = {"measurements": measurements(the_study, settings), "collapse": counts}
    return the_study, settings, tables | {"critical": critical_compressions(counts), "conservation": conservation()}


# ---------------------------------------------------------------- files


def write_files(folder: Path) -> tuple[Tanaka2020, Config]:
    """Histories, headers of masks and analyses with the known effects."""
    the_study, settings = study(), config(str(folder))
    for run in the_study.runs(settings):
        pruning, check, level = named(the_study, run)
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in seeds_of(run.cohort):
            for step, value in ((0, 0.1), (40, accuracy(pruning, check, seed))):
                loss = "nan" if (pruning, check, seed, step) == ("grasp", SHUFFLED, 2, 40) else "1.5"
                lines += [f"{seed},0,{step},{split},{loss},{value!r}" for split in ("train", "validation", "test")]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            write_tensors(run.mask(settings.results), {}, {"density": settings.methods["imp"].density(level)})
    for cohort in TASK["cohorts"]:
        for pruning in the_study.prunings(settings, "mini"):
            rows = [",".join(map(str, row)) for row in counted(pruning.name, seeds_of(cohort))]
            path = collapse_file(settings.results, "mini", cohort, pruning.method, the_study.rungs)
            write_text(path, "\n".join(["compression,seed,layer,kind,kept,total", *rows]) + "\n")
        rows = [
            f"{score},{seed},{layer},{size},{total},{total},0.25"
            for score, totals in (("synflow", (4, 4, 4)), ("magnitude", (1, 2, 3)))
            for seed in seeds_of(cohort)
            for (layer, (_, size)), total in zip(SIZES.items(), totals, strict=True)
        ]
        header = "score,seed,layer,size,total,absolute,unit_difference"
        write_text(saliency_file(settings.results, "mini", cohort), "\n".join([header, *rows]) + "\n")
    return the_study, settings
