"""Operations of networks, by what they do to channels: torch's layers, its functions, names of methods."""

from __future__ import annotations

import operator

import torch
from torch import nn
from torch.nn import functional

ELEMENTWISE = {
    *(nn.Identity, nn.Dropout, nn.Dropout2d, functional.dropout, functional.dropout2d),  # out of training
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus),
    *(functional.relu, functional.relu6, functional.leaky_relu, functional.elu, functional.selu, functional.gelu),
    *(functional.silu, functional.softplus, torch.relu, torch.tanh, torch.sigmoid),
    *("relu", "relu_", "tanh", "sigmoid", "contiguous"),
}
POOLING = {
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
    *(functional.max_pool1d, functional.max_pool2d, functional.avg_pool1d, functional.avg_pool2d),
    *(functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d),
    *(functional.adaptive_max_pool1d, functional.adaptive_max_pool2d),
    *(torch.mean, torch.sum, torch.amax, "mean", "sum", "amax"),
}
RESHAPING = {nn.Flatten, torch.flatten, torch.reshape, "flatten", "reshape", "view"}
COMBINING = {
    *(operator.add, operator.iadd, operator.sub, operator.mul, operator.imul),
    *(torch.add, torch.mul, "add", "add_"),
}
CONCATENATING = {torch.cat, torch.concat, torch.concatenate}
