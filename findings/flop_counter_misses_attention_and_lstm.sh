#!/usr/bin/env bash
# torch 2.12.1, CPU: torch.utils.flop_counter.FlopCounterMode counts 0 floating-point operations for nn.LSTM and for
# nn.MultiheadAttention, which run in fused operators that it has no formula for; nn.GRU of the same size is counted.
# Seen: LSTM 0, MultiheadAttention 0, GRU 768 (and Linear 32, as a check of the counter).
# A cost that is estimated from it is that of a network without its largest layers, without a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def counted(module, *inputs):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.eval()(*inputs)
    return counter.get_total_flops()


sequence = torch.randn(1, 4, 4)
counts = {
    "LSTM": counted(nn.LSTM(4, 4, batch_first=True), sequence),
    "MultiheadAttention": counted(nn.MultiheadAttention(4, 2, batch_first=True), sequence, sequence, sequence),
    "GRU": counted(nn.GRU(4, 4, batch_first=True), sequence),
    "Linear": counted(nn.Linear(4, 4), torch.randn(1, 4)),
}
print(torch.__version__, counts)
assert counts["LSTM"] == counts["MultiheadAttention"] == 0
assert counts["GRU"] == 768 and counts["Linear"] == 32
PYTHON
