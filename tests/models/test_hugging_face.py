"""Classifiers of Hugging Face from a local folder: what is pruned, padding, their training, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lth_core.config import Task
from lth_core.data.sets.labelled_texts import labelled_texts
from lth_core.data.stored import StoredLabelledTexts
from lth_core.jobs.initialize import check_model, proof_of
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize
from lth_core.models.inputs import TokenShape
from lth_core.models.layers import prunable_layers, unpruned_weights
from lth_core.models.networks.hugging_face import hugging_face
from lth_core.models.requirements import ModelError
from lth_core.runtime.shares import ALONE
from tests.support.hugging_face import CONTEXT, WORDS, transformers, write_model, write_texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StoredLabelledTexts:
    root = tmp_path_factory.mktemp("texts")
    write_texts(root / "films.csv")
    made = labelled_texts(str(root), "films.csv", str(folder), CONTEXT)
    tensors = {name: torch.from_numpy(value) for name, value in made.tensors().items()}
    return StoredLabelledTexts(tensors, made.facts(), torch.device("cpu"), ALONE)


def build(folder: Path, classes: int = 2, **changes: int) -> Any:
    return hugging_face(**{"vocabulary": len(WORDS), "context": CONTEXT} | changes, classes=classes, path=str(folder))


def settings(folder: Path) -> Task:
    train = {"optimizer": {"name": "adamw", "learning_rate": 1e-3}, "batch_size": 8, "steps": 4, "evaluate_every": 4}
    model = {"name": "hugging-face", "path": str(folder)}
    start = {"weights": "as-built"}
    task = {"dataset": "films", "model": model, "initialization": start, "train": train, "cohorts": ["0-1"]}
    return Task.model_validate(task)


# ---------------------------------------------------------------- the network


def test_matrices_of_attention_and_mlp_are_pruned_embeddings_pooler_and_head_are_not(folder: Path) -> None:
    module = build(folder)
    layer = "network.bert.encoder.layer.0."
    assert prunable_layers(module, TokenShape((CONTEXT,))) == {
        f"{layer}attention.self.query.weight": "attention",
        f"{layer}attention.self.key.weight": "attention",
        f"{layer}attention.self.value.weight": "attention",
        f"{layer}attention.output.dense.weight": "attention",
        f"{layer}intermediate.dense.weight": "hidden",
        f"{layer}output.dense.weight": "hidden",
    }
    never = [name.removeprefix("network.").removeprefix("bert.") for name in unpruned_weights(module)]
    embeddings = [f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")]
    assert never == [*embeddings, "pooler.dense.weight", "classifier.weight"]


def test_other_architectures_have_other_names_and_the_same_kinds(tmp_path: Path) -> None:
    package = transformers()
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16, "pad_token_id": 0}
    config = package.GPT2Config(vocab_size=len(WORDS), bos_token_id=1, eos_token_id=1, **sizes)
    package.GPT2ForSequenceClassification(config).save_pretrained(tmp_path)
    kinds = prunable_layers(build(tmp_path), TokenShape((CONTEXT,)))
    assert [name.removeprefix("network.transformer.h.0.") for name in kinds] == [
        "attn.c_attn.weight",
        "attn.c_proj.weight",
        "mlp.c_fc.weight",
        "mlp.c_proj.weight",
    ]
    assert [*kinds.values()] == ["attention", "attention", "hidden", "hidden"]


def test_padding_changes_no_score(folder: Path) -> None:
    module = build(folder).eval()
    short = torch.tensor([[9, 6, 10, 5]])
    padded = torch.nn.functional.pad(short, (0, 4), value=0)
    torch.testing.assert_close(module(padded), module(short), rtol=0, atol=1e-6)


def test_seeds_share_the_pretrained_weights_and_draw_a_head_where_the_folder_has_none(
    folder: Path, data: StoredLabelledTexts
) -> None:
    one_head = settings(folder)
    drawn = [initialize(model_factory(one_head, data.facts), one_head.initialization, seed) for seed in (0, 1)]
    assert all(np.array_equal(drawn[0][name], drawn[1][name]) for name in drawn[0])
    other = [initialize(lambda: build(folder, classes=3), one_head.initialization, seed) for seed in (0, 1, 1)]
    differ = {name for name in other[0] if not np.array_equal(other[0][name], other[1][name])}
    assert differ == {"network.classifier.weight"} and other[0]["network.classifier.weight"].shape == (3, 16)
    assert all(np.array_equal(other[1][name], other[2][name]) for name in other[1])


def test_its_training_is_that_of_an_ordinary_loop(folder: Path, data: StoredLabelledTexts) -> None:
    task = settings(folder)
    factory = model_factory(task, data.facts)
    check_model("films", factory, task, data.facts)
    assert proof_of("films", factory, task, data, 0)["replicates"] == 2


# ---------------------------------------------------------------- what is refused


def refused(folder: Path, **changes: int) -> str:
    with pytest.raises(ModelError) as caught:
        build(folder, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder), "folder")


def test_a_folder_without_safetensors_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert refused(tmp_path) == "'folder' has no weights: save it with safetensors (save_pretrained does)"
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    assert refused(tmp_path) == (
        "'folder' has only 'pytorch_model.bin', which could run code when it is read: save it with safetensors "
        "(save_pretrained does)"
    )


def test_what_is_no_model_folder_is_one_line(tmp_path: Path) -> None:
    assert refused(tmp_path) == "'folder' has no config.json: give the folder of a saved model"
    assert refused(tmp_path / "nowhere").endswith("has no config.json: give the folder of a saved model")


@pytest.mark.parametrize("kind", ["vit", "no-such-architecture"])
def test_an_architecture_that_classifies_no_texts_is_one_line(folder: Path, tmp_path: Path, kind: str) -> None:
    changed = json.loads((folder / "config.json").read_text()) | {"model_type": kind, "architectures": None}
    (tmp_path / "config.json").write_text(json.dumps(changed))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert refused(tmp_path).startswith("'folder' holds no sequence classifier that can be read (")


def test_damaged_weights_are_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-8])
    assert refused(tmp_path).startswith("'folder' holds no sequence classifier that can be read (")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("vocab_size", 20, "'bert.embeddings.word_embeddings.weight' has another size than config.json says"),
        ("vocab_size", 8, "'bert.embeddings.word_embeddings.weight' has another size than config.json says"),
        ("intermediate_size", 64, "has another size than config.json says (and 2 more)"),
        ("num_hidden_layers", 2, "'bert.encoder.layer.1.attention.output.LayerNorm.bias' is missing (and 15 more)"),
    ],
)
def test_weights_of_another_config_are_refused_instead_of_drawn(
    folder: Path, tmp_path: Path, key: str, value: int, fault: str
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    file = copy / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    said = refused(copy)
    assert said.startswith("the weights in 'folder' are not those of its config.json: '") and fault in said


def test_weights_of_a_model_without_head_and_pooler_are_taken(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    safetensors = pytest.importorskip("safetensors.torch")
    weights = safetensors.load_file(copy / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "pooler" not in name and "classifier" not in name}
    safetensors.save_file(kept, copy / "model.safetensors", metadata={"format": "pt"})
    built = build(copy).state_dict()
    assert all((built[f"network.{name}"] == value).all() for name, value in kept.items())


def test_data_of_another_vocabulary_or_longer_than_the_model_are_one_line(folder: Path) -> None:
    assert refused(folder, vocabulary=99) == (
        "the data have 99 tokens, and the model in 'folder' has 12: take the tokenizer of that folder"
    )
    assert refused(folder, context=17) == "texts of 17 tokens are longer than the model's 16: lower `context`"


def test_a_missing_package_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    assert refused(folder) == (
        "the package transformers is missing: install the optional packages: pip install -r "
        "requirements-hugging-face.txt"
    )
