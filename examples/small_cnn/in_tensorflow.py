"""The network in Keras. Every step that is not written here is the one of reference/tensorflow."""

from __future__ import annotations

import tensorflow as tf

from reference.tensorflow import data, model

EXAMPLES = {"train": 2_016, "test": 500}


def load(dataset: str, directory: str, split: str, source: str) -> tuple[tf.Tensor, tf.Tensor]:
    """The first images and labels of the data set."""
    images, labels = data.load(dataset, directory, split, source)
    return images[: EXAMPLES[split]], labels[: EXAMPLES[split]]


def build_model(workload: object, preprocessing: str) -> tf.keras.Sequential:
    """Convolution with tanh, average pooling, softmax over 10 classes."""
    layers = tf.keras.layers
    first = [tf.keras.Input((784,))]
    if preprocessing == "inside":
        first = [
            tf.keras.Input((28, 28), dtype="uint8"),
            layers.Rescaling(1 / 255, name="rescale"),
            layers.Flatten(name="flatten"),
        ]
    return tf.keras.Sequential(
        [
            *first,
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(4, 5, activation="tanh", name="convolution"),
            layers.AveragePooling2D(4),
            layers.Flatten(name="join"),
            layers.Dense(10, activation="softmax", name="output"),
        ]
    )


def glorot_weights(network: tf.keras.Sequential, seed: int) -> None:
    """Seed everything, then draw every kernel Glorot-uniform and set every bias to zero."""
    model.seed_everything(seed)
    for variable in network.trainable_variables:
        kernel = len(variable.shape) > 1
        draw = tf.keras.initializers.GlorotUniform() if kernel else tf.zeros
        variable.assign(draw(variable.shape))
