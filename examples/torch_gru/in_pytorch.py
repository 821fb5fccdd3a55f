"""The network. Every step that is not written here is the one of reference/pytorch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from reference.pytorch import data, model
from reference.pytorch.model import Rescaling

EXAMPLES = {"train": 1_024, "test": 500}
CELLS = 16


class LastState(nn.Module):
    """Reads an image row by row, (n, 28, 28), and gives the last state of its cells, (n, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.GRU(28, CELLS, batch_first=True)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The state after the last row."""
        states, _ = self.cells(rows)
        return states[:, -1]


def load(dataset: str, directory: str, split: str, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images and labels of the data set."""
    images, labels = data.load(dataset, directory, split, source)
    return images[: EXAMPLES[split]], labels[: EXAMPLES[split]]


def build_model(workload: object, preprocessing: str) -> nn.Sequential:
    """GRU over the rows, log-softmax over 10 classes."""
    first: OrderedDict[str, nn.Module] = OrderedDict()
    if preprocessing == "inside":
        first.update(rescale=Rescaling(), flatten=nn.Flatten())
    return nn.Sequential(
        OrderedDict(
            first,
            rows=nn.Unflatten(1, (28, 28)),
            gru=LastState(),
            output=nn.Linear(CELLS, 10),
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
