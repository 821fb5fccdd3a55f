"""The toy's own steps; every other one is reference.pytorch's."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from reference.pytorch import data
from reference.pytorch.model import Rescaling

EXAMPLES = {"train": 1000, "test": 200}


def load(dataset: str, directory: str, split: str, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images and labels of MNIST."""
    images, labels = data.load(dataset, directory, split, source)
    return images[: EXAMPLES[split]], labels[: EXAMPLES[split]]


def build_model(workload: object, preprocessing: str) -> nn.Sequential:
    """784 pixels -> 8 rectified units -> log-softmax over 10 classes."""
    first: OrderedDict[str, nn.Module] = OrderedDict()
    if preprocessing == "inside":
        first.update(rescale=Rescaling(), flatten=nn.Flatten())
    layers = OrderedDict(
        first,
        hidden=nn.Linear(784, 8),
        rectify=nn.ReLU(),
        output=nn.Linear(8, 10),
        log_softmax=nn.LogSoftmax(dim=1),
    )
    return nn.Sequential(layers)
