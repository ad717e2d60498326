"""Classifiers of Hugging Face from a local folder: what is pruned, padding, their training, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

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
from tests.support.hugging_face import CONTEXT, POSITIONS, SIZES, WORDS, transformers, write_model, write_texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StoredLabelledTexts:
    return read_texts(folder, tmp_path_factory.mktemp("texts"))


def read_texts(folder: Path, root: Path) -> StoredLabelledTexts:
    write_texts(root / "films.csv")
    made = labelled_texts(str(root), "films.csv", str(folder), CONTEXT)
    tensors = {name: torch.from_numpy(value) for name, value in made.tensors().items()}
    return StoredLabelledTexts(tensors, made.facts(), torch.device("cpu"), ALONE)


def build(folder: Path, classes: int = 2, **changes: int) -> Any:
    given = {"vocabulary": len(WORDS), "context": CONTEXT, "padding_token": 0} | changes
    return hugging_face(**given, classes=classes, path=str(folder))


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


@pytest.mark.parametrize(
    ("architecture", "attention", "hidden"),
    [
        ("GPT2", ["attn.c_attn", "attn.c_proj"], ["mlp.c_fc", "mlp.c_proj"]),
        ("DistilBert", [f"attention.{part}_lin" for part in ("q", "k", "v", "out")], ["ffn.lin1", "ffn.lin2"]),
    ],
)
def test_other_architectures_have_other_names_and_the_same_kinds(
    tmp_path: Path, architecture: str, attention: list[str], hidden: list[str]
) -> None:
    kinds = prunable_layers(build(write_model(tmp_path, architecture)), TokenShape((CONTEXT,)))
    names = {name.partition(".0.")[2].removesuffix(".weight"): kind for name, kind in kinds.items()}
    assert names == dict.fromkeys(attention, "attention") | dict.fromkeys(hidden, "hidden")


def test_attention_is_attention_however_it_is_spelled(tmp_path: Path) -> None:
    kinds = prunable_layers(build(write_model(tmp_path, "T5")), TokenShape((CONTEXT,)))
    assert {name for name, kind in kinds.items() if kind == "attention"} == {
        name for name in kinds if "Attention" in name
    }
    assert {*kinds.values()} == {"attention", "hidden"}


@pytest.mark.parametrize(
    ("architecture", "longest"),
    [
        ("Bert", POSITIONS),
        ("DistilBert", POSITIONS),
        ("Albert", POSITIONS),
        ("Electra", POSITIONS),
        ("GPT2", POSITIONS),
        ("Bart", POSITIONS),
        ("Roberta", POSITIONS - 2),  # whose positions begin after the number of the padding token, 1
    ],
)
def test_a_text_may_be_as_long_as_the_network_can_read(tmp_path: Path, architecture: str, longest: int) -> None:
    folder, padding = write_model(tmp_path, architecture), SIZES[architecture].get("pad_token_id", 0)
    scores = build(folder, context=longest, padding_token=padding).eval()(torch.full((1, longest), 5))
    assert scores.shape == (1, 2)
    for context in (longest + 1, POSITIONS + 1, 100 * POSITIONS):
        assert refused(folder, context=context, padding_token=padding) == (
            f"the model in 'folder' reads at most {longest} tokens of a text, not {context}: set `context` of the data "
            f"set to {longest} or less"
        )


@pytest.mark.parametrize("architecture", ["T5", "XLNet"])
def test_a_model_without_a_number_of_positions_reads_texts_of_any_length(tmp_path: Path, architecture: str) -> None:
    assert build(write_model(tmp_path, architecture), context=100 * POSITIONS)


def test_a_network_that_reads_no_text_at_all_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such\nkernel")

    monkeypatch.setattr(transformers().BertModel, "forward", fail)
    said = "its network fails on texts (RuntimeError: no such kernel): take another model"
    assert refused(folder) == said


def test_texts_without_an_end_are_ended_in_their_last_place_for_models_that_read_it(tmp_path: Path) -> None:
    """BART's scores are those of its token `eos`, here 1; the tokenizer of these tests gives none."""
    module = build(write_model(tmp_path, "Bart")).eval()
    cut, ended = torch.tensor([[9, 6, 10, 5]]), torch.tensor([[9, 6, 10, 1]])
    torch.testing.assert_close(module(cut), module(ended), rtol=0, atol=0)
    early = torch.tensor([[9, 6, 1, 0]])
    torch.testing.assert_close(module(early), module(early[:, :3]), rtol=0, atol=1e-6)


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


@pytest.mark.parametrize("architecture", ["Bert", "DistilBert", "GPT2", "Roberta", "Bart", "DebertaV2"])
def test_its_training_is_that_of_an_ordinary_loop(architecture: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path, architecture)
    task, data = settings(folder), read_texts(folder, tmp_path)
    factory = model_factory(task, data.facts)
    check_model("films", factory, task, data.facts)
    assert proof_of("films", factory, task, data, 0)["replicates"] == 2
    check_model("films", factory, task, data.facts)  # the proof leaves no trace in what transformers shares


# ---------------------------------------------------------------- what is refused


def refused(folder: Path, **changes: int) -> str:
    with pytest.raises(ModelError) as caught:
        build(folder, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder), "folder")


def test_a_folder_without_safetensors_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert refused(tmp_path) == "'folder' has no model.safetensors: save it with safetensors (save_pretrained does)"
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    assert refused(tmp_path) == (
        "'folder' has only 'pytorch_model.bin', which could run code when it is read: save it with safetensors "
        "(save_pretrained does)"
    )


