"""The network in PyTorch. Every step that is not written here is the one of reference/pytorch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from reference.pytorch import data, model
from reference.pytorch.model import Rescaling

EXAMPLES = {"train": 2_016, "test": 500}


class ChannelsLast(nn.Module):
    """(n, channels, height, width) -> (n, height, width, channels), the order in which Keras flattens."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same values, permuted."""
        return images.permute(0, 2, 3, 1)


def load(dataset: str, directory: str, split: str, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images and labels of the data set."""
    images, labels = data.load(dataset, directory, split, source)
    return images[: EXAMPLES[split]], labels[: EXAMPLES[split]]


def build_model(workload: object, preprocessing: str) -> nn.Sequential:
    """Convolution with tanh, average pooling, log-softmax over 10 classes."""
    first: OrderedDict[str, nn.Module] = OrderedDict()
    if preprocessing == "inside":
        first.update(rescale=Rescaling(), flatten=nn.Flatten())
    return nn.Sequential(
        OrderedDict(
            first,
            reshape=nn.Unflatten(1, (1, 28, 28)),
            convolution=nn.Conv2d(1, 4, 5),
            tanh=nn.Tanh(),
            pool=nn.AvgPool2d(4),
            channels_last=ChannelsLast(),
            join=nn.Flatten(),
            output=nn.Linear(144, 10),
            log_softmax=nn.LogSoftmax(dim=1),
        )
    )


def glorot_weights(network: nn.Sequential, seed: int) -> None:
    """Seed everything, then draw every kernel Glorot-uniform and set every bias to zero."""
    model.seed_everything(seed)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
