"""What the training jobs share: the task of a spec, a resumable run, and the files that it leaves."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core import registry
from lth_core.config import Task as TaskSettings
from lth_core.data.kinds import offered_to_models
from lth_core.data.reading import open_data
from lth_core.engine.batch_norm import precise
from lth_core.engine.distributed import agree, join, local_index
from lth_core.engine.synchronized import synchronized
from lth_core.jobs.support.checkpoints import checkpoint_file, kept_file
from lth_core.jobs.support.command import import_modules
from lth_core.models.layers import unpruned_weights
from lth_core.models.outputs import check_single_examples
from lth_core.randomness import kept_torch_generators
from lth_core.runtime.gpus import take_gpu
from lth_core.runtime.memory import keep_freed_memory
from lth_core.runtime.missing import divergence_line
from lth_core.runtime.progress import Progress
from lth_core.runtime.shares import Share
from lth_core.runtime.timing import spent
from lth_core.storage.provenance import provenance
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import write_tensors
from lth_core.tasks.base import Task
from lth_core.tasks.fitting import input_shape
from lth_core.tasks.opening import build_task
from lth_core.tickets.divergence import diverged
from lth_core.tickets.rewinding import Ticket
from lth_core.training.history import INDEX, Evaluations
from lth_core.training.loop import Listener, TrainingResult, train
from lth_core.training.resume import Resume, fingerprint
from lth_core.training.sparsification import Sparsification
from lth_core.training.sparsified import SparsifiedState
from lth_core.training.state import TrainingState, start_state

DEVICE_VARIABLE = "LTH_DEVICE"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser of the arguments that all training jobs take."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--spec", type=json.loads, required=True, help="JSON: what to train (task, seeds, ...)")
    arguments.add_argument("--data", required=True, help="the data set's file")
    arguments.add_argument("--output", required=True, help="the file to write")
    arguments.add_argument(
        "--keep", type=json.loads, help="JSON: keep the weights of these `steps` of the training `identity`, no others"
    )
    return arguments


class DeviceError(ValueError):
    """A device that this machine lacks; one line."""


def kind_of_device() -> str:
    """Read the device from LTH_DEVICE: cpu or cuda; auto is a GPU when there is one."""
    wanted = os.environ.get(DEVICE_VARIABLE, "auto")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def check_device(wanted: str) -> None:
    """Raise DeviceError where a GPU is wanted and there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device: cuda, but torch finds no GPU that it can use; use 'auto' or 'cpu'")


def choose_device() -> torch.device:
    """Choose the device to use, one of several GPUs. Raises DeviceError."""
    wanted = kind_of_device()
    check_device(wanted)
    if wanted == "cuda" and (gpus := torch.cuda.device_count()) > 1:
        index = local_index()
        # "cuda" means this one from now on; artifacts do not name it.
        torch.cuda.set_device(take_gpu(gpus) if index is None else index)
    return torch.device(wanted)


def prepare(device: torch.device) -> None:
    """Set in this process what torch and the C library leave open for the device."""
    if device.type == "cpu":
        keep_freed_memory()
        # Adam's mean of a gradient that stays 0, as a dead unit's, decays to numbers below 1.2e-38 and remains there.
        # Processors compute with them so slowly that a few make a step half as long again. Later threads inherit this.
        torch.set_flush_denormal(True)
    else:
        torch.backends.cudnn.allow_tf32 = False  # float32 means float32, in convolutions as in products
        torch.backends.cudnn.deterministic = True


def model_factory(settings: TaskSettings, facts: Mapping[str, Any]) -> Callable[[], nn.Module]:
    """Return what builds the task's network for its data set, given the facts of this."""
    offered = offered_to_models(facts)
    return lambda: registry.model.call(settings.model.name, offered, settings.model.options)


def open_task(spec: Mapping[str, Any], data: str) -> Task:
    """Open the task of a spec on its data file."""
    device = choose_device()
    prepare(device)  # before a user's modules, which may start threads
    import_modules(spec["modules"])
    settings = TaskSettings(**spec["task"])
    share = join(device)
    opened = open_data(data, device, share)
    print(f"device {computed_on(device, share)}, {torch.get_num_threads()} thread(s)", flush=True)
    with kept_torch_generators():
        factory = model_factory(settings, opened.facts)
        if settings.train.batch_size == 1:
            module = factory()
            check_single_examples(module, input_shape(opened.facts, module))
        module = precise(synchronized(factory(), share))
    return build_task(module, opened, settings.train, device, settings.objective)


def computed_on(device: torch.device, share: Share) -> str:
    """Say where a training's numbers come from: on other devices they may differ by rounding."""
    return f"{device.type}, {share.processes} processes" if share.processes > 1 else str(device)


