"""Pre-trained sequence classifiers that lie in a local folder, as modules of tokens alone."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from lth_core.models.requirements import ModelError, require
from lth_core.registry import one_line

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

EXTRA = "install the optional packages: pip install -r requirements-hugging-face.txt"
ATTENTION = ("attention", "attn")
"""What the names of attention's parts have in all architectures."""


class SequenceClassifier(nn.Module):
    """A classifier of tokens (B, T), in which the token `padding` is masked; its outputs are scores (B, classes)."""

    def __init__(self, network: Any, padding: int):
        super().__init__()
        self.network, self.padding = network, padding
        self.prunable = _prunable(network)

    def forward(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch classes"]:
        """Compute the scores of texts."""
        return self.network(input_ids=tokens, attention_mask=(tokens != self.padding).long()).logits


def classifier(folder: str, classes: int) -> SequenceClassifier:
    """Load the classifier of a folder, with a head for `classes`. Raises ModelError with one line."""
    path = Path(folder)
    require(path.joinpath("config.json").is_file(), f"'{folder}' has no config.json: give the folder of a saved model")
    if not any(path.glob("*.safetensors")):
        pickled = [file.name for file in sorted(path.glob("*.bin"))]
        have = f"only '{pickled[0]}', which could run code when it is read" if pickled else "no weights"
        raise ModelError(f"'{folder}' has {have}: save it with safetensors (save_pretrained does)")
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the package is imported
    try:
        transformers: Any = importlib.import_module("transformers")  # which is optional
    except ImportError as error:
        raise ModelError(f"the package transformers is missing: {EXTRA}") from error
    transformers.logging.set_verbosity_error()  # which tells of every head that is drawn
    transformers.logging.disable_progress_bar()
    try:
        network, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
            path,
            output_loading_info=True,
            num_labels=classes,
            ignore_mismatched_sizes=True,  # of the head
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="eager",
            dtype="float32",
        )
    except Exception as error:  # of many types
        raise ModelError(
            f"'{folder}' holds no sequence classifier that can be read ({one_line(error):.200})"
        ) from error
    _require_all_but_the_head(folder, network, loaded)
    padding = network.config.pad_token_id
    require(padding is not None, f"'{folder}' has no pad_token_id in config.json: add it, as texts are padded")
    return SequenceClassifier(network, padding)


def _require_all_but_the_head(folder: str, network: Any, loaded: Mapping[str, Any]) -> None:
    """Refuse files that lack weights of the base model, or have them in other sizes: they would be drawn, silently.

    The head is drawn in any case, and so is the pooler before it, which models of masked language do not have.
    """
    base = f"{network.base_model_prefix}."
    other = [one if isinstance(one, str) else one[0] for one in loaded["mismatched_keys"]]
    for names, fault in ((loaded["missing_keys"], "is missing"), (other, "has another size than config.json says")):
        drawn = sorted(name for name in names if name.startswith(base) and "pooler" not in name)
        first, more = (*drawn, "")[0], f" (and {len(drawn) - 1} more)" if len(drawn) > 1 else ""
        require(not drawn, f"the weights in '{folder}' are not those of its config.json: '{first}' {fault}{more}")


def _prunable(network: Any) -> dict[str, str]:
    """The matrices of attention and MLP by name -> kind: what is in the base model but embeddings and the pooler."""
    embedded = {id(part.weight) for part in network.modules() if isinstance(part, nn.Embedding)}
    base = f"network.{network.base_model_prefix}."
    kinds = {}
    for name, value in network.named_parameters(prefix="network"):
        inner = name.removeprefix(base)
        if value.ndim != 2 or inner == name or id(value) in embedded or "embed" in inner or "pooler" in inner:
            continue
        kinds[name] = "attention" if any(word in inner for word in ATTENTION) else "hidden"
    return kinds
