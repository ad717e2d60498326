"""Sequence classifiers of Hugging Face, from a local folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lth_core.metrics import counted
from lth_core.models.requirements import require
from lth_core.registry import model

if TYPE_CHECKING:
    from torch import nn


def read_files(path: str) -> list[str]:
    """List the files that decide what the model is."""
    return [os.path.join(path, "config.json"), *sorted(map(str, Path(path).glob("*.safetensors")))]


@model("hugging-face", reads=read_files, pretrained=True)
def hugging_face(vocabulary: int, context: int, classes: int, padding_token: int, path: str) -> nn.Module:
    """Sequence classifier in the folder `path`, as `save_pretrained` of `transformers` writes it, with its weights.

    Only safetensors are read, and nothing is downloaded or executed. The head is drawn where the folder has none for as
    many classes. The matrices of attention and MLP are prunable (kinds attention, hidden); embeddings, pooler and head
    are not. Padding is masked. Use `initialization: {weights: as-built}`, which keeps the pre-trained weights, with the
    data set `labelled-texts`. Raises ModelError for a folder or an architecture that cannot be used, and where the
    package `transformers` is missing.
    """
    from lth_core.models.pretrained import classifier

    module = classifier(path, classes)
    tokens = module.network.config.vocab_size
    require(
        vocabulary == tokens,
        f"the data have {vocabulary} tokens, and the model in '{path}' has {tokens}: take the tokenizer of that folder",
    )
    require(
        padding_token == module.padding,
        f"the data are padded with token {padding_token}, and the model in '{path}' masks token {module.padding}: take "
        "the tokenizer of that folder",
    )
    longest = module.longest_text(context)
    require(
        context == longest,
        f"the model in '{path}' reads at most {counted(longest, 'tokens')} of a text, not {context}: set `context` of "
        f"the data set to {longest} or less",
    )
    return module
