"""A tiny model folder of Hugging Face, built here, and texts with labels for it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

WORDS = ["[PAD]", "[UNK]", "good", "fine", "bad", "awful", "film", "plot", "actor", "the", "was", "very"]
CONTEXT = 8
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
REASON = "the packages of requirements-hugging-face.txt are not installed (make hugging-face installs them)"


def transformers() -> Any:
    """The package, or the test is skipped."""
    return pytest.importorskip("transformers", reason=REASON)


def write_tokenizer(folder: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason=REASON)
    words = tokenizers.models.WordLevel({word: token for token, word in enumerate(WORDS)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def write_model(folder: Path, labels: int = 2, **changes: Any) -> Path:
    """Write a BERT with weights drawn from a fixed seed, and its tokenizer."""
    import torch

    package = transformers()
    settings = SIZES | {"vocab_size": len(WORDS), "max_position_embeddings": 16, "num_labels": labels} | changes
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        package.BertForSequenceClassification(package.BertConfig(**settings)).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


def write_texts(path: Path, count: int = 60) -> Path:
    """Write texts whose last word tells their label."""
    rng = random.Random(0)
    lines = ["text,label"]
    for number in range(count):
        label = ("good", "bad")[number % 2]
        last = rng.choice({"good": ["good", "fine"], "bad": ["bad", "awful"]}[label])
        lines.append(f"{' '.join(rng.choices(WORDS[6:], k=rng.randint(1, 5)))} {last},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path