def test_what_is_no_model_folder_is_one_line(tmp_path: Path) -> None:
    assert refused(tmp_path) == "'folder' has no config.json: give the folder of a saved model"
    assert refused(tmp_path / "nowhere").endswith("has no config.json: give the folder of a saved model")


AGAIN = "copy the folder again, or save the model again (save_pretrained)"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"model_type": "vit"},
            "'folder' holds a 'vit', of which transformers X has no sequence classifier: take a model",
        ),
        (
            {"model_type": "no-such"},
            "'folder' holds a 'no-such', which transformers X does not know: correct model_type in config.json, or "
            "install a newer one",
        ),
        (
            {"model_type": "mine", "auto_map": {"AutoConfig": "own.Config"}},
            "'folder' holds a 'mine', which needs code of its own (auto_map), and none is executed: take another model",
        ),
        ({"model_type": None}, f"'folder' has no model_type in config.json: {AGAIN}"),
        (
            {"num_attention_heads": 3},
            "transformers cannot load 'folder' (ValueError: The hidden size (16) is not a multiple of the number of",
        ),
        (
            {"pad_token_id": None},
            "'folder' has no pad_token_id in config.json: add it (a model without padding, such as",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    folder: Path, tmp_path: Path, changes: dict[str, Any], line: str
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    change_settings(copy, changes)
    said = refused(copy).replace(f"transformers {transformers().__version__}", "transformers X")
    assert said.startswith(line) and ":" in said


def change_settings(folder: Path, changes: dict[str, Any]) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"{", "Expecting property name"), (b"", "Expecting value"), (b"\xff", "'utf-8' codec"), (b"[]", "no settings")],
)
def test_damaged_settings_are_one_line(folder: Path, tmp_path: Path, content: bytes, reason: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "config.json").write_bytes(content)
    said = refused(copy)
    assert said.startswith(f"'folder' has a damaged config.json ({reason}") and said.endswith(f": {AGAIN}")


@pytest.mark.parametrize("kept", [slice(-8), slice(4), slice(0)])
def test_damaged_weights_are_one_line(folder: Path, tmp_path: Path, kept: slice) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[kept])
    said = refused(copy)
    assert said.startswith("'folder' has a damaged model.safetensors (") and said.endswith(f": {AGAIN}")


def test_weights_that_git_has_not_fetched_are_one_line(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert refused(copy) == (
        "'folder' has a pointer of Git LFS in place of model.safetensors: fetch it there (git lfs pull)"
    )


def test_weights_in_several_files_are_read_and_missing_ones_are_one_line(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    package = transformers()
    package.AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(copy, max_shard_size="4KB")
    whole, parts = build(folder).state_dict(), build(copy).state_dict()
    assert len([*copy.glob("*.safetensors")]) > 1 and all(torch.equal(whole[name], parts[name]) for name in whole)
    first = min(copy.glob("*.safetensors"))
    first.unlink()
    assert refused(copy) == (
        f"'folder' lacks {first.name}, which model.safetensors.index.json names: copy the whole folder"
    )
    (copy / "model.safetensors.index.json").write_text("{}")
    assert refused(copy) == f"'folder' has a damaged model.safetensors.index.json: {AGAIN}"


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
    change_settings(copy, {key: value})
    said = refused(copy)
    assert said.startswith("the weights in 'folder' are not those of its config.json: '") and fault in said


def test_weights_that_are_no_numbers_are_one_line(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    name = "bert.encoder.layer.0.output.dense.weight"
    weights[name][0, 0] = float("nan")
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert refused(copy) == f"the weights in 'folder' are not all numbers, first in '{name}': {AGAIN}"


def test_layers_that_the_config_does_not_count_are_refused_instead_of_left_out(tmp_path: Path) -> None:
    write_model(tmp_path, num_hidden_layers=2)
    change_settings(tmp_path, {"num_hidden_layers": 1})
    assert refused(tmp_path) == (
        "the weights in 'folder' are not those of its config.json: "
        "'bert.encoder.layer.1.attention.output.LayerNorm.bias' is of a layer that config.json does not count "
        f"(and 15 more): {AGAIN}"
    )


def test_weights_of_a_model_without_head_and_pooler_are_taken(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")  # not of the copy: before 0.8 they change with their file
    kept = {name: value for name, value in weights.items() if "pooler" not in name and "classifier" not in name}
    save_file(kept, copy / "model.safetensors", metadata={"format": "pt"})
    built = build(copy).state_dict()
    assert all((built[f"network.{name}"] == value).all() for name, value in kept.items())


def test_data_that_are_padded_by_another_token_are_one_line(folder: Path) -> None:
    """Nothing else tells the tokenizers of two models with equal numbers of tokens apart."""
    assert refused(folder, padding_token=1) == (
        "the data are padded with token 1, and the model in 'folder' masks token 0: take the tokenizer of that folder"
    )


def test_data_of_another_vocabulary_are_one_line(folder: Path) -> None:
    assert refused(folder, vocabulary=99) == (
        "the data have 99 tokens, and the model in 'folder' has 12: take the tokenizer of that folder"
    )


def test_a_missing_package_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    assert refused(folder) == (
        "the package transformers is missing: install it with make hugging-face (without make: pip install -r "
        "requirements-hugging-face.txt)"
    )
