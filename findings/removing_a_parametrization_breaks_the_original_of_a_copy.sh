#!/usr/bin/env bash
# torch 2.12.1: copy.deepcopy of a module with a parametrized weight gives the copy the same generated class as the
# original, and torch.nn.utils.parametrize.remove_parametrizations deletes the property `weight` from that class. Baking
# a mask into a copy therefore breaks the original.
# Seen: AttributeError: 'ParametrizedLinear' object has no attribute 'weight'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import copy

import torch
from torch import nn
from torch.nn.utils import parametrize


class Halved(nn.Module):
    def forward(self, weight):
        return weight * 0.5


original = nn.Linear(2, 2)
parametrize.register_parametrization(original, "weight", Halved())
other = copy.deepcopy(original)
original(torch.ones(1, 2))
parametrize.remove_parametrizations(other, "weight")
try:
    original(torch.ones(1, 2))
except AttributeError as error:
    print(torch.__version__, error)
    assert str(error) == "'ParametrizedLinear' object has no attribute 'weight'"
else:
    raise SystemExit("the original still works")
PYTHON