def train_ticket(
    spec: Mapping[str, Any],
    task: Task,
    data: str,
    ticket: Ticket,
    output: str,
    *,
    draws: int = 1,
    keep: Mapping[str, Any] | None = None,
    sparsification: Sparsification | None = None,
    also_write: Callable[[Any, list[bool]], None] | None = None,
) -> None:
    """Train a stacked ticket (R = seeds x draws, seed-major) of a task opened on the file `data`, resumably.

    Writes `output` and history.csv beside it. With `keep` (`steps`, ascending, and the training's `identity`) training
    ends at the last of these steps, and only the weights at each of them are kept, for checkpoints. With a
    `sparsification`, masks change; `also_write` is called with the last state and which replicates have diverged. Of
    several processes that share the training, the first writes.
    """
    share, folder = task.share, Path(output).parent
    seeds = [seed for seed in spec["seeds"] for _ in range(draws)]
    last = keep["steps"][-1] if keep else task.recipe.steps
    start = SparsifiedState.start if sparsification else start_state
    state = start(task, ticket.weights, ticket.mask, ticket.first_step)
    resume = Resume(output, fingerprint(spec, data, ticket.weights, ticket.mask))
    made_by = {"provenance": provenance(spec, computed_on(task.device, share))}

    def keep_weights(state: TrainingState) -> None:
        if keep and share.first and state.step in keep["steps"]:
            header = {**made_by, "identity": keep["identity"], "step": state.step}
            header |= {"diverged": diverged([], state.finite())}
            kept, target = kept_file(folder, state.step), checkpoint_file(folder, state.step)
            write_tensors(kept, state.weights(), header, renamed_to=target)

    how: dict[str, Any] = {"order": ticket.order, "order_from": ticket.order_from, "last_rate": ticket.last_rate}
    how |= {"before_step": sparsification.before_step} if sparsification else {}
    trained = train_resumably(state, seeds, last, resume, is_logged=not keep, listeners=[keep_weights], **how)
    if not share.first:
        return
    if not keep:
        lost = diverged(trained.history, state.finite())
        if any(lost):
            print(divergence_line(lost, spec["seeds"], draws), flush=True)
        if also_write:
            also_write(state, lost)
        write_history(folder / "history.csv", trained.history, spec["seeds"], draws)
        header = {"step": state.step, "diverged": lost, "unpruned": unpruned_weights(task.module)}
        write_tensors(output, trained.weights, made_by | header)
    resume.forget()


def train_resumably(
    state: TrainingState,
    seeds: Sequence[int],
    last: int,
    resume: Resume,
    *,
    is_logged: bool = True,
    listeners: Sequence[Listener] = (),
    **how: Any,
) -> TrainingResult:
    """Train up to step `last`, from a saved state where there is one; report progress, and say what time was spent.

    `how` is told to `train`. The saved state is left for when the outputs are written.
    """
    task = state.cohort.task
    if resume.restore(state):
        print(f"resumed at step {state.step}", flush=True)
    agree(task.share, state.step, "the step that they resume at")
    progress, evaluations = Progress(last, interval=5.0), Evaluations(task.recipe.evaluate_every, last)

    def report(state: TrainingState) -> None:
        if state.step > state.first_step:
            progress.report(state.step, lambda: latest_metric(state))

    def save(state: TrainingState) -> None:
        if task.share.first and state.step > state.first_step:  # what has not begun needs no state to resume from
            resume.save_when_due(state)

    logging = [evaluations] if is_logged else []
    trained = train(task, state, seeds, last, **how, listeners=[*logging, report, *listeners, save])
    if task.share.first:
        cores = task.share.processes * torch.get_num_threads()
        print(spent(trained.seconds - evaluations.seconds, evaluations.seconds, cores), flush=True)
    return trained


def latest_metric(state: TrainingState) -> str:
    """Describe the task's first metric on validation data when it was last measured, averaged over replicates."""
    metric, rows = state.cohort.task.metrics[0], state.history[-3 * state.cohort.size :]
    values = [float(row[metric.name]) for row in rows if row["split"] == "validation"]
    known = [value for value in values if math.isfinite(value)]
    words = [f"validation {metric.label} {metric.text(float(np.mean(known)))}"] if known else []
    lost = len(values) - len(known)
    words += [f"{lost} of {len(values)} diverged"] if lost else []
    earlier = rows and rows[-1]["step"] != state.step
    return ", ".join(words) + (f" at step {rows[-1]['step']:,}" if words and earlier else "")


def write_history(path: Path, rows: list[dict[str, Any]], seeds: Sequence[int], draws: int) -> None:
    """Write the tidy history: seed, draw, step, split, and every quantity that is logged: loss, metrics.

    What is not measured of a row's split is empty there.
    """
    logged = dict.fromkeys(column for row in rows for column in row if column not in INDEX)
    columns = ["step", "split", *logged]
    named = ((*divmod(row["replicate"], draws), *(row.get(column, "") for column in columns)) for row in rows)
    write_table(path, ("seed", "draw", *columns), ((seeds[index], *others) for index, *others in named))
