#!/usr/bin/env bash
# PyTorch 2.12.1: a module that torch.nn.utils.prune has pruned keeps `weight` as an attribute that a hook computes before
# every forward pass. load_state_dict changes `weight_orig` and `weight_mask` only: until the next forward pass `weight`,
# which is what everybody reads, has the old values under the old mask. A sparsity, a norm or a plot made right after
# loading a checkpoint is that of the network before.
# Seen: after loading a checkpoint with 25% of its weights, `weight` still has all of its weights; after a forward pass 25%.
# In lth a ticket's weights are plain parameters with zeros, so that what is loaded is what is read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.nn.utils import prune


def kept(layer):
    return float((layer.weight != 0).float().mean())


torch.manual_seed(0)
sparse, loaded = nn.Linear(8, 8), nn.Linear(8, 8)
prune.l1_unstructured(sparse, "weight", 0.75)
prune.identity(loaded, "weight")
loaded.load_state_dict(sparse.state_dict())
at_once = kept(loaded)
loaded(torch.ones(1, 8))
print(torch.__version__, "kept after loading:", at_once, "and after a forward pass:", kept(loaded))
assert (kept(sparse), at_once, kept(loaded)) == (0.25, 1.0, 0.25)
PYTHON
