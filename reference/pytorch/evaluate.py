"""Step 6, evaluate: the share of the test images that the model gets right."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def image_by_image(
    model: nn.Module, loss_function: nn.Module, inputs: Tensor, targets: Tensor, labels: Tensor, *, batch_size: int
) -> tuple[float, float | None]:
    """Accuracy (a fraction) counted one image at a time, as tutorials do; no loss."""
    correct = 0
    for image, label in zip(inputs, labels):
        with torch.no_grad():
            probabilities = list(model(image[None]).exp()[0].cpu().numpy())
        if probabilities.index(max(probabilities)) == label:
            correct += 1
    return correct / len(inputs), None


def batched(
    model: nn.Module, loss_function: nn.Module, inputs: Tensor, targets: Tensor, labels: Tensor, *, batch_size: int
) -> tuple[float, float | None]:
    """Accuracy (a fraction) and mean loss, a batch at a time."""
    correct, total = 0, 0.0
    with torch.no_grad():
        for batch_inputs, batch_targets in zip(inputs.split(batch_size), targets.split(batch_size)):
            outputs = model(batch_inputs)
            correct += (outputs.argmax(dim=1) == batch_targets).sum().item()
            total += loss_function(outputs, batch_targets).item() * len(batch_inputs)
    return correct / len(inputs), total / len(inputs)


def predictions(model: nn.Module, inputs: Tensor) -> Tensor:
    """The most probable class of every example, integer (n,)."""
    with torch.no_grad():
        return model(inputs).argmax(dim=1)


VARIANTS = {"image_by_image": image_by_image, "batched": batched}
DEFAULT = "batched"
