"""Fig. 4 of Frankle & Carbin by Snakemake on a GPU: a few levels, from nothing to the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.gpu.contests import MNIST, Shape
from benchmarks.project import ROOT, Project, copied_project
from benchmarks.rows import Row

LEVELS, ITERATIONS = 3, 500
AT_ONCE = 4
"""Jobs that share the GPU."""
MISSING = "Fig. 4 was not made by the pipeline: Snakemake is not installed."
PLUGIN = """\
from benchmarks.gpu.contests import Shape, random_splits
from lth_core.registry import dataset


@dataset("random-digits")
def random_digits():
    return random_splits({shape!r})
"""


def config(root: str, device: str, levels: int, iterations: int) -> dict[str, Any]:
    """The config of the paper's scale with few levels and iterations, and only what Fig. 4 shows."""
    paper = yaml.safe_load((ROOT / "config" / "mnist-paper.yaml").read_text(encoding="utf-8"))
    (task,), (method,) = paper["tasks"].values(), paper["methods"].values()
    task["train"] |= {"steps": iterations, "evaluate_every": min(iterations, task["train"]["evaluate_every"])}
    method["levels"] = levels
    (study,) = paper["studies"].values()
    study |= {"controls": ["reinit"], "continued": False, "histogram_levels": []}
    if not Path(root, "MNIST", "raw").exists():
        task["dataset"] = "random-digits"
        paper["plugins"] = ["random_digits"]
    return paper | {"device": device, "data_root": str(Path(root).resolve())}


def by_the_pipeline(
    root: str, device: torch.device, levels: int = LEVELS, iterations: int = ITERATIONS, shape: Shape = MNIST
) -> Iterator[Row | str]:
    """Run it, and look whether its trainings were on the device."""
    if not find_spec("snakemake"):
        yield MISSING
        return
    with copied_project() as project:
        (project.folder / "random_digits.py").write_text(PLUGIN.format(shape=shape))
        chosen = project.configure("figure4.yaml", config(root, device.type, levels, iterations))
        cores = os.cpu_count() or 1
        try:
            run = project.run(*chosen, "--resources", f"gpu={AT_ONCE}", cores=cores, PYTHONPATH=str(ROOT))
        except RuntimeError as error:
            print(error, flush=True)
            raise RuntimeError(complaint(str(error))) from None
        count = trained_on(project, device)
    name = f"Fig. 4 by the pipeline: {levels} levels, {count} trainings of {iterations:,} iterations"
    yield Row(name, [run.wall_seconds], "s")


def trained_on(project: Project, device: torch.device) -> int:
    """Count the trainings of a run. Raises RuntimeError where one was on another device."""
    logs = [path.read_text(errors="replace") for path in project.folder.glob("logs/**/*.log")]
    trainings = [log for log in logs if "\ndevice " in f"\n{log}"]
    others = [log for log in trainings if f"\ndevice {device.type}," not in f"\n{log}"]
    if others or not trainings:
        raise RuntimeError(f"{len(others)} of {len(trainings)} trainings were not on device {device.type}")
    return len(trainings)


def complaint(said: str) -> str:
    """The line of what a run has said that says why it has failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")
