"""Folders of models as `save_pretrained` writes them, looked at before their weights are loaded; free of torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from lth_core.models.requirements import ModelError, require

SETTINGS, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
AGAIN = "copy the folder again, or save the model again (save_pretrained)"
POINTER = b"version https://git-lfs"
"""What stands in place of a large file where Git LFS has not fetched it."""


def check_folder(folder: str) -> Mapping[str, Any]:
    """Check that a folder has settings and safetensors that can be read, and return the settings. Raises ModelError."""
    settings = _read_settings(folder)
    for name in _weight_files(folder):
        _check_weights(folder, name)
    return settings


def check_architecture(folder: str, settings: Mapping[str, Any], transformers: Any) -> None:
    """Check that the package has a sequence classifier for what the settings name. Raises ModelError."""
    kind, version = settings.get("model_type"), f"transformers {transformers.__version__}"
    require(isinstance(kind, str), f"'{folder}' has no model_type in {SETTINGS}: {AGAIN}")
    if kind not in transformers.CONFIG_MAPPING:
        unknown, advice = f"which {version} does not know", f"correct model_type in {SETTINGS}, or install a newer one"
        if "auto_map" in settings:
            unknown, advice = "which needs code of its own (auto_map), and none is executed", "take another model"
        raise ModelError(f"'{folder}' holds a '{kind}', {unknown}: {advice}")
    classifiers = transformers.models.auto.modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    require(
        kind in classifiers,
        f"'{folder}' holds a '{kind}', of which {version} has no sequence classifier: take a model of texts, such as "
        "BERT, RoBERTa or GPT-2",
    )


def _read_settings(folder: str) -> Mapping[str, Any]:
    path = Path(folder, SETTINGS)
    require(path.is_file(), f"'{folder}' has no {SETTINGS}: give the folder of a saved model")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no UTF-8 or no JSON
        raise ModelError(f"'{folder}' has a damaged {SETTINGS} ({error}): {AGAIN}") from error
    require(isinstance(settings, dict), f"'{folder}' has a damaged {SETTINGS} (no settings by name): {AGAIN}")
    return settings


def _weight_files(folder: str) -> list[str]:
    """The files of weights: one, or those that the index names."""
    if Path(folder, WEIGHTS).is_file():
        return [WEIGHTS]
    if Path(folder, INDEX).is_file():
        try:
            files = sorted({*json.loads(Path(folder, INDEX).read_text(encoding="utf-8"))["weight_map"].values()})
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelError(f"'{folder}' has a damaged {INDEX}: {AGAIN}") from error
        missing = [name for name in files if not Path(folder, name).is_file()]
        require(not missing, f"'{folder}' lacks {', '.join(missing)}, which {INDEX} names: copy the whole folder")
        return files
    pickled = [file.name for file in sorted(Path(folder).glob("*.bin"))]
    have = f"only '{pickled[0]}', which could run code when it is read" if pickled else f"no {WEIGHTS}"
    raise ModelError(f"'{folder}' has {have}: save it with safetensors (save_pretrained does)")


def _check_weights(folder: str, name: str) -> None:
    path = Path(folder, name)
    with path.open("rb") as file:
        pointer = file.read(len(POINTER)) == POINTER
    require(not pointer, f"'{folder}' has a pointer of Git LFS in place of {name}: fetch it there (git lfs pull)")
    try:
        with safe_open(str(path), framework="numpy"):
            pass  # which compares the size of the file with what its header says
    except (SafetensorError, OSError) as error:
        raise ModelError(f"'{folder}' has a damaged {name} ({error}): {AGAIN}") from error
