#!/usr/bin/env bash
# timm 1.0.31: create_model("resnet18") begins every residual branch with 0: the scale of its last batch norm is 0
# (zero_init_last=True), while torchvision's resnet18 begins with 1. No gradient reaches the convolutions of a branch, so
# that their saliency |w g| is exactly 0 at initialization: pruning before training (SNIP, GraSP) by one global ranking
# empties whole branches first, and equal scores of 0 are ranked by chance or by position.
# Seen: timm: 16 of 20 convolutions have scores of 0 only; torchvision: 0 of 20.
# lth draws batch norm itself (`initialization.batchnorm`, by default scales of 1); a network with `weights: as-built` keeps
# its zeros, and layers that lose all weights are named on the page.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 torchvision==0.27.1 timm==1.0.31
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import timm
import torch
from torchvision.models import resnet18


def without_saliency(network):
    """How many convolutions have scores of 0 only, and how many there are."""
    torch.manual_seed(0)
    images, labels = torch.randn(16, 3, 64, 64), torch.randint(10, (16,))
    torch.nn.functional.cross_entropy(network.train()(images), labels).backward()
    zero = [bool((weight * weight.grad == 0).all()) for weight in network.parameters() if weight.dim() == 4]
    return sum(zero), len(zero)


seen = without_saliency(timm.create_model("resnet18", num_classes=10)), without_saliency(resnet18(num_classes=10))
print("timm:", seen[0], "torchvision:", seen[1])
assert seen == ((16, 20), (0, 20))
PYTHON
