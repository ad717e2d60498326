#!/usr/bin/env bash
# torch 2.12.1 on a CPU: torch.func.vmap refuses nn.LSTM (there is no batching rule for aten::lstm.input, and no fallback),
# though it follows attention; and torch.func.grad of grad refuses scaled_dot_product_attention (its fused backward pass
# for CPUs has no derivative), though it differentiates nn.LSTM twice. A loop over time and attention written out of
# products and softmax have both. So code for stacked networks, or for criteria that look at curvature, that works for the
# one of the two usual language models fails for the other.
# Seen: vmap: lstm RuntimeError, attention works; grad of grad: lstm works, attention RuntimeError, written out works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.12.1 numpy==2.4.6
cat > "$folder/derivatives.py" <<'PYTHON'
import warnings

import torch
from torch import nn
from torch.func import functional_call, vmap

warnings.simplefilter("ignore")
torch.manual_seed(0)
lstm = nn.LSTM(4, 4, batch_first=True)
inputs = torch.randn(2, 3, 4)


def by_lstm(parameters):
    return functional_call(lstm, parameters, (inputs,))[0].sum()


def by_attention(parameters):
    values = (inputs @ parameters["weight"])[:, None]
    return nn.functional.scaled_dot_product_attention(values, values, values, is_causal=True).square().sum()


def written_out(parameters):
    values = inputs @ parameters["weight"]
    hidden = torch.full((3, 3), float("-inf")).triu(1)
    return (((values @ values.mT) / 2 + hidden).softmax(-1) @ values).square().sum()


def tried(what, work):
    try:
        work()
        print(what, "works")
    except RuntimeError as error:
        print(what, "RuntimeError:", str(error).splitlines()[0][:90])


def twice(loss, parameters):
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    first = torch.autograd.grad(loss(leaves), list(leaves.values()), create_graph=True)
    torch.autograd.grad(sum(gradient.square().sum() for gradient in first), list(leaves.values()))


weights = {"lstm": dict(lstm.named_parameters()), "attention": {"weight": torch.randn(4, 4)}}
stacked = {name: {key: torch.stack([value.detach()] * 2) for key, value in of.items()} for name, of in weights.items()}
for name, loss in (("lstm", by_lstm), ("attention", by_attention), ("written out", written_out)):
    key = "lstm" if name == "lstm" else "attention"
    tried(f"vmap, {name}:", lambda: vmap(loss)(stacked[key]))
    tried(f"grad of grad, {name}:", lambda: twice(loss, {k: v.detach() for k, v in weights[key].items()}))
PYTHON
"$folder/venv/bin/python" "$folder/derivatives.py" | tee "$folder/seen"
grep -q "^vmap, lstm: RuntimeError" "$folder/seen"
grep -qx "grad of grad, lstm: works" "$folder/seen"
grep -qx "vmap, attention: works" "$folder/seen"
grep -q "^grad of grad, attention: RuntimeError" "$folder/seen"
grep -qx "vmap, written out: works" "$folder/seen"
grep -qx "grad of grad, written out: works" "$folder/seen"
