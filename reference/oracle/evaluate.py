"""Step 6: accuracy on the test images."""

from __future__ import annotations

import numpy as np

from reference.oracle import data
from reference.oracle.model import Model, logits
from reference.oracle.objective import LossFunction


def batched(
    model: Model,
    loss_function: LossFunction,
    inputs: np.ndarray,
    targets: np.ndarray,
    labels: np.ndarray,
    *,
    batch_size: int,
) -> tuple[float, float]:
    """The fraction of images whose largest logit is the label's, and the mean loss per image."""
    correct, total = 0, 0.0
    for chosen, _ in data.batches(np.arange(len(inputs)), labels, batch_size):
        scores = logits(model, inputs[chosen])
        correct += int(np.sum(np.argmax(scores, axis=-1) == labels[chosen]))
        total += float(loss_function(model.arithmetic, scores, targets[chosen])[0]) * len(chosen)
    return correct / len(inputs), total / len(inputs)


def predictions(model: Model, inputs: np.ndarray) -> np.ndarray:
    """The class with the largest logit, int64 (n,); the first of several that are equal."""
    classes: np.ndarray = np.argmax(logits(model, inputs), axis=-1)
    return classes


DEFAULT = "batched"
VARIANTS = {"batched": batched}
