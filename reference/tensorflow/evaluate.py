"""Step 6, evaluate: the share of the test images that the model gets right."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any  # tf.Tensor
Model = Any  # tf.keras.Model
Loss = Any  # tf.keras.losses.Loss


def evaluate(
    model: Model, loss_function: Loss, inputs: Tensor, targets: Tensor, labels: Tensor, *, batch_size: int
) -> tuple[float, float | None]:
    """Accuracy (a fraction) and mean loss as Keras's evaluate() reports them."""
    model.compile(loss=loss_function, metrics=["accuracy"])
    loss, accuracy = model.evaluate(inputs, targets, batch_size, verbose=0)
    return float(accuracy), float(loss)


def predictions(model: Model, inputs: Tensor) -> Tensor:
    """The most probable class of every example, integer (n,)."""
    return tf.argmax(model(inputs), axis=1)


VARIANTS = {"evaluate": evaluate}
DEFAULT = "evaluate"
