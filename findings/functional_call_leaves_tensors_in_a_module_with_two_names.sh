#!/usr/bin/env bash
# torch 2.12.1: torch.func.functional_call on a module that is registered under two names, such as a layer that is applied
# twice, leaves the given tensors in the module when it returns, so that later calls compute with them. It puts each tensor
# in once per name, and the second time takes the given one for the module's.
# Seen: the weight is [[1.0, 1.0], [1.0, 1.0]] before and [[7.0, 7.0], [7.0, 7.0]] after; under one name it stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.func import functional_call


def weight_after(network):
    with torch.no_grad():
        network[0].weight.fill_(1)
    given = {name: torch.full_like(value, 7) for name, value in network.named_parameters()}
    functional_call(network, given, (torch.ones(1, 2),))
    return network[0].weight.tolist()


layer = nn.Linear(2, 2, bias=False)
once, twice = weight_after(nn.Sequential(layer)), weight_after(nn.Sequential(layer, layer))
print(torch.__version__, "one name:", once, "two names:", twice)
assert once == [[1, 1], [1, 1]]
assert twice == [[7, 7], [7, 7]]
PYTHON
