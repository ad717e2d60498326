"""Using a ticket: modules, masks and inputs from a results folder; the examples of the documents."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrize

from lth_core import registry
from lth_core.config import Initialization
from lth_core.data.kinds import offered_to_models
from lth_core.data.reading import open_data
from lth_core.models.initialization import initialize_cohort
from lth_core.models.inputs import TokenShape
from lth_core.storage.errors import ArtifactError
from lth_core.storage.runs import Run, run_of
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from lth_core.tickets.export import ONNX_PACKAGES
from lth_core.tickets.loading import Inputs, TicketError, load_characters, load_inputs, load_mask, load_module

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (1, 8, 8)
SEEDS = [0, 1, 2, 3, 4]
FACTS = {"classes": 10, "input_shape": list(SHAPE), "mean": [4.0], "std": [2.0]}
PIXELS = np.arange(320).reshape(5, *SHAPE).astype(np.uint8) % 17
TICKET = Run("digits-lenet", "0-4", "imp", 7)


def spec(model: str = "lenet", **more) -> dict:
    recipe = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 9, "steps": 9, "evaluate_every": 9}
    task = {"dataset": "digits", "model": model, "train": recipe, "cohorts": ["0-4"]}
    return {
        "provenance": {"spec": {"modules": ["lth_core.models.networks.lenet"], "seeds": SEEDS, "task": task, **more}}
    }


def network(model: str = "lenet") -> nn.Module:
    return registry.model.call(model, {"classes": 10, "input_shape": SHAPE}, {})


def write_weights(path: str, header: dict, replicates: int = len(SEEDS), shift: float = 0.0, mask=None) -> dict:
    """Networks drawn with the first seeds, shifted and masked, with statistics of batch norm, as a training's file."""
    weights = initialize_cohort(network, Initialization(), range(replicates))
    weights = {name: value + np.float32(shift) for name, value in weights.items()}
    weights = {name: value * mask[name] if mask and name in mask else value for name, value in weights.items()}
    write_tensors(path, weights, header)
    return weights


@pytest.fixture
def results(tmp_path: Path) -> str:
    """theta_0, theta_3 and the dense run of five seeds; tickets of level 7 that reset, rewind to step 3 or continue."""
    folder = str(tmp_path / "results")
    write_tensors(f"{folder}/data/digits.safetensors", {"train_images": PIXELS}, FACTS)
    dense = Run(TICKET.task, TICKET.cohort)
    initial = write_weights(f"{folder}/digits-lenet/0-4/init.safetensors", spec())
    write_weights(dense.checkpoint(folder, 3), spec(), shift=0.03)
    write_weights(dense.trained(folder), spec(), shift=0.1)
    draw = np.random.default_rng(0)
    mask = {name: draw.random(value.shape) < 0.3 for name, value in initial.items() if name.endswith("weight")}
    for method, policy, iterative in (
        ("imp", {"policy": "reset"}, True),
        ("late", {"policy": "rewind", "step": 3}, True),
        ("last", {"policy": "rewind", "step": 9}, True),
        ("chain", {"policy": "lr-rewind"}, True),
        ("cut", {"policy": "fine-tune", "step": 3}, False),
    ):
        run = Run("digits-lenet", "0-4", method, 7)
        settings = {"levels": 7, "rewind": policy}
        pruning = {"provenance": {"spec": {"method": {"levels": 7, "iterative": iterative}}}}
        write_tensors(run.mask(folder), mask, {"density": 0.3} | pruning)
        write_weights(run.trained(folder), spec(method=settings, level=7), shift=0.2, mask=mask)
    write_weights(Run("digits-lenet", "0-4", "chain", 6).trained(folder), spec(), shift=0.06)
    return folder


def replicate(path: str, index: int) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(value[index])) for name, value in read_tensors(path).items()}


CHARACTERS = " Taceehlmnst"
LANGUAGE = Run("english-lstm", "0-4", "imp-language", 7)


