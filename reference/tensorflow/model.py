"""Step 3, model: 784 pixels -> hidden layer, sigmoid -> output layer, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..workloads import Workload


def seed_everything(seed: int) -> None:
    """Seed every generator of random numbers that TensorFlow and Keras use."""
    tf.keras.utils.set_random_seed(seed)


def build_model(workload: Workload, preprocessing: str = "outside") -> tf.keras.Sequential:
    """The model, initialised as Keras does by default.

    preprocessing "outside": it takes float32 (n, 784); "inside": it takes raw images, uint8 (n, 28, 28).
    """
    height, width = workload.image_shape
    if preprocessing == "inside":
        first = [
            tf.keras.Input((height, width), dtype="uint8"),
            tf.keras.layers.Rescaling(1 / 255, name="rescale"),
            tf.keras.layers.Flatten(name="flatten"),
        ]
    else:
        first = [tf.keras.Input((height * width,))]
    return tf.keras.Sequential(
        [
            *first,
            tf.keras.layers.Dense(workload.hidden_units, activation="sigmoid", name="hidden"),
            tf.keras.layers.Dense(workload.classes, activation="softmax", name="output"),
        ]
    )


def glorot_weights(model: tf.keras.Model, seed: int) -> None:
    """Seed everything, then draw every kernel Glorot-uniform and set every bias to zero."""
    seed_everything(seed)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dense):
            layer.kernel.assign(tf.keras.initializers.GlorotUniform()(layer.kernel.shape))
            layer.bias.assign(tf.zeros_like(layer.bias))


def preprocess_inside(model: tf.keras.Model, images: tf.Tensor) -> tf.Tensor:
    """What the first layers of a model built with preprocessing "inside" make of raw images: float32 (n, 784)."""
    return model.get_layer("flatten")(model.get_layer("rescale")(images))


def logits(model: tf.keras.Model, inputs: tf.Tensor) -> tf.Tensor:
    """What the output layer hands to its softmax, float32 (n, classes)."""
    for layer in model.layers[:-1]:
        inputs = layer(inputs)
    output = model.layers[-1]
    return tf.matmul(inputs, output.kernel) + output.bias


def probabilities(model: tf.keras.Model, inputs: tf.Tensor) -> tf.Tensor:
    """The probability of every class, float32 (n, classes)."""
    return model(inputs)


def parameters(model: tf.keras.Model) -> dict[str, Any]:
    """The trainable variables under Keras's names: hidden/kernel, hidden/bias, output/kernel, output/bias."""
    return {
        # Keras 2 calls a variable "hidden/kernel:0", Keras 3 "kernel".
        f"{layer.name}/{variable.name.split('/')[-1].split(':')[0]}": variable
        for layer in model.layers
        for variable in layer.trainable_variables
    }


def get_weights(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """A copy of every parameter; kernels are (inputs, units)."""
    return {name: np.array(variable) for name, variable in parameters(model).items()}


def set_weights(model: tf.keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Copy the arrays into the parameters of the same names. Raises KeyError where one is missing."""
    for name, variable in parameters(model).items():
        variable.assign(weights[name])


def count_parameters(model: tf.keras.Model) -> dict[str, int]:
    """Layer name -> number of its parameters, for every layer that has any."""
    return {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
