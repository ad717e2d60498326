"""Using a ticket elsewhere: as an ordinary module with zeros in place, its mask, and what it takes as inputs.

A folder is that of any training under the results folder: `results/TASK/SEEDS/METHOD/level_N`, a branch below it, or
the dense run. The network is rebuilt from the settings in the files' headers; nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor, nn

from lth_core import registry
from lth_core.config import Branch, Method, Task
from lth_core.data.kinds import IMAGES, WHOLE_NUMBERS, example_shape, kind_of_data, offered_to_models, outputs_of
from lth_core.data.reading import read_facts
from lth_core.models.inputs import TokenShape
from lth_core.models.tensors import load_tensors
from lth_core.storage.paths import data_file, initial_file
from lth_core.storage.runs import Run, run_of
from lth_core.storage.tensors import Tensors, read_header, read_tensors
from lth_core.tickets.rewinding import apply_mask

if TYPE_CHECKING:
    from jaxtyping import Num


class TicketError(ValueError):
    """A ticket that cannot be used as asked, in one line: which, why, what to do."""


@dataclass(frozen=True)
class Inputs:
    """What a network takes: examples (N, *input_shape) of its data set, images normalised."""

    classes: int
    """What it scores: classes; of language models characters, of policies actions and the value; or targets."""
    input_shape: tuple[int, ...]
    """(C, H, W) of images, (features,); a TokenShape, of int64, of texts (context,) and nodes of a graph ()."""
    mean: Tensor | None = None
    """Of images: per channel (C, 1, 1), in the pixels' units as the data set stores them."""
    std: Tensor | None = None
    white: int | None = None
    """Of images that are stored as whole numbers: where their scale ends, 255 of most, 16 of `digits`."""

    def normalise(self, inputs: Num[Tensor, "*examples"]) -> Num[Tensor, "*examples"]:
        """Turn pixels (..., C, H, W) into what the network was trained on, float32; other data are that already.

        The pixels are on the scale on which the data set stores them: mostly from 0 to 255, those of `digits` from 0
        to 16, as whole numbers or floats. Raises TicketError for floats that are fractions of that, 0 to 1, as image
        libraries make them: `white` is what to multiply them by.
        """
        if self.mean is None or self.std is None:
            return inputs
        if self.white and inputs.is_floating_point() and inputs.numel() and 0 < (largest := inputs.max().item()) <= 1:
            raise TicketError(
                f"the largest of these pixels is {largest:.3g}, but the data set stores pixels on a scale from 0 to "
                f"{self.white}: multiply fractions of 1 by {self.white}"
            )
        return inputs * (1 / self.std) - self.mean / self.std


def load_inputs(folder: str | Path) -> Inputs:
    """Read what the networks of a folder take, from their data file."""
    results, _, spec = _training(folder)
    facts = _facts(results, spec)
    kind, shape = kind_of_data(facts), example_shape(facts)
    if kind == IMAGES:
        mean, std = (torch.tensor(facts[key])[:, None, None] for key in ("mean", "std"))
        return Inputs(facts["classes"], shape, mean, std, _white(data_file(results, spec["task"]["dataset"]), facts))
    return Inputs(outputs_of(facts), TokenShape(shape) if kind in WHOLE_NUMBERS else shape)


def _white(path: str, facts: Mapping[str, Any]) -> int | None:
    """Where the scale of the pixels ends; None where these are not whole numbers, or 0 and 1 alone."""
    if "streamed" in facts:
        return 255
    with safe_open(path, framework="pt") as opened:
        pixels = opened.get_slice("train_images")[:1000]
    brightest = 0 if pixels.is_floating_point() else int(pixels.max())
    return (255 if brightest > 127 else brightest) if brightest > 1 else None


def load_characters(folder: str | Path) -> str:
    """Read the characters of a language model's tokens: token i is the i-th of them.

    Such a model takes tokens (N, T), of which a Transformer takes at most `context`, and returns scores (N, T,
    vocabulary) of the token that follows each. Raises TicketError where the folder's data are no text.
    """
    results, _, spec = _training(folder)
    facts = _facts(results, spec)
    if kind_of_data(facts) != "text":
        raise TicketError(f"{spec['task']['dataset']} holds no text but {kind_of_data(facts)}: see its file's header")
    return facts["characters"]