def write_trained(results: str, run: Run, task: dict[str, Any], module: str, facts: dict[str, Any]) -> nn.Module:
    """A data file with these facts, and the mask and weights of a run; returns a network of the task."""
    offered = offered_to_models(facts)
    build = partial(registry.model.call, task["model"]["name"], offered, {"width": 8} if "vocabulary" in facts else {})
    write_tensors(f"{results}/data/{task['dataset']}.safetensors", {"x": np.zeros(1)}, facts)
    weights = initialize_cohort(build, Initialization(), SEEDS)
    mask = {name: value > 0 for name, value in weights.items() if value.ndim > 2}
    weights = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    recipe = spec()["provenance"]["spec"]["task"]["train"]
    settings = {**task, "train": recipe, "cohorts": ["0-4"]}
    header = {
        "provenance": {"spec": {"modules": [f"lth_core.models.networks.{module}"], "seeds": SEEDS, "task": settings}}
    }
    write_tensors(run.mask(results), mask, {"density": 0.5} | header)
    write_tensors(run.trained(results), weights, header)
    return build()


def write_language(results: str, model: str = "lstm") -> nn.Module:
    """A ticket of a language model."""
    facts = {"kind": "text", "vocabulary": len(CHARACTERS), "characters": CHARACTERS, "context": 20}
    task = {"dataset": "english", "model": {"name": model, "width": 8}, "objective": "language"}
    return write_trained(results, Run(f"english-{model}", "0-4", "imp-language", 7), task, model, facts)


# ---------------------------------------------------------------- modules


def test_a_network_with_batch_norm_is_loaded_with_its_statistics(results: str) -> None:
    path = Run("digits-lenet", "0-4").trained(results)
    write_tensors(path, initialize_cohort(lambda: network("resnet-8"), Initialization(), SEEDS), spec("resnet-8"))
    module = load_module(Path(path).parent, seed=3)
    stored = replicate(path, 3)
    assert {name for name in stored if name.endswith("num_batches_tracked")}
    for name, value in module.state_dict().items():
        assert torch.equal(value, stored[name])


def test_a_trained_ticket_is_an_ordinary_module_that_computes_with_the_files_weights(results: str) -> None:
    module = load_module(TICKET.folder(results), seed=3)
    stored = replicate(TICKET.trained(results), 3)
    images = torch.randn(4, *SHAPE)
    assert torch.equal(module(images), functional_call(network(), stored, images))
    assert {name: value.tolist() for name, value in module.state_dict().items()} == {
        name: value.tolist() for name, value in stored.items()
    }


@pytest.mark.parametrize(
    ("method", "start"),
    [
        ("imp", "init.safetensors"),
        ("late", "dense/at_3.safetensors"),
        ("last", "dense/trained.safetensors"),  # step 9 of 9
        ("chain", "chain/level_6/trained.safetensors"),
        ("cut", "dense/trained.safetensors"),  # one-shot methods are pruned from the dense network
    ],
)
def test_the_start_of_a_ticket_is_what_its_method_rewinds_to_with_zeros_in_place(
    results: str, method: str, start: str
) -> None:
    folder = f"{results}/digits-lenet/0-4/{method}/level_7"
    module, mask = load_module(folder, seed=1, weights="start"), load_mask(folder, seed=1)
    expected = replicate(f"{results}/digits-lenet/0-4/{start}", 1)
    for name, value in module.named_parameters():
        assert torch.equal(value, expected[name] * mask[name] if name in mask else expected[name])
    zeros = {name: int((value == 0).sum()) for name, value in module.named_parameters() if name in mask}
    assert zeros == {name: int((~kept).sum()) for name, kept in mask.items()}


def test_starting_weights_that_a_treatment_has_set_are_not_masked(results: str) -> None:
    treated = write_weights(f"{TICKET.folder(results)}/start.safetensors", spec(), shift=0.5)
    module = load_module(TICKET.folder(results), seed=2, weights="start")
    assert torch.equal(module.fc1.weight, torch.from_numpy(treated["fc1.weight"][2]))


