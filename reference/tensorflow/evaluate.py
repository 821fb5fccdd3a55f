"""Step 6, evaluate: the share of the test images that the model gets right."""

from __future__ import annotations

import tensorflow as tf


def evaluate(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    labels: tf.Tensor,
    *,
    batch_size: int,
) -> tuple[float, float | None]:
    """Accuracy (a fraction) and mean loss as Keras's evaluate() reports them."""
    model.compile(loss=loss_function, metrics=["accuracy"])
    loss, accuracy = model.evaluate(inputs, targets, batch_size, verbose=0)
    return float(accuracy), float(loss)


def predictions(model: tf.keras.Model, inputs: tf.Tensor) -> tf.Tensor:
    """The most probable class of every example, integer (n,)."""
    return tf.argmax(model(inputs), axis=1)


VARIANTS = {"evaluate": evaluate}
DEFAULT = "evaluate"
