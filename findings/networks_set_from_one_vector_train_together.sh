#!/usr/bin/env bash
# PyTorch 2.12.1: torch.nn.utils.vector_to_parameters does not copy: each parameter becomes a view of the vector. Two
# networks that are set to the same point, as at the start of a study of mode connectivity or of two rewound tickets,
# have the same memory from then on: a step of one trains both, and moves the point itself.
# Seen: one step of SGD on the first network moves the second and the vector by exactly as much as the first.
# In lth weights are copied wherever networks begin from the same ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters


def flat(network):
    return parameters_to_vector(network.parameters()).detach()


torch.manual_seed(0)
first, second = nn.Linear(4, 3), nn.Linear(4, 3)
point = flat(nn.Linear(4, 3)).clone()
start = point.clone()
for network in (first, second):
    vector_to_parameters(point, network.parameters())
first(torch.ones(1, 4)).sum().backward()
torch.optim.SGD(first.parameters(), lr=0.1).step()
moved = {name: float((now - start).norm()) for name, now in (("first", flat(first)), ("second", flat(second)), ("vector", point))}
print(torch.__version__, "how far one step of the first network moves:", moved)
assert moved["first"] > 0
assert moved["first"] == moved["second"] == moved["vector"]
PYTHON