def test_a_dense_run_has_no_mask(results: str) -> None:
    folder = f"{results}/digits-lenet/0-4/dense"
    assert load_mask(folder, seed=0) == {}
    start = load_module(folder, seed=4, weights="start")
    assert torch.equal(start.fc2.weight, replicate(f"{results}/digits-lenet/0-4/init.safetensors", 4)["fc2.weight"])


def test_draws_of_a_branch_are_replicates_of_their_seed(results: str) -> None:
    run = Run("digits-lenet", "0-4", "imp", 7, "reinit")
    header = spec(branch={"treatment": {"name": "reinit"}, "draws": 2})
    weights = write_weights(run.trained(results), header, replicates=2 * len(SEEDS))
    write_tensors(run.mask(results), {"fc1.weight": weights["fc1.weight"] > 0}, {"density": 0.5})
    module = load_module(run.folder(results), seed=3, draw=1)
    assert torch.equal(module.fc1.weight, torch.from_numpy(weights["fc1.weight"][7]))
    assert torch.equal(load_mask(run.folder(results), seed=3, draw=1)["fc1.weight"], module.fc1.weight > 0)
    with pytest.raises(TicketError, match=r"reinit: has no draw 2 \(draws: 0 to 1\)$"):
        load_module(run.folder(results), seed=3, draw=2)
    with pytest.raises(TicketError, match=r"starting weights of a branch are not stored; load 'trained'$"):
        load_module(run.folder(results), seed=3, weights="start")


def test_a_language_model_is_loaded_with_its_mask_and_the_characters_of_its_tokens(results: str) -> None:
    network, folder = write_language(results), LANGUAGE.folder(results)
    module, mask, tokens = load_module(folder, seed=3), load_mask(folder, seed=3), torch.tensor([[0, 3, 1]])
    assert load_characters(folder) == CHARACTERS
    stored = replicate(LANGUAGE.trained(results), 3)
    assert torch.equal(module(tokens), functional_call(network, stored, tokens))
    assert any("weight_hh" in name for name in mask)
    assert all(not module.get_parameter(name)[~kept].any() for name, kept in mask.items())
    with pytest.raises(TicketError, match=r"^digits holds no text but images: see its file's header$"):
        load_characters(TICKET.folder(results))


def test_a_policy_is_loaded_with_its_mask(results: str) -> None:
    run, facts = Run("cartpole", "0-4", "imp", 7), {"kind": "environment", "features": 4, "actions": 2}
    task = {"dataset": "cartpole", "model": {"name": "mlp"}, "objective": "actor-critic"}
    network, seen = write_trained(results, run, task, "mlp", facts), torch.randn(5, 4)
    module, mask = load_module(run.folder(results), seed=2), load_mask(run.folder(results), seed=2)
    assert torch.equal(module(seen), functional_call(network, replicate(run.trained(results), 2), seen))
    assert module(seen).shape == (5, 3)  # a score for both actions, and the value
    assert mask and all(not module.get_parameter(name)[~kept].any() for name, kept in mask.items())


def test_images_are_normalised_as_in_training(results: str) -> None:
    inputs = load_inputs(TICKET.folder(results))
    assert (inputs.classes, inputs.input_shape) == (10, SHAPE)
    assert torch.equal(inputs.normalise(torch.full((2, *SHAPE), 16, dtype=torch.uint8)), torch.full((2, *SHAPE), 6.0))


