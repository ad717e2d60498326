"""Tiny model folders of Hugging Face, built here, and texts with labels for them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

WORDS = ["[PAD]", "[UNK]", "good", "fine", "bad", "awful", "film", "plot", "actor", "the", "was", "very"]
CONTEXT = 8
POSITIONS = 16
OF_BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": POSITIONS,
}
ENDS = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
SIZES: dict[str, dict[str, Any]] = {
    "Bert": OF_BERT,
    "Roberta": OF_BERT | {"pad_token_id": 1},
    "Albert": OF_BERT | {"embedding_size": 16},
    "Electra": OF_BERT | {"embedding_size": 16},
    "DebertaV2": OF_BERT | {"pad_token_id": 0},
    "DistilBert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": POSITIONS},
    "GPT2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": POSITIONS} | ENDS,
    "T5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0} | ENDS,
    "XLNet": {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 32, "pad_token_id": 0},
    "Bart": {
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "max_position_embeddings": POSITIONS,
        "decoder_start_token_id": 1,
        **ENDS,
    },
}
"""Architecture -> settings of a tiny network with 16 positions; T5 and XLNet have no number of them."""
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


def write_model(folder: Path, architecture: str = "Bert", labels: int = 2, **changes: Any) -> Path:
    """Write a model with weights drawn from a fixed seed, and its tokenizer."""
    import torch

    package = transformers()
    settings = SIZES[architecture] | {"vocab_size": len(WORDS), "num_labels": labels} | changes
    config = getattr(package, f"{architecture}Config")(**settings)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        getattr(package, f"{architecture}ForSequenceClassification")(config).save_pretrained(folder)
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
