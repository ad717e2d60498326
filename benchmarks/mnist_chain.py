"""A chain of LeNet-300-100 on MNIST, end to end: 20 levels of iterative magnitude pruning, one seed, on one core.

The project's chain is `snakemake` from nothing, with MNIST's files in ROOT, to the ticket of level 20: 21 trainings of
2,750 steps of 60 examples, evaluated after each of their three epochs. The ordinary chain is what public frameworks do:
torchvision's data set, a DataLoader, masks multiplied in before each step, the test split evaluated as often by another
DataLoader. Its levels cost the same, so that LEVELS_TIMED of them are timed and count for all 21. Times are wall times.

    python -m benchmarks mnist_chain [--root data] [--repetitions 3]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from benchmarks.project import Project, copied_project
from benchmarks.rows import Row

LEVELS, STEPS, BATCH, EPOCHS = 20, 2750, 60, 3
LEVELS_TIMED = 2
TARGET = 12


def config() -> dict[str, Any]:
    """The recipe of config/mnist.yaml, with fewer evaluations."""
    train = {
        "optimizer": {"name": "adam", "learning_rate": 1.2e-3},
        "batch_size": BATCH,
        "steps": STEPS,
        "evaluate_every": -(-STEPS // EPOCHS),
    }
    initialization = {"weights": "glorot-normal"}
    task = {"dataset": "mnist", "model": "lenet", "initialization": initialization, "train": train, "cohorts": ["0-0"]}
    return {
        "tasks": {"mnist": task},
        "methods": {"imp": {"rate": 0.2, "rate_by_kind": {"output": 0.1}, "levels": LEVELS}},
        "studies": {"frankle2019": {"tasks": {"mnist": "imp"}}},
    }


def project_seconds(project: Project, root: str) -> float:
    """Wall seconds of the project's chain, from nothing."""
    project.clear()
    ticket = f"results/mnist/0-0/imp/level_{LEVELS}/trained.safetensors"
    settings = config() | {"data_root": str(Path(root).resolve())}
    return project.run(*project.configure("chain.yaml", settings), "--", ticket).wall_seconds


def ordinary_seconds(root: str) -> float:
    """Wall seconds of the ordinary chain, but for interpreter and imports."""
    command = [sys.executable, "-m", "benchmarks.mnist_chain", root]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(said) * (LEVELS + 1) / LEVELS_TIMED


def measure(root: str = "data", repetitions: int = 3) -> Iterator[Row]:
    """Times and their ratio; the two take turns."""
    with copied_project() as project:
        pairs = [(ordinary_seconds(root), project_seconds(project, root)) for _ in range(repetitions)]
    yield Row("ordinary chain, 20 levels", [ordinary for ordinary, _ in pairs], "s")
    yield Row("the project's chain, 20 levels", [ours for _, ours in pairs], "s")
    yield Row("the project's chain, each level", [ours / (LEVELS + 1) for _, ours in pairs], "s")
    yield Row("ordinary chain / the project's", [a / b for a, b in pairs], at_least=TARGET)


def ordinary_levels(root: str) -> float:
    """Train, evaluate and prune some levels as an ordinary script does, and return the seconds."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    start = time.perf_counter()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    parts = [datasets.MNIST(root, train=train, download=True, transform=transform) for train in (True, False)]
    training, test = DataLoader(parts[0], batch_size=BATCH, shuffle=True), DataLoader(parts[1], batch_size=BATCH)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
    )
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    weights = {name: value for name, value in network.named_parameters() if value.ndim > 1}
    masks = {name: torch.ones_like(value) for name, value in weights.items()}

    @torch.no_grad()
    def evaluate() -> float:
        right = sum((network(images).argmax(1) == labels).sum().item() for images, labels in test)
        return right / len(parts[1])

    def train() -> None:
        network.load_state_dict(initial)
        optimizer = torch.optim.Adam(network.parameters(), lr=1.2e-3)
        batches = islice(chain.from_iterable(repeat(training)), STEPS)
        for step, (images, labels) in enumerate(batches):
            if step % -(-STEPS // EPOCHS) == 0:
                evaluate()
            with torch.no_grad():
                for name, value in weights.items():
                    value.mul_(masks[name])
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        evaluate()

    for _ in range(LEVELS_TIMED):
        train()
        for name, value in weights.items():
            kept = value.detach()[masks[name] > 0].abs().sort().values
            masks[name] *= value.detach().abs() > kept[len(kept) // (10 if len(value) == 10 else 5)]
    return time.perf_counter() - start


if __name__ == "__main__":  # the ordinary script, in a process of its own
    print(ordinary_levels(sys.argv[1]))