@pytest.mark.parametrize(
    ("pixels", "more", "white"),
    [
        (PIXELS, {}, 16),
        (15 * PIXELS, {}, 255),  # up to 240: pixels of 8 bits
        ((PIXELS > 8).astype(np.uint8), {}, None),  # black and white, 0 and 1
        (PIXELS.astype(np.float32), {}, None),  # whatever the scale of floats is
        (None, {"streamed": {}}, 255),
    ],
)
def test_fractions_of_pixels_are_refused_where_the_data_set_stores_whole_numbers(
    results: str, pixels: np.ndarray | None, more: dict[str, Any], white: int | None
) -> None:
    """They would be normalised to almost black images, and tickets be right by chance."""
    stored = {"file_names": np.zeros(1)} if pixels is None else {"train_images": pixels}
    write_tensors(f"{results}/data/digits.safetensors", stored, FACTS | more)
    inputs, fractions = load_inputs(TICKET.folder(results)), torch.rand(2, *SHAPE).clamp(max=0.5)
    assert inputs.white == white
    if white is None:
        assert torch.equal(inputs.normalise(fractions), fractions * 0.5 - 2)
        return
    said = f"the largest of these pixels is 0.5, but .* a scale from 0 to {white}: multiply fractions of 1 by {white}$"
    with pytest.raises(ValueError, match=said):
        inputs.normalise(fractions)
    for taken in (fractions * white, 0 * fractions, fractions[:0], torch.ones(1, *SHAPE, dtype=torch.uint8)):
        assert torch.equal(inputs.normalise(taken), taken * 0.5 - 2)


@pytest.mark.parametrize(
    ("facts", "outputs", "shape"),
    [
        ({"kind": "text", "vocabulary": 12, "context": 20}, 12, TokenShape((20,))),
        ({"kind": "labelled-texts", "vocabulary": 12, "context": 20, "classes": 2}, 2, TokenShape((20,))),
        ({"kind": "points", "features": 5, "targets": 1, "classes": 3}, 3, (5,)),
        ({"kind": "environment", "features": 4, "actions": 2}, 3, (4,)),
    ],
)
def test_inputs_of_other_data_have_their_shape_and_stay_as_they_are(
    results: str, facts: dict[str, Any], outputs: int, shape: tuple[int, ...]
) -> None:
    write_tensors(f"{results}/data/digits.safetensors", {"x": np.zeros(1)}, facts)
    inputs, examples = load_inputs(TICKET.folder(results)), torch.zeros(2, *shape, dtype=torch.int64)
    assert (inputs.classes, inputs.input_shape) == (outputs, shape)
    assert isinstance(inputs.input_shape, TokenShape) == isinstance(shape, TokenShape)
    assert inputs.normalise(examples) is examples


def test_normalised_images_have_the_bits_of_those_in_training(data_file: Path) -> None:
    pixels = torch.arange(252, dtype=torch.uint8).view(7, 1, 6, 6)
    mean, std = (torch.tensor(read_header(data_file)[name])[:, None, None] for name in ("mean", "std"))
    assert torch.equal(Inputs(3, (1, 6, 6), mean, std).normalise(pixels), open_data(data_file).normalise(pixels))