def load_module(
    folder: str | Path, seed: int, weights: Literal["trained", "start"] = "trained", draw: int = 0
) -> nn.Module:
    """Load one replicate of a training as an ordinary module on the CPU, with zeros where it is pruned.

    Where its mask is False a weight is zero, or has the value that a treatment has frozen it at. `weights`: those at
    the end of training, or those that it started from. A branch with several draws has a replicate for each. The module
    is in training mode, as torch builds it. Raises TicketError for a seed that is not there, for the start of a branch
    (which is not stored) and for a network of a plugin that is not imported.
    """
    if weights not in ("trained", "start"):
        raise TicketError(f"weights are 'trained' or 'start', not '{weights}'")
    results, run, spec = _training(folder)
    index = _replicate(folder, spec, seed, draw)
    module = _network(folder, spec, _facts(results, spec))
    treated = Path(run.folder(results), "start.safetensors")
    if weights == "trained":
        path = run.trained(results)
    else:
        path = str(treated) if treated.exists() else _start_file(results, run)
    values = {name: value[index] for name, value in read_tensors(path).items()}
    if weights == "start" and not treated.exists():  # a treatment may have set weights outside of the mask, too
        values = apply_mask(values, _mask(results, run, index))
    load_tensors(module, values)
    return module


def load_mask(folder: str | Path, seed: int, draw: int = 0) -> dict[str, Tensor]:
    """Load the mask of one replicate by weight name: booleans, True where a weight is trained; empty for the dense run.

    Raises TicketError for a seed or draw that is not there, or whose chain has ended.
    """
    results, run, spec = _training(folder)
    index = _replicate(folder, spec, seed, draw)
    return {name: torch.from_numpy(kept.copy()) for name, kept in _mask(results, run, index).items()}


# ---------------------------------------------------------------- what the files say


def _training(folder: str | Path) -> tuple[str, Run, dict[str, Any]]:
    """Find the results folder, the run and the spec of a training; a TicketError lists those that are beside it."""
    results, run = run_of(folder)
    path = Path(run.trained(results))
    if not path.is_file():
        beside = [other.parent.name for other in path.parent.parent.glob("*/trained.safetensors")]
        listed = ", ".join(sorted(beside, key=lambda name: (len(name), name)))
        where = f"there are {listed}" if beside else f"looked for {path.absolute()}"
        raise TicketError(f"{folder}: holds no training; {where}")
    return results, run, _spec(str(path))


def _spec(path: str) -> dict[str, Any]:
    return read_header(path)["provenance"]["spec"]


def _replicate(folder: str | Path, spec: Mapping[str, Any], seed: int, draw: int) -> int:
    """The index of a seed's draw in the stacked tensors, which hold the draws of a seed one after the other."""
    draws = Branch(**spec["branch"]).draws if "branch" in spec else 1
    if seed not in spec["seeds"]:
        raise TicketError(f"{folder}: has no seed {seed!r} (seeds: {', '.join(map(str, spec['seeds']))})")
    if not 0 <= draw < draws:
        raise TicketError(f"{folder}: has no draw {draw} (draws: 0 to {draws - 1})")
    return spec["seeds"].index(seed) * draws + draw


def _facts(results: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return read_facts(data_file(results, spec["task"]["dataset"]))


def _network(folder: str | Path, spec: Mapping[str, Any], facts: Mapping[str, Any]) -> nn.Module:
    settings, modules = Task(**spec["task"]).model, spec.get("modules", [])
    for module in modules:
        if module.startswith("lth_core.models."):  # nothing else is imported because a file names it
            import_module(module)
    plugins = [module for module in modules if not module.startswith("lth_core.")]
    if settings.name not in registry.model.names() and plugins:
        named = ", ".join(plugins)
        raise TicketError(f"{folder}: its network '{settings.name}' is of a plugin: import it first ({named})")
    return registry.model.call(settings.name, offered_to_models(facts), settings.options)


def _mask(results: str, run: Run, index: int) -> Tensors:
    if not Path(run.mask(results)).exists() and run.level == 0:
        return {}
    if read_header(run.mask(results)).get("diverged", [])[index : index + 1] == [True]:
        raise TicketError(f"{run.mask(results)}: there is no ticket of this seed: a training before it diverged")
    return {name: kept[index] for name, kept in read_tensors(run.mask(results)).items()}


def _start_file(results: str, run: Run) -> str:
    """What a ticket's training, or the dense one, started from, before it was masked."""
    if run.branch:
        raise TicketError(f"{run.folder(results)}: the starting weights of a branch are not stored; load 'trained'")
    initial = initial_file(results, run.task, run.cohort)
    if run.level == 0:
        return initial
    spec, dense = _spec(run.trained(results)), Run(run.task, run.cohort)
    rewind = Method(**spec["method"]).rewind
    if rewind.keeps_trained:
        iterative = Method(**_spec(run.mask(results))["method"]).iterative
        return Run(run.task, run.cohort, run.method, run.level - 1 if iterative else 0).trained(results)
    if rewind.step == spec["task"]["train"]["steps"]:
        return dense.trained(results)
    return dense.checkpoint(results, rewind.step) if rewind.step else initial
