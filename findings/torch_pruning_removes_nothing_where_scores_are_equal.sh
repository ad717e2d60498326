#!/usr/bin/env bash
# Torch-Pruning 1.6.1: with global_pruning, channels are removed that score below a threshold, strictly or not, so that
# equal scores stay or go together. The scales of batch norms are all 1 before training: the pruner of "network slimming"
# (BNScaleImportance), which early-bird tickets use, is asked for half of all channels of a new network, removes none, and
# says nothing. With the same importance layer by layer it removes half.
# Seen: of 3 times 16 channels, 8 are left in each layer without global_pruning, 16 with it.
# In lth, where scores are equal, what is kept still has the density that was asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 torch-pruning==1.6.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import torch
import torch_pruning
from torch import nn


def block(channels, filters):
    return nn.Sequential(nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU())


def channels_left(everywhere):
    network = nn.Sequential(block(3, 16), block(16, 16), block(16, 16), nn.Flatten(), nn.Linear(16 * 64, 10))
    pruner = torch_pruning.pruner.MetaPruner(
        network,
        torch.zeros(1, 3, 8, 8),
        importance=torch_pruning.importance.BNScaleImportance(),
        pruning_ratio=0.5,
        global_pruning=everywhere,
        ignored_layers=[network[-1]],
    )
    pruner.step()
    return [network[layer][0].out_channels for layer in range(3)]


torch.manual_seed(0)
seen = {"layer by layer": channels_left(False), "globally": channels_left(True)}
print("Torch-Pruning", version("torch-pruning"), "channels left of 16:", seen)
assert seen == {"layer by layer": [8, 8, 8], "globally": [16, 16, 16]}
PYTHON
