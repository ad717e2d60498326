#!/usr/bin/env bash
# PyTorch 2.12.1: torch.ao.pruning.WeightNormSparsifier prunes the weights of linear layers. A convolution can be named
# in its config, and `prepare` takes it and attaches a mask, but `step` ends with a RuntimeError about shapes, with any
# blocks, of 1x1 (single weights), too: masks are computed for matrices only.
# Seen: single weights and blocks of four of Linear(16, 8) are pruned; of Conv2d(4, 8, 3) each raises RuntimeError.
# In lth every criterion works on weights of any shape.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier


def pruned(layer, block):
    network = nn.Sequential(layer)
    sparsifier = WeightNormSparsifier(0.5, sparse_block_shape=block, zeros_per_block=block[0] * block[1])
    sparsifier.prepare(network, [{"tensor_fqn": "0.weight"}])
    try:
        sparsifier.step()
    except RuntimeError as error:
        return type(error).__name__
    return 1 - float(layer.parametrizations.weight[0].mask.float().mean())


torch.manual_seed(0)
seen = {}
for block in ((1, 1), (1, 4)):
    seen["linear", block] = pruned(nn.Linear(16, 8, bias=False), block)
    seen["convolution", block] = pruned(nn.Conv2d(4, 8, 3, bias=False), block)
print(torch.__version__, "pruned at level 0.5:", seen)
assert [seen["linear", block] for block in ((1, 1), (1, 4))] == [0.5, 0.5]
assert [seen["convolution", block] for block in ((1, 1), (1, 4))] == ["RuntimeError", "RuntimeError"]
PYTHON