def test_a_built_in_network_needs_no_import_of_the_users(results: str) -> None:
    """Its module stands in the file's header."""
    code = f"from lth_core.tickets import load_module\nprint(load_module({TICKET.folder(results)!r}, seed=1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0 and "Linear(in_features=64, out_features=300" in done.stdout, done.stderr


def test_a_header_has_no_other_code_imported(results: str) -> None:
    elsewhere = Run("digits-lenet", "0-4", "imp", 5)
    header = spec()
    header["provenance"]["spec"]["modules"] += ["this", "lth_core.jobs.support.server"]
    for name in ("this", "lth_core.jobs.support.server"):
        sys.modules.pop(name, None)
    write_weights(elsewhere.trained(results), header)
    load_module(elsewhere.folder(results), seed=0)
    assert not {"this", "lth_core.jobs.support.server"} & sys.modules.keys()


def test_wrong_folders_seeds_and_plugins_are_one_clear_line(results: str, tmp_path: Path) -> None:
    with pytest.raises(TicketError, match=r"level_7: has no seed 9 \(seeds: 0, 1, 2, 3, 4\)$"):
        load_module(TICKET.folder(results), seed=9)
    with pytest.raises(TicketError, match=r"level_7: has no seed '0' \(seeds: 0, 1, 2, 3, 4\)$"):
        load_module(TICKET.folder(results), seed="0")
    missing = Run("digits-lenet", "0-4", "imp", 99).folder(results)
    with pytest.raises(TicketError, match=r"level_99: holds no training; there are level_\d+(, level_\d+)*$"):
        load_module(missing, seed=0)
    with pytest.raises(
        TicketError, match=r"^a/b/0-1/imp/level_1: holds no training; looked for /.*/trained.safetensors$"
    ):
        load_inputs("a/b/0-1/imp/level_1")
    with pytest.raises(TicketError, match=r"^weights are 'trained' or 'start', not 'strat'$"):
        load_module(TICKET.folder(results), seed=0, weights="strat")
    with pytest.raises(ArtifactError, match="is no training's folder"):
        load_module(tmp_path, seed=0)
    elsewhere = Run("digits-lenet", "0-4", "imp", 6)
    header = spec(model="theirs")
    header["provenance"]["spec"]["modules"] = ["my_lab"]
    write_tensors(elsewhere.trained(results), {}, header)
    with pytest.raises(TicketError, match=r"its network 'theirs' is of a plugin: import it first \(my_lab\)$"):
        load_module(elsewhere.folder(results), seed=0)


@pytest.mark.parametrize(
    "run",
    [Run("a", "0-4"), Run("a", "0-4", branch="order-1"), TICKET, Run("a", "0-1", "imp", 12, "reinit")],
)
def test_a_folder_names_its_run(run: Run) -> None:
    assert run_of(run.folder("some/results")) == ("some/results", run)


def test_the_examples_of_using_a_ticket_run(
    results: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(results).parent)
    page = (ROOT / "docs/how-to/use-a-ticket.md").read_text()
    example, of_test, of_language, of_costs, of_export = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict = {}
    exec(example, names)  # noqa: S102 (our own document)
    assert names["scores"].shape == (1, 10) and parametrize.is_parametrized(names["start"].fc1)
    assert torch.allclose(names["small"](torch.ones(2, *SHAPE)), names["trained"](torch.ones(2, *SHAPE)), atol=1e-4)
    data = {f"{split}_images": PIXELS for split in ("train", "test")} | {"test_labels": np.zeros(5, np.int64)}
    write_tensors(f"{results}/data/digits.safetensors", data, FACTS)
    Path(TICKET.folder(results), "history.csv").write_text("seed,split,accuracy\n0,test,0.25\n0,test,0.75\n1,test,0\n")
    exec(of_test, names)  # noqa: S102 (tests/test_tutorial.py compares the accuracies of a run)
    assert len(names["right"]) == 5 and capsys.readouterr().out.endswith(" 0.75\n")
    exec(of_costs, names)  # noqa: S102
    assert torch.allclose(names["sparse"](torch.ones(2, *SHAPE)), names["trained"](torch.ones(2, *SHAPE)), atol=1e-4)
    assert names["form"] == "csr" and names["cost"].seconds_1 > 0 and Path("small.pt").exists()
    write_language(results, "transformer")
    exec(of_language, names)  # noqa: S102
    assert names["following"].shape == (len(CHARACTERS),) and names["following"].sum().item() == pytest.approx(1)
    tokens = torch.randint(0, len(CHARACTERS), (2, *names["inputs"].input_shape))
    assert torch.allclose(names["small"](tokens), names["model"](tokens), atol=1e-5)
    if all(map(find_spec, ONNX_PACKAGES)):
        exec(of_export, names)  # noqa: S102
        assert Path("ticket.onnx").exists()


@pytest.mark.parametrize("load", [load_mask, lambda folder, seed: load_module(folder, seed, "start")])
def test_where_a_chain_has_ended_there_is_no_ticket_to_load(results: str, load: Callable[..., Any]) -> None:
    mask = read_tensors(TICKET.mask(results))
    about = {"density": 0.3, "diverged": [False, True, False, False, False]}
    write_tensors(TICKET.mask(results), mask, about | {"provenance": {"spec": {"method": {"levels": 7}}}})
    load(TICKET.folder(results), 2)
    with pytest.raises(TicketError, match="there is no ticket of this seed: a training before it diverged"):
        load(TICKET.folder(results), 1)
