#!/usr/bin/env bash
# PyTorch 2.12.1: load_state_dict of a module copies values, that of an optimizer takes over the tensors themselves
# (since a deep copy was left out, to save memory). A state that was deep-copied at the rewind step is right for one
# rewind only: the first training afterwards changes the momentum in the saved state, and the second ticket begins with
# momentum from the end of the first one's training. After torch.load from a file, each load has tensors of its own.
# Seen: of one checkpoint that is loaded into a network and an optimizer and then trained from, weights are as saved, and
# momentum is not.
# In lth every job reads its starting point from a file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from copy import deepcopy

import torch
from torch import nn

torch.manual_seed(0)
network = nn.Linear(4, 3)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)


def step():
    optimizer.zero_grad()
    network(torch.ones(1, 4)).sum().backward()
    optimizer.step()


step()
saved = deepcopy({"network": network.state_dict(), "optimizer": optimizer.state_dict()})
as_saved = deepcopy(saved)
network.load_state_dict(saved["network"])
optimizer.load_state_dict(saved["optimizer"])
step()
weights = torch.equal(saved["network"]["weight"], as_saved["network"]["weight"])
momentum = [one["optimizer"]["state"][0]["momentum_buffer"] for one in (saved, as_saved)]
print(torch.__version__, "after training: weights as saved:", weights, "momentum as saved:", torch.equal(*momentum))
assert weights and not torch.equal(*momentum)
PYTHON
