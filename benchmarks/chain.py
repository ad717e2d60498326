"""A chain of iterative magnitude pruning, end to end: 15 levels of LeNet-300-100 on digits, on one core.

The project's chain is `snakemake` from nothing to the ticket of level 15: 16 trainings, a job and files for each. The
ordinary chain is a script: DataLoader over tensors, nn.Module, torch.optim, masks multiplied in after each step. It has
the same recipe (600 steps of 60 examples), the same evaluations and the same pruning, saves its networks, and trains
seeds one after the other. Digits are small images, so what the project does around a training weighs more than on any
other data set. Times are wall times, including interpreters and imports. For 5 seeds, the ordinary chain of one seed
counts five times, and its imports once.

    python -m benchmarks chain [--repetitions 3]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path

from benchmarks.project import Project, copied_project, default_config
from benchmarks.rows import Row

LEVELS, STEPS, EVERY, BATCH = 15, 600, 20, 60
REMOVED = {"hidden": 0.2, "output": 0.1}
SEEDS = 5


def ordinary_chain(seed: int, folder: str) -> None:
    """An ordinary script's chain; networks are saved in the folder."""
    import torch
    from sklearn.datasets import load_digits
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(seed)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)
    images = (images - images.mean()) / images.std()
    parts = torch.utils.data.random_split(TensorDataset(images, torch.tensor(digits.target)), [0.7, 0.1, 0.2])
    training = DataLoader(parts[0], batch_size=BATCH, shuffle=True, drop_last=True)
    splits = [DataLoader(part, batch_size=len(part)) for part in parts]
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
    )
    start = {name: value.clone() for name, value in network.state_dict().items()}
    weights = {name: value for name, value in network.named_parameters() if name.endswith("weight")}
    masks = {name: torch.ones_like(value) for name, value in weights.items()}

    def apply_masks() -> None:
        with torch.no_grad():
            for name, value in weights.items():
                value.mul_(masks[name])

    @torch.no_grad()
    def evaluate() -> list[tuple[float, float]]:
        network.eval()
        evaluations = []
        for loader in splits:
            for inputs, labels in loader:
                outputs = network(inputs)
                correct = (outputs.argmax(1) == labels).float().mean().item()
                evaluations.append((nn.functional.cross_entropy(outputs, labels).item(), correct))
        network.train()
        return evaluations

    def train() -> None:
        optimizer = torch.optim.Adam(network.parameters(), lr=1.2e-3)
        history = [evaluate()]
        batches = (batch for _ in cycle([None]) for batch in training)
        for step, (inputs, labels) in enumerate(islice(batches, STEPS), 1):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs), labels).backward()
            optimizer.step()
            apply_masks()
            if step % EVERY == 0:
                history.append(evaluate())

    def prune() -> None:
        for name, value in weights.items():
            kept = value.detach().abs()[masks[name] > 0].sort().values
            rate = REMOVED["output" if len(value) == 10 else "hidden"]
            masks[name] = masks[name] * (value.detach().abs() >= kept[round(rate * len(kept))])

    for level in range(LEVELS + 1):
        network.load_state_dict(start)
        apply_masks()
        train()
        torch.save({"weights": network.state_dict(), "masks": masks}, Path(folder, f"level_{level}.pt"))
        prune()


def ordinary_times() -> tuple[float, float]:
    """Wall seconds of the script as a whole, and of its chain alone."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.chain", folder]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return time.perf_counter() - start, float(said)


def project_time(project: Project, last_seed: int) -> float:
    """Wall seconds of the chain of seeds 0 to `last_seed`."""
    project.clear()
    config = default_config()
    config["tasks"]["digits-lenet"]["cohorts"] = [f"0-{last_seed}"]
    ticket = f"results/digits-lenet/0-{last_seed}/imp/level_{LEVELS}/trained.safetensors"
    return project.run(ticket, *project.configure("chain.yaml", config)).wall_seconds


def measure(root: str = "data", repetitions: int = 3) -> Iterator[Row]:
    """Times and ratios; ROOT is not read."""
    times: Mapping[str, list[float]] = {"ordinary": [], "ordinary chain alone": [], "one": [], "all": []}
    with copied_project() as project:
        for _ in range(repetitions):
            for name, seconds in zip(times, (*ordinary_times(), project_time(project, 0)), strict=False):
                times[name].append(seconds)
            times["all"].append(project_time(project, SEEDS - 1))
    whole, alone, one, cohort = times.values()
    ordinary = [first + (SEEDS - 1) * more for first, more in zip(whole, alone, strict=True)]
    yield Row("ordinary chain, 1 seed", whole, "s")
    yield Row("the project's chain, 1 seed", one, "s")
    yield Row(f"the project's chain, {SEEDS} seeds", cohort, "s")
    yield Row("ordinary chain / the project's, 1 seed", [a / b for a, b in zip(whole, one, strict=True)])
    yield Row(f"ordinary chain / the project's, {SEEDS} seeds", [a / b for a, b in zip(ordinary, cohort, strict=True)])


if __name__ == "__main__":  # the ordinary script, in a process of its own
    begin = time.perf_counter()
    ordinary_chain(0, sys.argv[1])
    print(time.perf_counter() - begin)
