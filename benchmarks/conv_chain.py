"""Chains of iterative magnitude pruning, end to end, of ResNet-20 on 5,000 images: 12 levels, on one core.

The chain runs as it does by default, on the kept weights alone from some level on, and as masked dense trainings
throughout. Both are `snakemake` from nothing to the ticket of level 12: 13 trainings of 100 steps of 128 random images
of CIFAR-10's shape, with crops and flips, evaluated at the ends. Times are wall times; the two take turns. Levels prune
20% of the weights, as Frankle & Carbin do, or 36%, as config/cifar10-small.yaml does.

    python -m benchmarks conv_chain [--repetitions 1]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.project import Project, copied_project
from benchmarks.rows import Row

LEVELS, STEPS = 12, 100
RATES = (0.2, 0.36)
"""Fractions that each level prunes."""
DATA = '''
import numpy as np

from lth_core.data.splits import Images, Splits
from lth_core.registry import dataset


@dataset("random-images")
def random_images() -> Splits:
    """Make 5,000 training, 500 validation and 500 test images of noise, of CIFAR-10's shape, in 10 classes."""
    rng = np.random.default_rng(0)

    def part(count: int) -> Images:
        return Images(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), np.arange(count) % 10)

    return Splits(part(5000), part(500), part(500), classes=10, source="noise")
'''


def config(rate: float) -> dict[str, Any]:
    """A chain of ResNet-20, pruned globally but for shortcuts and the output layer (Frankle & Carbin 2019, I.3)."""
    train = {
        "optimizer": {"name": "sgd", "learning_rate": 0.03, "momentum": 0.9, "weight_decay": 1e-4},
        "batch_size": 128,
        "steps": STEPS,
        "evaluate_every": STEPS,
        "augment": "crop-flip",
    }
    method = {"scope": "global", "rate": rate, "exclude": ["output", "*.shortcut.*"], "levels": LEVELS}
    return {
        "plugins": ["random_images"],
        "tasks": {"resnet": {"dataset": "random-images", "model": "resnet-20", "train": train, "cohorts": ["0-0"]}},
        "methods": {"imp": method},
        "studies": {"frankle2019": {"tasks": {"resnet": "imp"}}},
    }


def seconds(project: Project, rate: float) -> float:
    """Wall seconds of the chain, from nothing."""
    project.clear()
    ticket = f"results/resnet/0-0/imp/level_{LEVELS}/trained.safetensors"
    return project.run(*project.configure("chain.yaml", config(rate)), "--", ticket).wall_seconds


def masked_dense(project: Project) -> None:
    """Let a copy of the project train all convolutions as masked dense ones."""
    file = project.folder / "lth_core/engine/convolutions/choice.py"
    text = file.read_text()
    line = next(line for line in text.splitlines() if line.startswith("DENSEST ="))
    file.write_text(text.replace(line, "DENSEST = -1.0"))


def measure(root: str = "data", repetitions: int = 1) -> Iterator[Row]:
    """Times and ratios; ROOT is not read."""
    with copied_project() as project, copied_project() as dense:
        masked_dense(dense)
        for copy in (project, dense):
            (copy.folder / "random_images.py").write_text(DATA)
        seconds(project, max(RATES))  # compiles the kernels, where nothing has before
        for rate in RATES:
            pairs = [(seconds(project, rate), seconds(dense, rate)) for _ in range(repetitions)]
            title = f"12 levels that prune {rate:.0%} each"
            yield Row(f"{title}: the chain", [ours for ours, _ in pairs], "s")
            yield Row(f"{title}: masked dense", [theirs for _, theirs in pairs], "s")
            shares = [ours / theirs for ours, theirs in pairs]
            yield Row(f"{title}: the chain / masked dense", shares, at_most=0.5)
