"""Step 3, model: 784 pixels -> hidden layer, sigmoid -> output layer, log-softmax."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

from ..workloads import Workload
from .data import from_numpy, to_numpy
from .imports import device


def seed_everything(seed: int) -> None:
    """Seed every generator of random numbers that PyTorch uses."""
    torch.manual_seed(seed)


def build_model(workload: Workload, preprocessing: str = "outside") -> nn.Sequential:
    """The model on the chosen device, initialised as PyTorch does by default.

    preprocessing "outside": it takes float32 (n, 784); "inside": it takes raw images, uint8 (n, 28, 28).
    """
    height, width = workload.image_shape
    first: OrderedDict[str, nn.Module] = OrderedDict()
    if preprocessing == "inside":
        first["rescale"] = Rescaling()
        first["flatten"] = nn.Flatten()
    layers = OrderedDict(
        first,
        hidden=nn.Linear(height * width, workload.hidden_units),
        sigmoid=nn.Sigmoid(),
        output=nn.Linear(workload.hidden_units, workload.classes),
        log_softmax=nn.LogSoftmax(dim=1),
    )
    return nn.Sequential(layers).to(device())


class Rescaling(nn.Module):  # type: ignore[misc]
    """Raw images, uint8 -> float32 between 0 and 1."""

    def forward(self, images: Tensor) -> Tensor:
        """Any shape; the same shape."""
        return images.float() / 255


def glorot_weights(model: nn.Module, seed: int) -> None:
    """Seed everything, then draw every kernel Glorot-uniform and set every bias to zero."""
    seed_everything(seed)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def preprocess_inside(model: nn.Module, images: Tensor) -> Tensor:
    """What the first layers of a model built with preprocessing "inside" make of raw images: float32 (n, 784)."""
    return model.flatten(model.rescale(images))


def logits(model: nn.Module, inputs: Tensor) -> Tensor:
    """What the output layer hands to the log-softmax, float32 (n, classes)."""
    return model[:-1](inputs)


def probabilities(model: nn.Module, inputs: Tensor) -> Tensor:
    """The probability of every class, float32 (n, classes)."""
    return model(inputs).exp()


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters under PyTorch's names: hidden.weight, hidden.bias, output.weight, output.bias."""
    return dict(model.named_parameters())


def get_weights(model: nn.Module) -> dict[str, np.ndarray]:
    """A copy of every parameter; weights are (units, inputs)."""
    return {name: to_numpy(parameter).copy() for name, parameter in parameters(model).items()}


def set_weights(model: nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Copy the arrays into the parameters of the same names. Raises KeyError where one is missing."""
    with torch.no_grad():
        for name, parameter in parameters(model).items():
            parameter.copy_(from_numpy(weights[name]))


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Layer name -> number of its parameters, for every layer that has any."""
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in model.named_children()}
    return {name: count for name, count in counts.items() if count}
