"""Pre-trained sequence classifiers that lie in a local folder, as modules of tokens alone."""

from __future__ import annotations

import importlib
import os
import re
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lth_core.models.model_folders import AGAIN, SETTINGS, check_architecture, check_folder
from lth_core.models.requirements import ModelError, require
from lth_core.registry import one_line
from lth_core.runtime.installation import missing_package

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

ATTENTION = ("attention", "attn")
"""What the names of attention's parts have in all architectures, in small letters."""


class SequenceClassifier(nn.Module):
    """A classifier of tokens (B, T), in which the token `padding` is masked; its outputs are scores (B, classes).

    Encoders with decoders, such as BART, take the scores at the token that ends a text: a text without it, as one that
    was cut may be, has it in its last place.
    """

    def __init__(self, network: Any, padding: int):
        super().__init__()
        self.network, self.padding = network, padding
        self.end = network.config.eos_token_id if network.config.is_encoder_decoder else None
        self.prunable = _prunable(network)

    def forward(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch classes"]:
        """Compute the scores of texts."""
        if self.end is not None:
            lacking = ~(tokens == self.end).any(dim=1)
            tokens = torch.cat([tokens[:, :-1], torch.where(lacking, self.end, tokens[:, -1])[:, None]], dim=1)
        return self.network(input_ids=tokens, attention_mask=(tokens != self.padding).long()).logits

    def longest_text(self, context: int) -> int:
        """Return how many tokens of a text the network can read, at most `context`.

        It is tried out, as architectures count positions in their own ways: RoBERTa's begin after the number of its
        padding token, so that 514 are enough for 512 tokens. Raises ModelError where it reads no text at all.
        """
        declared = getattr(self.network.config, "max_position_embeddings", None)
        if isinstance(declared, int) and declared > 0:  # some have none, or -1
            context = min(context, declared)
        if self._failure(context) is None:
            return context
        read = bisect_left(range(1, context), True, key=lambda length: self._failure(length) is not None)
        require(read > 0, f"its network fails on texts ({self._failure(1)}): take another model")
        return read

    @torch.no_grad()
    def _failure(self, length: int) -> str | None:
        """Say why the network cannot read a text of `length` tokens without padding; None where it can."""
        was_training = self.training
        try:
            self.eval()(torch.full((1, length), int(self.padding == 0)))
            return None
        except Exception as error:  # of many types
            return f"{one_line(error):.200}"
        finally:
            self.train(was_training)


def classifier(folder: str, classes: int) -> SequenceClassifier:
    """Load the classifier of a folder, with a head for `classes`. Raises ModelError with one line."""
    settings, transformers = check_folder(folder), _package()
    check_architecture(folder, settings, transformers)
    try:
        network, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
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
        problem = f"transformers cannot load '{folder}' ({one_line(error):.200})"
        raise ModelError(f"{problem}: correct its {SETTINGS}, or save the model again") from error
    _require_all_but_the_head(folder, network, loaded)
    broken = [name for name, value in network.state_dict().items() if not value.isfinite().all()]
    require(not broken, f"the weights in '{folder}' are not all numbers, first in '{(*broken, '')[0]}': {AGAIN}")
    padding = network.config.pad_token_id
    require(
        isinstance(padding, int),
        f"'{folder}' has no pad_token_id in {SETTINGS}: add it (a model without padding, such as GPT-2, takes its "
        "eos_token_id)",
    )
    return SequenceClassifier(network, padding)


def _package() -> Any:
    """The package transformers, which is optional. Raises ModelError."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the package is imported
    try:
        transformers: Any = importlib.import_module("transformers")
        transformers.logging.set_verbosity_error()  # which tells of every head that is drawn
        transformers.logging.disable_progress_bar()
    except ImportError as error:
        raise ModelError(missing_package("transformers", "hugging-face", error)) from error
    return transformers


def _require_all_but_the_head(folder: str, network: Any, loaded: Mapping[str, Any]) -> None:
    """Refuse files that lack weights of the base model, have them in other sizes, or have more layers than it.

    They would be drawn or left out, silently. The head is drawn in any case, and so is the pooler before it, which
    models of masked language do not have.
    """
    base = f"{network.base_model_prefix}."
    layers = {_numberless(name) for name in network.state_dict()}
    other = [one if isinstance(one, str) else one[0] for one in loaded["mismatched_keys"]]
    more = [name for name in loaded["unexpected_keys"] if {_numberless(name), base + _numberless(name)} & layers]
    for names, fault in (
        ([name for name in loaded["missing_keys"] if name.startswith(base)], "is missing"),
        ([name for name in other if name.startswith(base)], "has another size than config.json says"),
        (more, "is of a layer that config.json does not count"),
    ):
        wrong = sorted(name for name in names if "pooler" not in name)
        first, rest = (*wrong, "")[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        problem = f"the weights in '{folder}' are not those of its {SETTINGS}: '{first}' {fault}{rest}"
        require(not wrong, f"{problem}: {AGAIN}")


def _numberless(name: str) -> str:
    """The name of a weight in whichever layer."""
    return re.sub(r"\d+", "#", name)


def _prunable(network: Any) -> dict[str, str]:
    """The matrices of attention and MLP by name -> kind: what is in the base model but embeddings and the pooler."""
    embedded = {id(part.weight) for part in network.modules() if isinstance(part, nn.Embedding)}
    base = f"network.{network.base_model_prefix}."
    kinds = {}
    for name, value in network.named_parameters(prefix="network"):
        inner = name.removeprefix(base)
        if value.ndim != 2 or inner == name or id(value) in embedded or "embed" in inner or "pooler" in inner:
            continue
        kinds[name] = "attention" if any(word in inner.lower() for word in ATTENTION) else "hidden"
    return kinds
