"""A plugin whose network declares what is pruned of it: an embedding, a frozen layer, an LSTM and attention."""

from __future__ import annotations

from lth_core.registry import model


@model("reader")
def reader(classes, input_shape, units=8):
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 8)
            self.mix = nn.Linear(8, 8).requires_grad_(False)
            self.read = nn.LSTM(8, units, batch_first=True)
            self.attend = nn.MultiheadAttention(units, 2, batch_first=True)
            self.scores = nn.Linear(units, classes)
            self.table.prunable = {"weight": "embedding"}
            self.mix.prunable = {"weight": "hidden"}
            self.read.prunable = {"weight_ih_l0": "recurrent"}
            self.attend.prunable = {"in_proj_weight": "attention", "out_proj.weight": "attention"}

        def forward(self, images):
            tokens = (images.squeeze(1) * 2).long().clamp(-2, 2) + 2
            states, _ = self.read(self.mix(self.table(tokens).mean(2)))
            return self.scores(self.attend(states, states, states)[0].mean(1))

    return Reader()
