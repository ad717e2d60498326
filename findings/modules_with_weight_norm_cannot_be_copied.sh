#!/usr/bin/env bash
# torch 2.12.1: copy.deepcopy of a module with torch.nn.utils.weight_norm raises after a forward pass whose gradients are
# recorded, because the layer keeps the weight that was computed. After one under torch.no_grad() it works, and so it does
# with torch.nn.utils.parametrizations.weight_norm.
# Seen: RuntimeError: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore::FutureWarning - <<'PYTHON'
import copy

import torch
from torch import nn


def copied(norm, grad):
    layer = norm(nn.Linear(2, 2))
    with torch.set_grad_enabled(grad):
        layer(torch.ones(1, 2))
    try:
        copy.deepcopy(layer)
    except RuntimeError as error:
        return str(error).split(".")[0]
    return "copied"


old, new = nn.utils.weight_norm, nn.utils.parametrizations.weight_norm
print(torch.__version__, "after a forward pass:", copied(old, True))
print("after one without gradients:", copied(old, False), "- parametrization:", copied(new, True))
assert copied(old, True).startswith("Only Tensors created explicitly by the user (graph leaves) support the deepcopy")
assert copied(old, False) == copied(new, True) == "copied"
PYTHON
